"""Requests to a simulated pack and what it says, for the tests of its writing side."""

import struct

from jkbridge.simulator.modbus import WRITE, sealed
from jkbridge.simulator.registers import REGISTERS

LIVE, SETTINGS, ABOUT = 0x1620, 0x161E, 0x161C
FRAMES = ((0x1000, SETTINGS), (0x1400, ABOUT))
KEPT = [register for register in sorted(REGISTERS) if register < 0x1600]  # what is not a command
CODES = {"i8": "b", "u8": "B", "u16": "H", "u32": "I", "i32": "i"}


def request(address, register, data, words=None):
    """The bytes of an FC16 request."""
    words = len(data) // 2 if words is None else words
    return sealed(struct.pack(">BBHHB", address, WRITE, register, words, len(data)) + data)


def ask(line, data, now=0):
    """What is said to `data` at `now` ms."""
    line.write(data, now)
    return line.read(now)


def write(line, address, register, data, now=0):
    """What a pack says to a write."""
    return ask(line, request(address, register, data), now)


def parts(register, values):
    """The data bytes of a write to `register`, for a dict of raw numbers by name."""
    return b"".join(struct.pack(">" + CODES[kind], values.get(name, 0)) for kind, name in REGISTERS[register])


def read_back(line, address, now=0):
    """Canonical name -> raw number of everything writable, from the pack's own settings and about frames."""
    frames = {base: ask(line, request(address, trigger, b"\0\0"), now) for base, trigger in FRAMES}
    said = {}
    for register in KEPT:
        base = 0x1000 if register < 0x1400 else 0x1400
        at = 6 + register - base
        for kind, name in REGISTERS[register]:
            if name:
                (said[name],) = struct.unpack_from("<" + CODES[kind], frames[base], at)
            at += struct.calcsize(CODES[kind])
    return said
