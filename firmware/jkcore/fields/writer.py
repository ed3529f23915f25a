"""Writes rows into the table; used by live.py, settings.py and about.py while they are imported, then forgotten.

What a command may do to a row stands in the same call, and is kept only by a bridge that lets settings be changed:
jkcore/writes/limits.py runs the calls once more for it (collect). Likewise with its place on CAN, for jkcore/can.py
(sources).
"""

from jkcore.fields import codes, table

# Frame type whose rows are being added; who collects limits; number of the next row; who collects places on CAN
_writing = [0, None, 0, None]


def collect(add) -> None:
    """From now on rows are not added but counted; add(row number, frame type, tier, low, high, step, bound, below,
    at_most, by) is called for those that may be changed."""
    _writing[1] = add


def sources(add) -> None:
    """From now on rows are not added but counted, except those only CAN has; add(row number, how many, place) is called
    for those with a place on CAN."""
    _writing[3] = add
    # On a device they have been constants until now (tools/compact.py).
    table.FORMS_USED = bytearray(table.FORMS_USED)
    table.NAMES = bytearray(table.NAMES)
    table.FORMS = bytearray(table.FORMS)


def _adding() -> bool:
    return not _writing[1] and (not _writing[3] or not _writing[0])


def block(frame_type: int) -> None:
    """The rows that follow stand in frames of this type; 0: live values that only CAN has."""
    _writing[0] = frame_type
    if not _adding():
        _writing[2] = table.FIRST[frame_type]
    else:
        table.FIRST[frame_type] = len(table.OFFSETS)


def row(
    name,
    offset,
    kind,
    decimals=0,
    unit=codes.NONE,
    show=codes.NUMBER,
    ha=codes.NOWHERE,
    who=codes.ALL,
    when=codes.ALWAYS,
    count=1,
    stride=0,
    number=1,
    tier=codes.NEVER,
    low=0,
    high=1,
    step=1,
    bound=codes.PLAIN,
    below=b"",
    at_most=b"",
    by=b"",
    can=None,
):
    """Add a field to the table.

    name      canonical name (bytes), key in JSON, in topics and unique ids
    offset    of its first byte in the 300-byte frame
    kind      how it is read; TEXT: `decimals` is the length in bytes
    decimals  the raw number is in units of 10**-decimals `unit`
    count     > 1: as many rows, `stride` bytes apart, named with a number from `number` on (cell_voltage_1, ...)

    If it may be changed (numbers are raw, in the unit of the field; its register follows from its offset):
    tier      what `writes` it takes
    low, high, step   its range and grid; what packs really hold lies inside
    bound     what else limits it
    below     the field it must stay below; at_most: it may also be equal. by: a trigger, see writes/rules.py

    can       its place on CAN: message, bit, kind, and if need be factor and summand: (raw + summand) * factor is the
              number in the unit of the field
    """
    if _writing[3] and can:
        _writing[3](_writing[2] if _writing[0] else len(table.OFFSETS), count, can)
    if not _adding():
        if _writing[1] and tier:
            _writing[1](_writing[2], _writing[0], tier, low, high, step, bound, below, at_most, by)
        _writing[2] += count
        return
    base = offset if count > 1 else 0
    first = number if count > 1 else 0
    form = _form(bytes((kind, decimals, unit, show, ha, who, when, _writing[0] or 2, stride, first, base)))
    start = len(table.NAMES)
    table.NAMES.extend(name)
    table.NAMES[-1] |= 128
    for i in range(count):
        table.OFFSETS.append(offset + i * stride)
        table.STARTS.append(start)
        table.FORMS_USED.append(form)
    table.LAST[_writing[0]] = len(table.OFFSETS)


def _form(wanted: bytes) -> int:
    """Number of the form that has these bytes, a new one if need be."""
    forms = table.FORMS
    for i in range(0, len(forms), table.FORM):
        if forms[i : i + table.FORM] == wanted:
            return i // table.FORM
    forms.extend(wanted)
    return len(forms) // table.FORM - 1
