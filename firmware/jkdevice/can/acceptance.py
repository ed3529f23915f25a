"""Which CAN ids the controllers' hardware filters let through: those of a JK BMS at any address 0..15, and as
little else as possible. What passes is looked at again by the core: a filter saves work and buffers, no more.

The ids: base + device address (0x2F4 + n, 0x18F128F4 + n, ...). From address 12 on they leave the block ...F0 to
...FF; whether the firmware then carries (0x18F12900) or wraps its last byte (0x18F12800) is not known, so both
pass. 0x7F4 + 12 fits in no 11 bits. 0x18F0F428 goes to the BMS: it tells that somebody else controls it.
"""

# (id, mask, extended) for controllers with a dozen filters: a 1 in the mask must agree.
EXACT = (
    (0x2F0, 0x7F0, False),
    (0x300, 0x7FC, False),
    (0x4F0, 0x7F0, False),
    (0x500, 0x7FC, False),
    (0x5F0, 0x7F0, False),
    (0x600, 0x7FC, False),
    (0x7F0, 0x7F0, False),
    (0x18E028F0, 0x1FE8FFF0, True),  # 18E0..18E7 and 18F0..18F7
    (0x18E02800, 0x1FE8FEFC, True),
    (0x1806E5F0, 0x1FFFFFF0, True),
    (0x1806E400, 0x1FFFFCFC, True),
    (0x18F0F428, 0x1FFFFFFF, True),
)

# MCP2515: two masks, six filters, one mask for both kinds of ids. What passes filter 0 or 1 may use both receive
# buffers (rollover), what passes only 2..5 has one: a sharper mask for 0 and 1 that sends some of ours to 2..5 loses
# more of them than it keeps foreign ones away. So all ids but the standard ones of addresses 12..15 go through 0
# and 1, with the two mask bits that serve both kinds. The lower 16 bits of an extended id stay out of the masks:
# the chip lays them over the first two data bytes of standard frames (DS 4.5.1).
# Passed in all: standard ids ending in C0..FF, and 300..303, 500..503, 600..603; a quarter of all extended ids.
# Stopped: 305, 307, 35x, 37x of inverters, 1F21400 and more.
_ONE = 0x0C0  # over bits 10..0 of a standard, 28..18 of an extended id
_TWO = 0x7FC


def _row(bits, extended):
    """The four registers SIDH, SIDL, EID8, EID0 of a filter or mask for the upper 11 bits of an id."""
    return bytes((bits >> 3, (bits & 7) << 5 | (8 if extended else 0), 0, 0))


MASKS = _row(_ONE, False) + _row(_TWO, False)  # at RXM0SIDH
FILTERS_0_2 = _row(0x2F4 & _ONE, False) + _row(0x18F128F4 >> 18 & _ONE, True) + _row(0x300, False)  # at RXF0SIDH
FILTERS_3_5 = _row(0x500, False) + _row(0x600, False) + _row(0x600, False)  # at RXF3SIDH
MASKS_OPEN = bytes(8)  # with these filters 0 and 1 pass everything, and unlike RXM = 11 no broken frame
