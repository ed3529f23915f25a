"""The packed field table: the one place that knows a field's name, where it stands, its unit, and how it is shown.

Rows are written, one call each, in live.py, settings.py and about.py (and can.py, where a bus is CAN); writer.py packs
them into the few columns below, because objects per row would cost a microcontroller 64 kB. A row is known by its
number. `at(r)` tells all about row `r`; values come from a Pack's `present(r)` and `scaled(r)`. codes.py says what the
numbers mean.
"""

from array import array

from jkcore.fields import codes
from jkcore.shim import const

OPTIONS = (  # by show code, from BALANCE on
    (b"off", b"charging", b"discharging"),
    (b"bulk", b"absorption", b"float"),
    b"off,low_soc,pack_overvoltage,pack_undervoltage,cell_overvoltage,cell_undervoltage,charge_overcurrent,"
    b"discharge_overcurrent,battery_overtemp,mos_overtemp,system_alarm,battery_low_temp,remote_control,above_soc,"
    b"mos_fault",
)
FIRMWARES = (1500, 1530, 1535, 1536, 1541, 1900)  # by when code, from FIRMWARE on

# One entry per row: offset, where its name starts, its form.
OFFSETS = array("H")
STARTS = array("H")
FORMS_USED = bytearray()
# Names one behind the other, the last letter of each with its top bit set.
NAMES = bytearray()
# What many rows have in common: kind, decimals, unit, show, ha, who, when, frame type; rows with a number also
# the distance between two of them, the number of the first, and its offset.
FORMS = bytearray()
FORM = const(11)
# First row of each frame type, and one past its last; frame type 0: live values that only CAN has, see jkcore/can.py.
FIRST = array("H", [0, 0, 0, 0])
LAST = array("H", [0, 0, 0, 0])


class Row:
    """All about one row; `at` hands out the same object every time."""

    def __init__(self):
        self.number = -1
        self.frame_type = self.offset = self.kind = self.decimals = self.unit = 0
        self.show = self.ha = self.who = self.when = 0
        self.suffix = -1  # number among its like (cell 1, cell 2, ...), -1: it has none


_row = Row()


def at(r: int) -> Row:
    """Row number `r`. The object is valid until the next call."""
    row = _row
    if row.number != r:
        row.number = r
        form = FORM * FORMS_USED[r]
        forms = FORMS
        offset = OFFSETS[r]
        row.offset = offset
        row.kind = forms[form]
        row.decimals = forms[form + 1]
        row.unit = forms[form + 2]
        row.show = forms[form + 3]
        row.ha = forms[form + 4]
        row.who = forms[form + 5]
        row.when = forms[form + 6]
        row.frame_type = forms[form + 7]
        stride = forms[form + 8]
        row.suffix = (offset - forms[form + 10]) // stride + forms[form + 9] if stride else -1
    return row


def first(frame_type: int) -> int:
    """First row of a frame type."""
    return FIRST[frame_type]


def last(frame_type: int) -> int:
    """One past the last row of a frame type."""
    return LAST[frame_type]


def options(row: Row):
    """Option texts of an enumerated row (bytes, index = raw value), None for the others."""
    if row.show < codes.BALANCE:
        return None
    texts = OPTIONS[row.show - codes.BALANCE]
    return texts.split(b",") if row.show == codes.TRIGGER else texts


def put_name(out, row: Row) -> None:
    """Write the row's name, with its number, to `out` (put_byte and put_fixed)."""
    i = STARTS[row.number]
    byte = 0
    while byte < 128:
        byte = NAMES[i]
        out.put_byte(byte & 127)
        i += 1
    if row.suffix >= 0:
        out.put_byte(95)  # _
        out.put_fixed(row.suffix, 0)


def name(r: int) -> str:
    """The name of row number `r` as a text (not for the per-frame path)."""
    i = STARTS[r]
    text = ""
    while NAMES[i] < 128:
        text += chr(NAMES[i])
        i += 1
    text += chr(NAMES[i] & 127)
    row = at(r)
    return text + "_" + str(row.suffix) if row.suffix >= 0 else text


def find(wanted: str, frame_type: int) -> int:
    """Row number of a field name in a frame type; -1: there is none."""
    for r in range(FIRST[frame_type], LAST[frame_type]):
        if name(r) == wanted:
            return r
    return -1


def offset_of(wanted: str, frame_type: int) -> int:
    """Frame offset of a field, for code that reads it on its own (the gate)."""
    r = find(wanted, frame_type)
    if r < 0:
        raise ValueError("no field " + wanted)
    return OFFSETS[r]


def rows() -> int:
    """How many rows there are."""
    return len(OFFSETS)
