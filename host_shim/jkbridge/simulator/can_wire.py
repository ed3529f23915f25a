"""CAN frames and how long they take on the wire, stuff bits and all; who wins when two begin at once.

Frame formats of ISO 11898-1: classic CAN, 11-bit and 29-bit identifiers, at most 8 data bytes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_CRC_POLYNOMIAL = 0x4599
_CRC_BITS = 15
_TAIL_BITS = 10  # CRC delimiter, acknowledge slot and its delimiter, end of frame: never stuffed
GAP_BITS = 3  # intermission before the next frame
ERROR_BITS = 20  # error flags of two nodes (6 to 12) and the delimiter of 8; the middle of what is seen


class Frame(NamedTuple):
    """One frame as a node hands it to its controller. error: no frame, but an error flag in its place."""

    id: int
    extended: bool
    data: bytes
    remote: bool = False
    error: bool = False

    @property
    def priority(self) -> tuple[int, bool, int]:
        """What arbitration compares: the smallest wins. A standard id wins against an extended one that begins alike.

        See ISO 11898-1: eleven bits, then IDE (dominant in a standard frame), then the other eighteen.
        """
        return (self.id >> 18, True, self.id & 0x3FFFF) if self.extended else (self.id, False, 0)


class Sent(NamedTuple):
    """A frame that is over, with the moment its last bit was on the wire: us since the line's first use."""

    at_us: int
    frame: Frame


@lru_cache(maxsize=4096)
def bits(frame: Frame) -> int:
    """Bits from the start of `frame` to its end, without the gap behind it."""
    if frame.error:
        return ERROR_BITS
    text = _unstuffed(frame)
    text += f"{_crc(text):015b}"
    return len(text) + _stuff_bits(text) + _TAIL_BITS


def _unstuffed(frame: Frame) -> str:
    remote = "1" if frame.remote else "0"
    if frame.extended:
        head = f"0{frame.id >> 18:011b}11{frame.id & 0x3FFFF:018b}{remote}00"
    else:
        head = f"0{frame.id:011b}{remote}00"
    data = b"" if frame.remote else frame.data
    return head + f"{len(frame.data):04b}" + "".join(f"{byte:08b}" for byte in data)


def _crc(text: str) -> int:
    crc = 0
    for bit in text:
        crc <<= 1
        if (crc >> _CRC_BITS) ^ (bit == "1"):
            crc ^= _CRC_POLYNOMIAL
        crc &= (1 << _CRC_BITS) - 1
    return crc


def _stuff_bits(text: str) -> int:
    """How many bits a sender puts in: one of the other kind behind every five alike, counting those put in before."""
    count = run = 0
    last = ""
    for bit in text:
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            count += 1
            last = "0" if bit == "1" else "1"
            run = 1
    return count
