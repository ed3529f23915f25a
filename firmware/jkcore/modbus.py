"""Modbus RTU pieces of the JK PB protocol: CRC-16, the trigger requests, the lengths of units.

Source: protocol/rs485.md sections 2.1 (requests), 2.2 (acks), 2.4 (exceptions), 2.5 (CRC), 8.1 (writes).
"""

from array import array

from jkcore.shim import const

WRITE_MULTIPLE = const(0x10)
READ_HOLDING = const(0x03)
EXCEPTION_FLAG = const(0x80)

REQUEST_LENGTH = const(11)
ACK_LENGTH = const(8)
EXCEPTION_LENGTH = const(5)
MAX_ADDRESS = const(15)  # DIP switches: 0 is the bus master, 1..15 slaves (section 1.1)

# JK frame types (byte 4 of a frame)
SETTINGS = const(1)
LIVE = const(2)
ABOUT = const(3)
# 5 and 6 are the logs; nobody asks for them here.
# Trigger register of each frame type, low byte; the high byte is 0x16 (section 2.1). Index = frame type.
TRIGGER_HIGH = const(0x16)
_TRIGGER_LOW = b"\x00\x1e\x20\x1c\x00\x24\x22"
# One-key presets (Li-ion, LFP, LTO) are answered by a settings frame in front of their ack (section 8.4).
PRESETS = b"\x0a\x0c\x0e"


# CRC of the 16 values of four bits; a table for whole bytes would be twice as fast and take 500 bytes more.
_CRC = array(
    "H",
    (
        0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
        0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
    ),
)  # fmt: skip


def crc16(buf, start: int, end: int) -> int:
    """CRC-16/MODBUS of buf[start:end]: init 0xFFFF, reflected polynomial 0xA001; sent low byte first."""
    crc = 0xFFFF
    table = _CRC
    for i in range(start, end):
        crc ^= buf[i]
        crc = (crc >> 4) ^ table[crc & 15]
        crc = (crc >> 4) ^ table[crc & 15]
    return crc


def crc_fits(buf, start: int, length: int) -> bool:
    """True when the `length` bytes at `start` end with the CRC of the bytes before it."""
    end = start + length - 2
    return crc16(buf, start, end) == buf[end] | buf[end + 1] << 8


def put_request(buf, address: int, kind: int) -> int:
    """Write the request for a frame of type `kind` (SETTINGS, LIVE, ABOUT) from a pack; returns its length, 11.

    0 for a kind that does not exist: its register would be 0x1600, the calibration of the voltage.
    """
    if not known_kind(kind):
        return 0
    buf[0] = address
    buf[1] = WRITE_MULTIPLE
    buf[2] = TRIGGER_HIGH
    buf[3] = _TRIGGER_LOW[kind]
    buf[4] = 0
    buf[5] = 1
    buf[6] = 2
    buf[7] = 0
    buf[8] = 0
    crc = crc16(buf, 0, 9)
    buf[9] = crc & 0xFF
    buf[10] = crc >> 8
    return REQUEST_LENGTH


def requested_kind(low: int) -> int:
    """Frame type asked for by trigger register 0x1600 + `low`; 0 when it is none."""
    if low:
        for kind in range(len(_TRIGGER_LOW)):
            if _TRIGGER_LOW[kind] == low:
                return kind
    return 0


def known_kind(kind: int) -> bool:
    """True for the frame types that exist (settings, live, about and the two logs)."""
    return kind < len(_TRIGGER_LOW) and _TRIGGER_LOW[kind] != 0


def ack_belongs(low: int, kind: int) -> bool:
    """True when an ack of register 0x1600 + `low` closes a frame of type `kind`."""
    if low == _TRIGGER_LOW[kind]:
        return True
    return kind == SETTINGS and low in PRESETS


def is_preset(register: int) -> bool:
    """True for the register of a one-key preset."""
    return register >> 8 == TRIGGER_HIGH and register & 0xFF in PRESETS


def unit_length(buf, start: int, end: int, ack: bool) -> int:
    """Length of the Modbus unit that buf[start:end] may begin with, told by its function and counts (CRC not checked).

    Requests and their acks share their first six bytes, so a FC16 unit is asked about twice: `ack` False gives the
    length of a request or write, True that of an ack. 0: no unit begins here. -1: too few bytes to tell.
    """
    have = end - start
    if buf[start] > MAX_ADDRESS:
        return 0
    if have < 2:
        return -1
    function = buf[start + 1]
    if function == WRITE_MULTIPLE:
        return _write_length(buf, start, have, ack)
    if function == READ_HOLDING:
        if ack:  # the reply: address, function, byte count, data, CRC
            if have < 3:
                return -1
            count = buf[start + 2]
            return count + 5 if count and not count & 1 else 0
        return ACK_LENGTH  # the request: address, function, register, count, CRC
    if function in (0x83, 0x86, 0x90):
        return EXCEPTION_LENGTH
    return 0


def _write_length(buf, start: int, have: int, ack: bool) -> int:
    """FC16: registers 0x10xx..0x16xx only (the JK blocks), 1 or 2 registers (section 8.1)."""
    if have < 3:
        return -1
    if not 0x10 <= buf[start + 2] <= TRIGGER_HIGH:
        return 0
    if have < 6:
        return -1
    registers = buf[start + 5]
    if buf[start + 4] or not 1 <= registers <= 2:
        return 0
    if ack:
        return ACK_LENGTH
    if have < 7:
        return -1
    return 9 + 2 * registers if buf[start + 6] == 2 * registers else 0
