"""A pack's values as JSON: `{"pack_voltage":53.274,"charge_mos":"ON",...}`.

Every row that is present gives a key; a value that cannot be told is null (Home Assistant then shows "unknown").
"""

from jkcore import alarms
from jkcore.fields import codes, table


def put_values(message, pack, frame_type: int, decoding: bool) -> None:
    """Append the JSON members of all rows of a frame type.

    decoding: as `jkbridge decode` prints them (raw 0/1 and codes, every row of the protocol's tables); else as they are
    published (ON/OFF, option texts, derived values).
    """
    hidden = codes.PUBLISHED if decoding else codes.DECODED
    for r in range(table.first(frame_type), table.last(frame_type)):
        row = table.at(r)
        if row.who == codes.SECRET or row.who == hidden:
            continue
        # Decoding a single frame knows no firmware: a row that needs one is shown as it stands.
        if not pack.present(r) and not (decoding and row.when >= codes.HAS_CELLS):
            continue
        message.separate()
        message.put_byte(34)
        table.put_name(message, row)
        message.put(b'":')
        put_value(message, pack, r, decoding)
        if row.show == codes.ALARMS:
            message.put(b',"alarm_list":')
            alarms.put_list(message, pack.half(r, True), pack.half(r, False), pack, pack.more_alarms())
    if frame_type == 2 and not decoding and table.last(0):
        put_values(message, pack, 0, False)


def next_row(pack, frame_type: int, r: int) -> int:
    """The first published row from `r` (0: the first of the frame type) that is present; -1: none is left.

    Behind the live values come those only CAN has.
    """
    found = _next_in(pack, frame_type, r)
    return _next_in(pack, 0, r) if found < 0 and frame_type == 2 else found


def _next_in(pack, frame_type: int, r: int) -> int:
    if r < table.first(frame_type):
        r = table.first(frame_type)
    while r < table.last(frame_type):
        who = table.at(r).who
        if who != codes.SECRET and who != codes.DECODED and pack.present(r):
            return r
        r += 1
    return -1


def put_flat(message, pack, r: int) -> None:
    """Finish a topic with the row's name and write its value as plain text."""
    table.put_name(message, table.at(r))
    message.body()
    message.bare = True
    put_value(message, pack, r, False)
    message.bare = False


def put_value(message, pack, r: int, decoding: bool) -> None:
    """Append the JSON value of a row that is present."""
    row = table.at(r)
    if row.kind == codes.MASK32:
        message.put_mask(pack.half(r, True), pack.half(r, False))
        return
    if row.kind == codes.TEXT:
        _put_text(message, pack.frame(row.frame_type), row.offset, row.decimals)
        return
    value = pack.scaled(r)
    options = table.options(row)
    if value is None or options and value >= len(options) and not decoding:
        message.put(b"null")
    elif decoding or row.show == codes.NUMBER:
        message.put_fixed(value, row.decimals)
    else:
        message.quote()
        message.put(options[value] if options else b"ON" if value else b"OFF")
        message.quote()


def _put_text(message, frame, start: int, length: int) -> None:
    """A zero-terminated ASCII field as a JSON string; a byte that is no printable ASCII becomes '?'."""
    message.quote()
    for i in range(start, start + length):
        byte = frame[i]
        if not byte:
            break
        message.put_byte(byte if 32 <= byte < 127 and byte not in (34, 92) else 63)
    message.quote()
