"""One message on CAN as `jkbridge decode` shows it: every field of it, numbers as they stand there."""

from jkcore import alarms, can
from jkcore.canpack import CanPack
from jkcore.fields import codes, table
from jkcore.payload import put_value
from jkcore.shim import const

_CELLS = const(25)  # the last group has room for more
_rows = {}  # by message, found once: a log has a million of them


def put_message(message, kind: int, data) -> None:
    """Append the JSON members of a message (fields/codes.py) out of its eight bytes.

    A sensor that is not there shows its raw 0x00 or 0xFF as degrees; the cycled capacity is what the 16 bits say.
    """
    pack = CanPack(b"0", 0, "", False, True)
    pack.keep(data, kind)
    rows = _rows.get(kind)
    if rows is None:
        every = list(range(table.first(2), table.last(2))) + list(range(table.first(0), table.last(0)))
        rows = _rows[kind] = [r for r in every if _is_in(r, kind)]
    for r in rows:
        message.key(table.name(r).encode())
        put_value(message, pack, r, True)
        if table.at(r).show == codes.ALARMS:
            message.key(b"alarm_list")
            alarms.put_list(message, pack.half(r, True), pack.half(r, False), pack)


def _is_in(r: int, kind: int) -> bool:
    """True when row `r` stands in this message, and is not made out of others."""
    place = can.PLACES[r]
    if not place:
        return False
    if can.KINDS[place] == codes.CELL16:
        number = table.at(r).suffix - 1
        return number >> 2 == kind - codes.CELLS and number < _CELLS
    return can.MESSAGES[place] == kind and can.KINDS[place] not in _FORMULAS


_FORMULAS = (codes.POWER, codes.CELL_COUNT, codes.CELL_MEAN, codes.CELL_DELTA)
