"""Modbus RTU as a JK PB pack speaks it: CRC, requests heard on the line, acks, exceptions, register images.

Written from protocol/rs485.md sections 2.1-2.5. Nothing here is shared with the decoder in jkcore.
"""

from __future__ import annotations

READ = 0x03
WRITE = 0x10
BAD_FUNCTION = 1
BAD_REGISTER = 2
BAD_VALUE = 3

_LONGEST_REQUEST = 256  # Modbus RTU limit; a longer run of bytes cannot be a request
_FIXED_LENGTH = {0x01: 8, 0x02: 8, READ: 8, 0x04: 8, 0x05: 8, 0x06: 8}


def crc16(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS of `data` as an int (section 2.5: init 0xFFFF, reflected polynomial 0xA001)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def sealed(data: bytes | bytearray) -> bytes:
    """`data` followed by its CRC, low byte first, as it goes onto the wire."""
    return bytes(data) + crc16(data).to_bytes(2, "little")


def trigger_request(address: int, register: int) -> bytes:
    """The 11-byte request that asks a pack for a frame (section 2.1): registers 0x161C, 0x161E, 0x1620."""
    return sealed(bytes((address, WRITE, register >> 8, register & 0xFF, 0, 1, 2, 0, 0)))


def read_request(address: int, register: int, words: int) -> bytes:
    """An 8-byte FC03 request for `words` 16-bit words from `register` (section 2.3)."""
    return sealed(bytes((address, READ, register >> 8, register & 0xFF, words >> 8, words & 0xFF)))


def ack(address: int, register: int, words: int = 1) -> bytes:
    """The 8-byte answer to a write of `words` registers (section 2.2)."""
    return sealed(bytes((address, WRITE, register >> 8, register & 0xFF, words >> 8, words & 0xFF)))


def exception(address: int, function: int, code: int) -> bytes:
    """The 5-byte exception answer (section 2.4)."""
    return sealed(bytes((address, function | 0x80, code)))


class Request:
    """One request with a good CRC: address, function, register, words and the written `data` bytes."""

    __slots__ = ("address", "data", "function", "raw", "register", "words")

    def __init__(self, raw: bytes | bytearray) -> None:
        self.raw = bytes(raw)
        self.address = raw[0]
        self.function = raw[1]
        self.register = int.from_bytes(raw[2:4], "big")
        self.words = int.from_bytes(raw[4:6], "big")
        self.data = bytes(raw[7:-2]) if self.function == WRITE else b""

    def __repr__(self) -> str:
        return f"Request({self.raw.hex(' ').upper()})"


class Ear:
    """Finds the requests for one address in whatever bytes arrive, in pieces of any size.

    A half-heard request is forgotten after `gap_us` without a byte, as a UART's idle timer does. Bytes that
    do not form a request with a good CRC are passed over in silence (section 2.4).
    """

    def __init__(self, gap_us: int = 50_000) -> None:
        self.gap_us = gap_us
        self.bad_crc = 0
        self._heard = bytearray()
        self._last_us = 0

    def hear(self, address: int, data: bytes, now_us: int) -> list[Request]:
        """Take `data` that was complete at `now_us`; return the requests for `address` it completes."""
        if now_us - self._last_us > self.gap_us:
            self._heard.clear()
        self._last_us = now_us
        self._heard += data
        found = []
        at = 0
        while True:
            at = self._heard.find(address, at)
            if at < 0:
                at = len(self._heard)
                break
            length = self._length_at(at)
            if length is None or len(self._heard) - at < length:
                if length is None and len(self._heard) - at >= 2:
                    at += 1  # no request starts like this
                    continue
                break  # wait for the rest
            unit = self._heard[at : at + length]
            if crc16(unit[:-2]) == int.from_bytes(unit[-2:], "little"):
                found.append(Request(unit))
                at += length
            else:
                self.bad_crc += 1
                at += 1
        del self._heard[:at]
        return found

    def _length_at(self, at: int) -> int | None:
        """Length of the request that may start at `at`; None when its second byte is missing or no function.

        A write shows its length in its seventh byte; until that one is here 9 is answered, which keeps
        waiting.
        """
        if len(self._heard) - at < 2:
            return None
        function = self._heard[at + 1]
        if function != WRITE:
            return _FIXED_LENGTH.get(function)
        if len(self._heard) - at < 7:
            return 9
        length = 9 + self._heard[at + 6]
        return length if length <= _LONGEST_REQUEST else None
