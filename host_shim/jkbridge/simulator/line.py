"""An RS485 line in memory: everybody hears everybody, two at once garble each other. Time is supplied.

Line(slaves) answers at once and without any pace, for tests with a clock of their own; Line(slaves,
paced=True, latency_ms=(5, 20)) keeps to 115200 baud, 10 bits a byte, and to the time a pack needs before it
answers.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from typing import Any

from .faults import Fault
from .modbus import Request
from .slave import Slave

BYTE_NS = 10 * 1_000_000_000 // 115_200  # start bit, eight data bits, stop bit
_WRAP = 0x3FFFFFFF  # clock of 30 bits, like everywhere in the bridge
Event = Callable[["Transmission"], None]
HOST = "host"
ECHO = "echo"


class Transmission:
    """Bytes on the wire from one sender. `data` holds ints, None where a byte got lost in a collision."""

    __slots__ = ("byte_ns", "collided", "data", "read", "sender", "start_ns")

    def __init__(self, sender: object, data: bytes, start_ns: int, byte_ns: int) -> None:
        self.sender = sender
        self.data: list[int | None] = list(data)
        self.start_ns = start_ns
        self.byte_ns = byte_ns
        self.read = 0  # how many bytes the host has had
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

    def remains(self) -> bytes:
        """The bytes as a listener gets them."""
        return bytes(byte for byte in self.data if byte is not None)


class Line:
    """`stations` (slaves, later a bus master too) and the host on one pair of wires.

    start_s: battery time (seconds since midnight) at the first clock value seen; speed: how many times
    faster than the clock the batteries live; latency_ms: (shortest, longest) pause before an answer, drawn
    anew each time; paced: keep to 115200 baud; seed: latency jitter, faults, garbling.

    All clocks are ms, wrapping at 30 bits; call at least once in 2**29 ms. Counters: sent_bytes (from the
    host), collisions, lost_requests (host transmissions that collided).
    """

    def __init__(
        self,
        slaves: Iterable[Slave] = (),
        *,
        start_s: float = 9 * 3600,
        speed: float = 1.0,
        paced: bool = False,
        latency_ms: tuple[float, float] | None = None,
        seed: int = 0,
    ) -> None:
        if latency_ms is None:
            latency_ms = (5, 20) if paced else (0, 0)
        self.stations: list[Slave] = []
        self.start_s = start_s
        self.speed = speed
        self.paced = paced
        self.latency_ms = latency_ms
        self.random = random.Random(seed)
        self.faults: list[Fault] = []
        self.sent_bytes = 0
        self.collisions = 0
        self.lost_requests = 0
        self._byte_ns = BYTE_NS if paced else 0
        self._last_ms: int | None = None
        self._clock_ns = 0  # the host's clock, in ns since its first value
        self._now_ns = 0  # how far events were played; never behind an event
        self._events: list[tuple[int, int, Event, Transmission]] = []  # heap of (ns, order, what, with whom)
        self._order = 0
        self._air: list[Transmission] = []  # transmissions whose bytes the host has not all had
        self._host_free_ns = 0
        for slave in slaves:
            self.add(slave)

    @property
    def slaves(self) -> dict[int, Slave]:
        """Address -> slave. Of two at one address the one added first."""
        found: dict[int, Slave] = {}
        for station in self.stations:
            found.setdefault(station.address, station)
        return found

    def add(self, slave: Slave) -> Slave:
        """Plug a station in, also while the line is in use."""
        slave.line = self
        self.stations.append(slave)
        return slave

    def remove(self, slave: Slave) -> None:
        """Unplug a station; what it is sending still arrives."""
        self.stations.remove(slave)

    def fault(self, kind: str, address: int | None = None, **how: Any) -> Fault:
        """Put a fault on one pack's answers or on the whole line; see faults.Fault for `how`."""
        fault = Fault(kind, address, **how)
        self.faults.append(fault)
        return fault

    # -- the host's side

    def write(self, data: bytes, now_ms: int) -> None:
        """The host sends `data` at `now_ms`; bytes queue behind those it is still sending."""
        self._run_to(self._time(now_ms))
        self.sent_bytes += len(data)
        start = max(self._now_ns, self._host_free_ns)
        self._host_free_ns = start + len(data) * self._byte_ns
        self._at(start, self._begin, Transmission(HOST, data, start, self._byte_ns))
        self._run_to(self._now_ns)
        self._forget()

    def read(self, now_ms: int) -> bytes:
        """Bytes that have reached the host's receiver by `now_ms` and were not read before."""
        self._run_to(self._time(now_ms))
        heard = bytearray()
        for air in self._air:
            if air.sender is HOST:
                continue
            count = air.arrived(self._now_ns)
            heard += bytes(byte for byte in air.data[air.read : count] if byte is not None)
            air.read = count
        self._forget()
        return bytes(heard)

    def due_ms(self, now_ms: int) -> float | None:
        """ms until something new can be read, 0 for at once, None while nothing is under way."""
        self._run_to(self._time(now_ms))
        times = [self._events[0][0]] if self._events else []
        for air in self._air:
            if air.sender is not HOST and air.read < len(air.data):
                # A receiver hands over a burst, not single bytes; 3 ms is a usual FIFO timeout.
                times.append(min(air.end_ns, max(self._now_ns, air.start_ns) + 3_000_000))
        if not times:
            return None
        return max(0.0, (min(times) - self._now_ns) / 1_000_000)

    def seconds(self, now_ms: int) -> float:
        """Battery time (seconds since midnight) at `now_ms`."""
        return self._battery_seconds(self._time(now_ms))

    def elapsed_s(self) -> float:
        """Seconds of the line's own clock since its first use; faults are scheduled on it."""
        return self._now_ns / 1_000_000_000

    def inject(self, data: bytes, now_ms: int, sender: object = "foreign") -> None:
        """Somebody else on the wires sends `data`: noise, or requests, which packs do answer."""
        self._run_to(self._time(now_ms))
        self.transmit(sender, data)
        self._run_to(self._now_ns)

    # -- the wires

    def transmit(self, sender: object, data: bytes, delay_ns: int = 0) -> None:
        """A station starts to send `data` after `delay_ns`. Overlaps garble; nobody is told."""
        start = self._now_ns + delay_ns
        self._at(start, self._begin, Transmission(sender, data, start, self._byte_ns))

    def _begin(self, new: Transmission) -> None:
        self._air.append(new)
        for other in self._air[:-1]:
            if self._overlap(other, new):
                self._garble(other, new)
        self._at(new.end_ns, self._finish, new)

    def _overlap(self, earlier: Transmission, new: Transmission) -> bool:
        if earlier.byte_ns or new.byte_ns:
            return earlier.end_ns > new.start_ns
        # Without a pace a unit takes no time. What packs say still collides when two of them speak at one
        # instant, or when two at one address answer the same request; an answer that was read is over.
        if earlier.read or not isinstance(earlier.sender, Slave) or not isinstance(new.sender, Slave):
            return False
        twins = earlier.sender is not new.sender and earlier.sender.address == new.sender.address
        return twins or earlier.start_ns == new.start_ns

    def _garble(self, earlier: Transmission, new: Transmission) -> None:
        self.collisions += 1
        earlier.collided = new.collided = True
        first = earlier.arrived(new.start_ns) if earlier.byte_ns else 0
        both = min(len(earlier.data) - first, len(new.data))
        for i in range(both):
            # The receiver sees one mixed byte where two were sent.
            earlier.data[first + i] = self.random.randrange(256)
            new.data[i] = None

    def _finish(self, done: Transmission) -> None:
        if done.sender is HOST and done.collided:
            self.lost_requests += 1
        data = done.remains()
        if done.sender is HOST:
            data = self._on_request(data)
        spoken_by_pack = done.sender in self.stations
        for station in list(self.stations):
            if station is done.sender or (spoken_by_pack and not station.sees_slaves):
                continue
            for request in station.hear(data, self._now_ns // 1000):
                self._reply(station, request)

    def _reply(self, station: Slave, request: Request) -> None:
        delay_ms = self.random.uniform(*(station.latency_ms or self.latency_ms))
        unit = station.answer(request, self._battery_seconds(self._now_ns))
        if not unit:
            return
        elapsed = self.elapsed_s()
        for fault in self.faults:
            if unit and fault.strikes(elapsed, station.address, "answer", self.random):
                unit, more_ms = fault.apply(unit, self.random)
                delay_ms += more_ms
        if unit:
            self.transmit(station, unit, int(delay_ms * 1_000_000))

    def _on_request(self, data: bytes) -> bytes:
        """Line faults on what the host sends: echo and damage."""
        elapsed = self.elapsed_s()
        for fault in self.faults:
            if data and fault.strikes(elapsed, None, "request", self.random):
                if fault.kind == "echo":
                    self._echo(data[-fault.amount :] if fault.amount < len(data) else data)
                else:
                    data, _ = fault.apply(data, self.random)
        return data

    def _echo(self, data: bytes) -> None:
        """The adapter hands the host its own bytes back; that takes no time on the wire."""
        self._air.append(Transmission(ECHO, data, self._now_ns, 0))

    # -- time

    def _time(self, now_ms: int) -> int:
        """Clock of 30 bits -> ns since the first use. A clock that steps back is taken as standing still."""
        now_ms = int(now_ms) & _WRAP
        if self._last_ms is None:
            self._last_ms = now_ms
        passed = (now_ms - self._last_ms) & _WRAP
        if passed < 1 << 29:
            self._last_ms = now_ms
            self._clock_ns += passed * 1_000_000
        return max(self._now_ns, self._clock_ns)

    def _battery_seconds(self, time_ns: int) -> float:
        return self.start_s + time_ns / 1_000_000_000 * self.speed

    def _at(self, time_ns: int, function: Event, argument: Transmission) -> None:
        self._order += 1
        heapq.heappush(self._events, (time_ns, self._order, function, argument))

    def _run_to(self, time_ns: int) -> None:
        """Let everything happen that is due by `time_ns`."""
        while self._events and self._events[0][0] <= time_ns:
            at, _, function, argument = heapq.heappop(self._events)
            self._now_ns = max(self._now_ns, at)
            function(argument)
        if time_ns > self._now_ns:
            self._now_ns = time_ns

    def _forget(self) -> None:
        self._air = [air for air in self._air if air.end_ns > self._now_ns or self._unread(air)]

    def _unread(self, air: Transmission) -> bool:
        return air.sender is not HOST and air.read < len(air.data)
