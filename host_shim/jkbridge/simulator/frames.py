"""Builds 300-byte JK frames and their Modbus register images from values (protocol/rs485.md 2.2, 2.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from .layout import BLOCKS, ROWS, TEXTS, WIDTHS
from .modbus import ack

MAGIC = b"\x55\xAA\xEB\x90"
FRAME_LENGTH = 300
UNIT_LENGTH = 308  # frame, then the 8-byte ack of the request, without a pause (section 2.2)
_PAYLOAD = 6

_CODES = {"i8": "<b", "u8": "<B", "i16": "<h", "u16": "<H", "i32": "<i", "u32": "<I", "f32": "<f"}
_BASES = {kind: base for base, kind in BLOCKS.items()}


def checksum(data: bytes | bytearray) -> int:
    """Sum of the bytes modulo 256 (byte 299 of a frame)."""
    return sum(data) & 0xFF


def build_frame(
    kind: int, values: Mapping[str, Any], constants: Iterable[tuple[int, bytes]] = (), byte5: int = 0
) -> bytes:
    """One 300-byte frame of `kind` (1 settings, 2 live, 3 about).

    `values` maps canonical names to scaled integers or text; what is missing stays 0. `constants` are
    (offset, bytes) pairs a firmware always sends (its capability masks); values are put on top of them.
    Raises struct.error when a value does not fit its field: that is a defect of the model, not of the line.
    """
    frame = bytearray(FRAME_LENGTH)
    frame[0:4] = MAGIC
    frame[4] = kind
    frame[5] = byte5
    for offset, data in constants:
        frame[offset : offset + len(data)] = data
    for offset, size, name in TEXTS[kind]:
        text = values.get(name)
        if text is not None:
            raw = text.encode("ascii")[:size]
            frame[offset : offset + size] = raw + bytes(size - len(raw))
    for offset, width, name in ROWS[kind]:
        value = values.get(name)
        if value is not None:
            struct.pack_into(_CODES[width], frame, offset, value)
    frame[299] = checksum(frame[:299])
    return bytes(frame)


def build_unit(address: int, register: int, frame: bytes) -> bytes:
    """The 308 bytes a slave sends for a frame request: the frame and the ack of the write."""
    return frame + ack(address, register)


def register_block(register: int) -> tuple[int, int] | None:
    """(kind, base) of the register block that holds `register`, or None when there is none."""
    for base, kind in BLOCKS.items():
        if base <= register < base + FRAME_LENGTH - _PAYLOAD - 1:
            return kind, base
    return None


def register_bytes(kind: int, frame: bytes, register: int, count: int) -> bytes | None:
    """`count` bytes from `register` on, in the byte order of an FC03 answer, or None outside the block.

    Register addresses are byte offsets; numbers of two or four bytes are big-endian there while the frame is
    little-endian; single bytes and text keep their order (section 2.3).
    """
    start = _PAYLOAD + register - _BASES[kind]
    if start < _PAYLOAD or start + count > FRAME_LENGTH - 1:
        return None
    image = bytearray(frame)
    for offset, width, _ in ROWS[kind]:
        size = WIDTHS[width]
        if size > 1:
            image[offset : offset + size] = frame[offset : offset + size][::-1]
    return bytes(image[start : start + count])
