"""What stands where on a JK BMS's CAN bus: from an identifier to a message and an address, from a row to its place.

Facts: protocol/can.md. Only a bridge with a CAN bus loads this module: it adds the rows only CAN has to the field table
and collects the places of all rows, which they say in their own calls. On a device without CAN nothing of it is there.
"""

import sys
from array import array

from jkcore import fields
from jkcore.fields import codes, table
from jkcore.shim import const

# Flags of a frame, beside its data length (0..8): what CanBus.feed_frame takes
EXTENDED = const(16)
REMOTE = const(32)
ERROR = const(64)

NOBODY = const(-1)  # classify(): an identifier that is none of JK's

_CONTROL_ID = const(0x18F0F428)
_UNDOCUMENTED_ID = const(0x01F21400)
_LAST_ADDRESS = const(15)

# Place of row r, by the number PLACES[r] (0: it has none): message, first bit, kind, factor, summand.
PLACES = bytearray()
MESSAGES = bytearray(1)
BITS = bytearray(1)
KINDS = bytearray(1)
FACTORS = bytearray(1)
SUMMANDS = array("h", [0])


def classify(ident: int, extended: bool) -> int:
    """Message (fields/codes.py) * 16 + device address of an identifier; NOBODY: it is none of JK's.

    The address is what an identifier exceeds that of address 0 by, 0 to 15 (section 3). From 12 on the sum carries into
    the next byte, and a standard identifier of 0x7F4 has no room for it: what firmware does there is unknown.
    """
    if not extended:
        address = ident - 0xF4 & 0xFF
        if address > _LAST_ADDRESS:
            return NOBODY
        high = ident - address
        if high == 0x2F4:
            return address
        if high == 0x4F4:
            return codes.CELL_VOLT << 4 | address
        if high == 0x5F4 or high == 0x7F4:
            return (codes.CELL_TEMP if high == 0x5F4 else codes.ALM_INFO) << 4 | address
        return NOBODY
    high = ident >> 16
    address = (ident & 0xFFFF) - 0x28F4
    if 0 <= address <= _LAST_ADDRESS:
        if 0x18E0 <= high <= 0x18E6:
            return (high - 0x18E0 + codes.CELLS) << 4 | address
        if 0x18F1 <= high <= 0x18F5:
            return (high - 0x18F1 + codes.BATT_ST2) << 4 | address
        return NOBODY
    address = (ident & 0xFFFF) - 0xE5F4
    if high == 0x1806 and 0 <= address <= _LAST_ADDRESS:
        return codes.CHARGER << 4 | address
    if ident == _CONTROL_ID:
        return codes.CONTROL << 4
    return codes.UNDOCUMENTED << 4 if ident == _UNDOCUMENTED_ID else NOBODY


def byte_of(name: str) -> int:
    """Where the first byte of a live field stands among the raw messages of a CanPack, eight bytes each."""
    place = PLACES[table.find(name, 2)]
    return 8 * MESSAGES[place] + (BITS[place] >> 3)


def _add(r: int, count: int, place) -> None:
    """Take down the place of `count` rows from row `r` on."""
    for i in range(count):
        while len(PLACES) <= r + i:
            PLACES.append(0)
        PLACES[r + i] = len(MESSAGES)
    MESSAGES.append(place[0])
    BITS.append(place[1])
    KINDS.append(place[2])
    FACTORS.append(place[3] if len(place) > 3 else 1)
    SUMMANDS.append(place[4] if len(place) > 4 else 0)


def _load() -> None:
    from jkcore.fields import writer

    writer.sources(_add)
    from jkcore.fields import can, live

    del can, live
    for name in ("can", "live", "writer"):
        del sys.modules["jkcore.fields." + name]
        delattr(fields, name)
    while len(PLACES) < table.rows():
        PLACES.append(0)
    table.OPTIONS += ((b"none", b"serious", b"important", b"general"),)


_load()
