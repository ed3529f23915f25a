"""What may be changed, and within which limits: read from the field rows, which say it in their own calls.

The columns exist only while this module is loaded: it runs the calls of fields/about.py and fields/settings.py once
more for them. `of(row)` tells all about one row; whatever has no tier there does not exist here.
"""

import sys
from array import array

from jkcore import fields
from jkcore.fields import codes, table
from jkcore.shim import const
from jkcore.writes.decimals import plain

_ABOUT = const(3)
_NONE = const(0xFFFF)

_ROWS = array("H")
_LOWS = array("i")
_HIGHS = array("i")
_STEPS = array("H")
_MARKS = bytearray()  # tier, bound, and whether the other row may be reached: three per row
_OTHERS = array("H")  # row it must stay below, _NONE: there is none
_BYS = array("H")  # row that tells which way round a trigger works


class Limit:
    """Limits of one row; numbers are raw, as Pack.scaled gives them."""

    def __init__(self, i: int):
        self.row = _ROWS[i]
        self.low = _LOWS[i]
        self.high = _HIGHS[i]
        self.step = _STEPS[i]
        self.tier = _MARKS[3 * i]
        self.bound = _MARKS[3 * i + 1]
        self.may_equal = _MARKS[3 * i + 2] > 0
        self.below = _OTHERS[i] if _OTHERS[i] != _NONE else -1
        self.by = _BYS[i] if _BYS[i] != _NONE else -1


def of(r: int):
    """Limits of row `r`; None: it cannot be changed."""
    for i in range(len(_ROWS)):
        if _ROWS[i] == r:
            return Limit(i)
    return None


def every() -> list:
    """Limits of all rows that may be changed, in the order of the table."""
    return [Limit(i) for i in range(len(_ROWS))]


def rules() -> list:
    """Limits of the rows that must stay below another one."""
    return [Limit(i) for i in range(len(_ROWS)) if _OTHERS[i] != _NONE]


def find(name: str) -> int:
    """Row of a setting, by its name, whether it may be changed or not; -1: there is none."""
    r = table.find(name, 1)
    return r if r >= 0 else table.find(name, _ABOUT)


def register(r: int) -> int:
    """Modbus register of row `r`, which must be one that may be changed.

    0x1000 or 0x1400 + offset - 6 (protocol/rs485.md section 2.2); two fields of one byte share one.
    """
    if of(r) is None:
        raise ValueError("row %d has no register" % r)
    row = table.at(r)
    offset = row.offset >> 4 if row.kind == codes.BIT else row.offset
    return (0x1400 if row.frame_type == _ABOUT else 0x1000) + (offset & ~1) - 6


def words(r: int) -> int:
    """Width of the register of row `r` in 16-bit words: 2 for the numbers of 32 bits, 1 for bytes and bits."""
    return 2 if table.at(r).kind in (codes.U32, codes.S32) else 1


def told(r: int, value) -> str:
    """A value of row `r` for a sentence."""
    row = table.at(r)
    if value is None:
        return "unknown"
    if row.show == codes.SWITCH:
        return "ON" if value else "OFF"
    options = table.options(row)
    if options and value < len(options):
        return options[value].decode()
    return plain(value, row.decimals)


def _add(r, frame_type, tier, low, high, step, bound, below, at_most, by) -> None:
    _ROWS.append(r)
    _LOWS.append(low)
    _HIGHS.append(high)
    _STEPS.append(step)
    _MARKS.extend(bytes((tier, bound, 1 if at_most else 0)))
    other = below or at_most
    _OTHERS.append(table.find(other.decode(), frame_type) if other else _NONE)
    _BYS.append(table.find(by.decode(), frame_type) if by else _NONE)


def _load() -> None:
    from jkcore.fields import writer

    writer.collect(_add)
    from jkcore.fields import about, settings

    del about, settings
    for name in ("about", "settings", "writer"):
        del sys.modules["jkcore.fields." + name]
        delattr(fields, name)


_load()
