"""What one sender puts on the wires, and how far it has come."""

from __future__ import annotations

BYTE_NS = 10 * 1_000_000_000 // 115_200  # start bit, eight data bits, stop bit


class Transmission:
    """Bytes on the wire from one sender. `data` holds ints, None where a byte got lost in a collision.

    byte_ns: time one byte takes, 0 on a line without a pace; answers: the transmission this one replies to, or None.
    """

    __slots__ = ("answers", "byte_ns", "collided", "data", "heard", "sender", "start_ns")

    def __init__(
        self, sender: object, data: bytes, start_ns: int, byte_ns: int, answers: Transmission | None = None
    ) -> None:
        self.sender = sender
        self.data: list[int | None] = list(data)
        self.start_ns = start_ns
        self.byte_ns = byte_ns
        self.answers = answers
        self.heard = False  # a host has had some of it
        self.collided = False

    @property
    def end_ns(self) -> int:
        return self.start_ns + len(self.data) * self.byte_ns

    def arrived(self, now_ns: int) -> int:
        """How many bytes are complete at `now_ns`."""
        if now_ns < self.start_ns:
            return 0
        if not self.byte_ns:
            return len(self.data)
        return min(len(self.data), (now_ns - self.start_ns) // self.byte_ns)

    def part(self, first: int, last: int) -> bytes:
        """Bytes `first` up to `last` as a listener gets them."""
        return bytes(byte for byte in self.data[first:last] if byte is not None)

    def remains(self) -> bytes:
        """All bytes as a listener gets them."""
        return self.part(0, len(self.data))
