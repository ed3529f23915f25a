"""A program's connection to the simulated line: what it sends, and what its receiver has for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .transmission import Transmission

if TYPE_CHECKING:
    from .line import Line

_BURST_NS = 3_000_000  # a receiver hands over a burst, not single bytes; 3 ms is a usual FIFO timeout
_OVER_NS = 1_000_000_000  # on a line without a pace two answers to one request may still meet for so long


class Host:
    """One adapter on the line, made by Line.host(). It hears everybody but itself, other hosts too.

    Nothing heard is lost, however rarely read() is called. Counters: sent_bytes; lost_requests (transmissions of
    this host that collided).
    """

    def __init__(self, line: Line, name: str) -> None:
        self.line = line
        self.name = name
        self.sent_bytes = 0
        self.lost_requests = 0
        self._free_ns = 0
        self._received = bytearray()  # over and unread; a plain buffer, as it may have to last for hours
        self._hearing: list[tuple[Transmission, int]] = []  # (under way or unread, how many bytes were read)

    def __repr__(self) -> str:
        return f"Host({self.name!r})"

    def write(self, data: bytes, now_ms: int) -> None:
        """Send `data` at `now_ms`; bytes queue behind those this host is still sending."""
        line = self.line
        line.run(now_ms)
        self.sent_bytes += len(data)
        line.sent_bytes += len(data)
        start = max(line.now_ns, self._free_ns)
        self._free_ns = start + len(data) * line.byte_ns
        line.transmit(self, data, start - line.now_ns)
        line.settle()

    def read(self, now_ms: int) -> bytes:
        """Bytes that have reached this host's receiver by `now_ms` and were not read before."""
        self.line.run(now_ms)
        now_ns = self.line.now_ns
        self._put_away(now_ns)
        heard = self._received
        self._received = bytearray()
        hearing = []
        for air, read in self._hearing:
            count = air.arrived(now_ns)
            if count > read:
                heard += air.part(read, count)
                air.heard = True
            if count < len(air.data):
                hearing.append((air, count))
        self._hearing = hearing
        return bytes(heard)

    def due_ms(self, now_ms: int) -> float | None:
        """ms until something new may be read, 0 for at once, None while nothing is under way."""
        self.line.run(now_ms)
        if self._received:
            return 0.0
        now_ns = self.line.now_ns
        coming = self.line.next_ns()
        times = [] if coming is None else [coming]
        for air, read in self._hearing:
            if read < len(air.data):
                times.append(min(air.end_ns, max(now_ns, air.start_ns) + _BURST_NS))
        if not times:
            return None
        return max(0.0, (min(times) - now_ns) / 1_000_000)

    def close(self) -> None:
        """Unplug this host; it hears nothing more."""
        self.line.hosts.remove(self)

    # -- the line's side

    def hear(self, air: Transmission, now_ns: int) -> None:
        """The line begins to carry `air`."""
        self._put_away(now_ns)
        self._hearing.append((air, 0))

    def _put_away(self, now_ns: int) -> None:
        """Keep as plain bytes what is over and can no longer be garbled, in the order it began."""
        over = 0
        for air, read in self._hearing:
            if now_ns < air.end_ns + (0 if air.byte_ns else _OVER_NS):
                break
            self._received += air.part(read, len(air.data))
            air.heard = True
            over += 1
        del self._hearing[:over]
