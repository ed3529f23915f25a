"""What bytes are that hold no JK frame: another protocol, another speed, wires the wrong way round, or noise.

The doctor's ear: looks at the last bytes of a line and says what it recognises. Only what cannot be chance is called
certain. Off the way of a frame; a device loads it when something is wrong.

How a UART hears what is not meant for it
  * A and B swapped: every bit upside down. Between two bytes the stop bit looks like a start bit, so byte d comes as
    (~d << 1 | 1) & 255: always odd, 00 becomes FF, and a request 10 16 20 00 01 becomes DF D3 BF FF FD.
  * A slower line, at most an eighth: one bit of the line is longer than a whole byte here, so a byte holds zeros first
    and ones behind: 00 80 C0 E0 F0 F8 FC FE FF. At half the speed each bit comes twice, at a third thrice.
"""

from jkcore import modbus
from jkcore.shim import const

NOISE = const(0)
SWAPPED = const(1)  # certain
MAYBE_SWAPPED = const(2)
SLOWER = const(3)
ZEROS = const(4)  # a slower line, or A and B swapped, or a short circuit
OLD_JK = const(5)
PYLONTECH = const(6)
RTU = const(7)  # Modbus RTU of other devices; what() adds address and function
TCP = const(8)  # Modbus-TCP

_ENOUGH = const(12)  # bytes before anything is said of their pattern
_STAIRS = b"\x00\x80\xc0\xe0\xf0\xf8\xfc\xfe\xff"
_THIRDS = b"\x00\x1c\xe0\xfc"
_TRIGGERS = b"\xbf\xc3\xc7"  # 20, 1E, 1C upside down
_HEX = b"0123456789ABCDEF"


def what(data) -> tuple:
    """(one of the codes, address, function) of the last bytes heard; the two numbers only mean something with RTU."""
    if _upside_down(data):
        return SWAPPED, 0, 0
    if _old_jk(data):
        return OLD_JK, 0, 0
    if _pylontech(data):
        return PYLONTECH, 0, 0
    at = _rtu(data)
    if at >= 0:
        return RTU, data[at], data[at + 1] & 0x7F
    if _mbap(data):
        return TCP, 0, 0
    return _pattern(data), 0, 0


def _upside_down(data) -> bool:
    """A JK request heard with A and B swapped."""
    at = data.find(b"\xdf\xd3")
    while at >= 0:
        if data[at + 3 : at + 5] == b"\xff\xfd" and data[at + 2] in _TRIGGERS:
            return True
        at = data.find(b"\xdf\xd3", at + 1)
    return False


def _old_jk(data) -> bool:
    """4E 57, then a length of two bytes: the protocol of other JK models."""
    at = data.find(b"NW")
    while at >= 0:
        if len(data) > at + 3 and data[at + 2] < 4 and data[at + 2] << 8 | data[at + 3] > 17:
            return True
        at = data.find(b"NW", at + 1)
    return False


def _pylontech(data) -> bool:
    """~ and at least twelve hexadecimal digits in ASCII."""
    at = data.find(b"~")
    while at >= 0:
        digits = 0
        while at + 1 + digits < len(data) and data[at + 1 + digits] in _HEX:
            digits += 1
        if digits >= 12:
            return True
        at = data.find(b"~", at + 1)
    return False


def _rtu(data) -> int:
    """Where a Modbus RTU unit with a good CRC begins, -1: nowhere. A CRC fits by chance once in 65536 tries."""
    for at in range(len(data) - 4):
        function = data[at + 1]
        if 0 < data[at] < 248:
            for length in _rtu_lengths(data, at, function):
                if 4 < length <= len(data) - at and modbus.crc_fits(data, at, length):
                    return at
    return -1


def _rtu_lengths(data, at: int, function: int) -> tuple:
    """Possible lengths of a unit: request, and answer."""
    if 1 <= function <= 4:
        return 8, data[at + 2] + 5
    if function == 5 or function == 6:
        return (8,)
    if function == 15 or function == 16:
        return 8, data[at + 6] + 9 if len(data) > at + 6 else 0
    return (5,) if 0x81 <= function <= 0x90 else ()


def _mbap(data) -> bool:
    """The head of Modbus-TCP: number, 00 00, a length that fits, unit, function."""
    for at in range(len(data) - 7):
        length = data[at + 5]
        if not data[at + 2] and not data[at + 3] and not data[at + 4] and 3 <= length <= 253:
            function = data[at + 7] & 0x7F
            # A request has six bytes behind the length; an answer says its own length a second time.
            if function in (3, 4) and (length == 6 or len(data) > at + 8 and data[at + 8] == length - 3):
                return True
            if function in (6, 16) and length == 6 or data[at + 7] & 0x80 and length == 3:
                return True
    return False


def _pattern(data) -> int:
    """What the bytes look like when none of them says what it is."""
    if len(data) < _ENOUGH:
        return NOISE
    if _mostly(data, _is_zero):
        return ZEROS
    if _mostly(data, _is_full):
        return MAYBE_SWAPPED
    if _mostly(data, _is_stair) or _mostly(data, _is_half) or _mostly(data, _is_third):
        return SLOWER
    return MAYBE_SWAPPED if _mostly(data, _is_odd) else NOISE


def _mostly(data, fits) -> bool:
    """True when nine of ten bytes fit."""
    count = 0
    for byte in data:
        if fits(byte):
            count += 1
    return count >= len(data) - len(data) // 10


def _is_zero(byte: int) -> bool:
    return byte == 0


def _is_full(byte: int) -> bool:
    return byte == 255


def _is_stair(byte: int) -> bool:
    return byte in _STAIRS


def _is_half(byte: int) -> bool:
    """Start bit and bit 0 are one bit of the line, 1 and 2 the next one, and so on; or, where the receiver took the
    second half of a bit for the start bit, 0 and 1 are one, 2 and 3, and so on."""
    changes = byte ^ byte >> 1
    return not (byte & 1 or changes & 0x2A) or not changes & 0x55


def _is_third(byte: int) -> bool:
    return byte in _THIRDS


def _is_odd(byte: int) -> bool:
    return bool(byte & 1)
