"""An RS485 line in memory: everybody hears everybody, two at once garble each other. Time is supplied.

Line(slaves) answers at once and without any pace, for tests with a clock of their own; Line(slaves,
paced=True, latency_ms=(5, 20)) keeps to 115200 baud, 10 bits a byte, and to the time a pack needs before it
answers. Two senders meet on a paced line; without a pace only packs do, when they speak at one instant.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from .faults import Fault, sort_of
from .host import Host
from .master import JUNK, Master
from .modbus import Request
from .slave import Slave
from .transmission import BYTE_NS, Transmission

_WRAP = 0x3FFFFFFF  # clock of 30 bits, like everywhere in the bridge
Event = Callable[[], None]
ECHO = "echo"


class Line:
    """`stations` (slaves, a bus master too) and one or more hosts on one pair of wires.

    start_s: battery time (seconds since midnight) at the first clock value seen; speed: how many times
    faster than the clock the batteries live; latency_ms: (shortest, longest) pause before an answer, drawn
    anew each time; paced: keep to 115200 baud; seed: latency jitter, faults, garbling.

    write(), read() and due_ms() are those of the first host; host() attaches another one.

    All clocks are ms, wrapping at 30 bits; call at least once in 2**29 ms. Steps may be of any size: what packs do
    by themselves in between happens at its own time. Counters: sent_bytes (from all hosts), collisions, lost_requests
    (host transmissions that collided).
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
        self.byte_ns = BYTE_NS if paced else 0
        self.now_ns = 0  # how far events were played; never behind an event
        self._last_ms: int | None = None
        self._clock_ns = 0  # the hosts' clock, in ns since its first value
        self._events: list[tuple[int, int, Event]] = []  # heap of (ns, order, what)
        self._order = 0
        self._air: list[Transmission] = []  # what somebody who speaks now may meet
        self.hosts: list[Host] = []
        self.first = self.host("host")
        for slave in slaves:
            self.add(slave)

    @property
    def slaves(self) -> dict[int, Slave]:
        """Address -> pack, the bus master (0) too. Of two at one address the one added first."""
        found: dict[int, Slave] = {}
        for station in self.stations:
            found.setdefault(station.address, station)
        return found

    @property
    def master(self) -> Master | None:
        """The pack that can be bus master, switched on or not; the first one of several; None without one."""
        return next((station for station in self.stations if isinstance(station, Master)), None)

    def add(self, slave: Slave) -> Slave:
        """Plug a station in, also while the line is in use."""
        slave.line = self
        self.stations.append(slave)
        slave.plugged()
        return slave

    def remove(self, slave: Slave) -> None:
        """Unplug a station; what it is sending still arrives."""
        self.stations.remove(slave)
        slave.unplugged()

    def fault(self, kind: str, address: int | None = None, **how: Any) -> Fault:
        """Put a fault on one pack's answers or on the whole line; see faults.Fault for `how`."""
        fault = Fault(kind, address, **how)
        self.faults.append(fault)
        return fault

    # -- the hosts' side

    def host(self, name: str = "another host") -> Host:
        """Attach one more host (a second bridge, say); it hears what is said from now on."""
        host = Host(self, name)
        self.hosts.append(host)
        return host

    def write(self, data: bytes, now_ms: int) -> None:
        """The first host sends `data` at `now_ms`; bytes queue behind those it is still sending."""
        self.first.write(data, now_ms)

    def read(self, now_ms: int) -> bytes:
        """Bytes that have reached the first host's receiver by `now_ms` and were not read before."""
        return self.first.read(now_ms)

    def due_ms(self, now_ms: int) -> float | None:
        """ms until the first host may have something new to read, 0 for at once, None while nothing is under way."""
        return self.first.due_ms(now_ms)

    def seconds(self, now_ms: int) -> float:
        """Battery time (seconds since midnight) at `now_ms`."""
        return self._battery_seconds(self._time(now_ms))

    def elapsed_s(self) -> float:
        """Seconds of the line's own clock since its first use; faults are scheduled on it."""
        return self.now_ns / 1_000_000_000

    def inject(self, data: bytes, now_ms: int, sender: object = "foreign") -> None:
        """Somebody else on the wires sends `data`: noise, or requests, which packs do answer."""
        self.run(now_ms)
        self.transmit(sender, data)
        self.settle()

    # -- the wires

    def transmit(self, sender: object, data: bytes, delay_ns: int = 0, answers: Transmission | None = None) -> None:
        """A sender starts to send `data` after `delay_ns`. Overlaps garble; nobody is told."""
        new = Transmission(sender, data, self.now_ns + delay_ns, self.byte_ns, answers)
        self.after(delay_ns, partial(self._begin, new))

    def say(self, station: Slave, unit: bytes, delay_ms: float = 0, answers: Transmission | None = None) -> None:
        """A pack sends `unit` after `delay_ms`; the faults put on its answers strike first."""
        elapsed = self.elapsed_s()
        sort = sort_of(unit)
        for fault in self.faults:
            if unit and fault.strikes(elapsed, station.address, "answer", self.random, sort):
                unit, more_ms = fault.apply(unit, self.random)
                delay_ms += more_ms
        if unit:
            self.transmit(station, unit, int(delay_ms * 1_000_000), answers)

    def strike_write(self, address: int, register: int) -> dict[str, Fault]:
        """The faults that strike a write to `register` of pack `address` now, by kind."""
        elapsed = self.elapsed_s()
        struck = {}
        for fault in self.faults:
            if fault.strikes(elapsed, address, "write", self.random, register):
                struck[fault.kind] = fault
        return struck

    def cut(self, sender: object) -> None:
        """What `sender` has on the wire ends here and now, as when its power fails."""
        for air in self._air:
            if air.sender is sender and air.end_ns > self.now_ns:
                del air.data[air.arrived(self.now_ns) :]

    def _begin(self, new: Transmission) -> None:
        self._forget()
        for other in self._air:
            if self._overlap(other, new):
                self._garble(other, new)
        self._air.append(new)
        for host in self.hosts:
            if host is not new.sender:
                host.hear(new, self.now_ns)
        self._at(new.end_ns, partial(self._finish, new))

    def _overlap(self, earlier: Transmission, new: Transmission) -> bool:
        if earlier.byte_ns or new.byte_ns:
            return earlier.end_ns > new.start_ns
        # Without a pace a unit takes no time. What packs say still collides when two of them speak at one
        # instant, or when two at one address answer the same request; an answer that was read is over.
        if earlier.heard or not isinstance(earlier.sender, Slave) or not isinstance(new.sender, Slave):
            return False
        if new.answers is earlier:
            return False
        twins = new.answers is not None and new.answers is earlier.answers and earlier.sender is not new.sender
        return (twins and earlier.sender.address == new.sender.address) or earlier.start_ns == new.start_ns

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
        sender = done.sender
        if sender is JUNK:
            return  # no UART makes anything of it
        data = done.remains()
        if isinstance(sender, Host):
            if done.collided:
                self.lost_requests += 1
                sender.lost_requests += 1
            data = self._on_request(sender, data)
        # What a slave says carries no request, so only a bus master listens to it.
        asked = not isinstance(sender, Slave) or sender.leads
        for station in list(self.stations):
            if station is sender or not (asked or station.leads):
                continue
            for request in station.hear(data, self.now_ns // 1000):
                self._reply(station, request, done)

    def _reply(self, station: Slave, request: Request, asked: Transmission) -> None:
        delay_ms = self.random.uniform(*(station.latency_ms or self.latency_ms))
        unit = station.answer(request, self.battery_seconds())
        if unit:
            self.say(station, unit, delay_ms, asked)

    def _on_request(self, host: Host, data: bytes) -> bytes:
        """Line faults on what a host sends: echo and damage."""
        elapsed = self.elapsed_s()
        for fault in self.faults:
            if data and fault.strikes(elapsed, None, "request", self.random):
                if fault.kind == "echo":
                    # The adapter hands the host its own bytes back; that takes no time on the wire.
                    echo = data[-fault.amount :] if fault.amount < len(data) else data
                    host.hear(Transmission(ECHO, echo, self.now_ns, 0), self.now_ns)
                else:
                    data, _ = fault.apply(data, self.random)
        return data

    # -- time

    def run(self, now_ms: int) -> None:
        """Let everything happen that is due by `now_ms`."""
        self._run_to(self._time(now_ms))

    def settle(self) -> None:
        """Let everything happen that is due at this instant."""
        self._run_to(self.now_ns)

    def after(self, delay_ns: int, function: Event) -> None:
        """Call `function` when `delay_ns` have passed, at that very instant of the line's time."""
        self._at(self.now_ns + delay_ns, function)

    def next_ns(self) -> int | None:
        """When the next event is due, or None while none is."""
        return self._events[0][0] if self._events else None

    def battery_seconds(self) -> float:
        """Battery time (seconds since midnight) at this instant of the line's time."""
        return self._battery_seconds(self.now_ns)

    def _time(self, now_ms: int) -> int:
        """Clock of 30 bits -> ns since the first use. A clock that steps back is taken as standing still."""
        now_ms = int(now_ms) & _WRAP
        if self._last_ms is None:
            self._last_ms = now_ms
        passed = (now_ms - self._last_ms) & _WRAP
        if passed < 1 << 29:
            self._last_ms = now_ms
            self._clock_ns += passed * 1_000_000
        return max(self.now_ns, self._clock_ns)

    def _battery_seconds(self, time_ns: int) -> float:
        return self.start_s + time_ns / 1_000_000_000 * self.speed

    def _at(self, time_ns: int, function: Event) -> None:
        self._order += 1
        heapq.heappush(self._events, (time_ns, self._order, function))

    def _run_to(self, time_ns: int) -> None:
        while self._events and self._events[0][0] <= time_ns:
            at, _, function = heapq.heappop(self._events)
            self.now_ns = max(self.now_ns, at)
            function()
        if time_ns > self.now_ns:
            self.now_ns = time_ns

    def _forget(self) -> None:
        """Drop what nobody can meet any more: it has ended, or without a pace its answers would be long over."""
        now = self.now_ns
        self._air = [
            air for air in self._air
            if (air.end_ns > now if air.byte_ns else not air.heard and air.start_ns + 1_000_000_000 > now)
        ]
