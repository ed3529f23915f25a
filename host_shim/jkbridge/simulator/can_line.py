"""A CAN bus in memory: arbitration, frame times, load, faults. Time is supplied.

    line = make_can([0, 1], bitrate=500_000)
    for sent in line.read(now_ms):          # every frame that ended by then, in order
        sent.at_us, sent.frame.id, sent.frame.data
    line.packs[0].truth(now_ms)["soc"]

Simplified: a node keeps its messages in the order it made them; two nodes that send one identifier with different data
at the same moment give an error frame, and one of them tries again a millisecond later.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from .can_faults import CanFault
from .can_pack import CanPack, CanStation
from .can_wire import GAP_BITS, Frame, Sent, bits

BITRATES = (125_000, 250_000, 500_000, 1_000_000)
_WRAP = 0x3FFFFFFF  # clock of 30 bits, like everywhere in the bridge
_RETRY_NS = 1_000_000
_MOST_WAITING = 64  # a node that cannot get rid of its frames keeps the newest


class CanLine:
    """`stations` (packs and others) on one bus of `bitrate` bit/s.

    start_s: battery time (seconds since midnight) at the first clock value seen; speed: how many times faster than the
    clock the batteries live; seed: faults, collisions. acknowledged: False = nobody but one sender is there, so that
    every frame ends in an error and is tried for ever.

    All clocks are ms, wrapping at 30 bits; call at least once in 2**29 ms. Counters: frames, errors (error frames),
    collisions, busy_us (time the wire was taken); lost (frames that faults took away, or that
    waited for too long).
    """

    def __init__(
        self,
        stations: Iterable[CanStation] = (),
        *,
        bitrate: int = 500_000,
        start_s: float = 9 * 3600,
        speed: float = 1.0,
        seed: int = 0,
        acknowledged: bool = True,
    ) -> None:
        if bitrate not in BITRATES:
            raise ValueError(f"{bitrate} bit/s is not simulated; choose from {', '.join(map(str, BITRATES))}")
        self.bitrate = bitrate
        self.start_s = start_s
        self.speed = speed
        self.acknowledged = acknowledged
        self.random = random.Random(seed)
        self.stations: list[CanStation] = []
        self.faults: list[CanFault] = []
        self.frames = 0
        self.errors = 0
        self.collisions = 0
        self.lost = 0
        self.now_ns = 0
        self._bit_ns = 1_000_000_000 // bitrate
        self._busy_ns = 0
        self._free_ns = 0  # when the next frame may begin
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._waiting: dict[CanStation, deque[Frame]] = {}
        self._sent: deque[Sent] = deque()
        self._last_ms: int | None = None
        self._clock_ns = 0
        for station in stations:
            self.add(station)

    @property
    def packs(self) -> dict[int, CanPack]:
        """Address -> pack. Of two at one address the one added first."""
        found: dict[int, CanPack] = {}
        for station in self.stations:
            if isinstance(station, CanPack):
                found.setdefault(station.address, station)
        return found

    @property
    def busy_us(self) -> int:
        return self._busy_ns // 1000

    @property
    def load(self) -> float:
        """Share of the time so far that the wire was taken, 0 to 1."""
        return self._busy_ns / self.now_ns if self.now_ns else 0.0

    def add(self, station: CanStation) -> CanStation:
        """Plug a station in, also while the line is in use."""
        station.line = self
        self.stations.append(station)
        self._waiting[station] = deque()
        station.plugged()
        return station

    def remove(self, station: CanStation) -> None:
        """Unplug a station; what it has not sent yet is gone."""
        self.stations.remove(station)
        del self._waiting[station]
        station.line = None

    def fault(self, kind: str, address: int | None = None, **how: Any) -> CanFault:
        """Put a fault on one pack's messages or on all; see CanFault for `how`."""
        fault = CanFault(kind, address, **how)
        self.faults.append(fault)
        return fault

    # -- listening

    def read(self, now_ms: int) -> list[Sent]:
        """Every frame that ended by `now_ms` and was not read before."""
        self._run_to(self._time(now_ms))
        return list(self._over())

    def play(self, seconds: float) -> Iterator[Sent]:
        """The frames of the next `seconds` of the line's own time, one after the other."""
        end_ns = self.now_ns + int(seconds * 1_000_000_000)
        while self.now_ns < end_ns:
            self._run_to(min(end_ns, self.now_ns + 100_000_000))
            yield from self._over()

    def due_ms(self, now_ms: int) -> float:
        """ms until something may happen again, 0 for at once."""
        now_ns = self._time(now_ms)
        times = [self._events[0][0]] if self._events else []
        if self._sent:
            times.append(1000 * self._sent[0].at_us)
        if any(self._waiting.values()):
            times.append(self._free_ns)
        return max(0.0, (min(times) - now_ns) / 1_000_000) if times else 1000.0

    def _over(self) -> Iterator[Sent]:
        while self._sent and 1000 * self._sent[0].at_us <= self.now_ns:
            yield self._sent.popleft()

    # -- the stations' side

    def say(self, station: CanStation, name: str, frame: Frame, delay_ns: int = 0) -> None:
        """A station hands `frame` (message `name`) to its controller after `delay_ns`; the faults strike first."""
        for fault in self.faults:
            if fault.strikes(self.now_ns / 1e9, station, name, self.random):
                found = fault.apply(frame)
                if found is None:
                    self.lost += 1
                    return
                frame = found
        self.after(delay_ns, partial(self._queue, station, frame))

    def inject(self, frame: Frame, now_ms: int) -> None:
        """Somebody else puts `frame` on the bus at `now_ms`, as the next one whatever else waits."""
        self._run_to(self._time(now_ms))
        self._transmit(frame, max(self.now_ns, self._free_ns))

    def _queue(self, station: CanStation, frame: Frame) -> None:
        if station not in self._waiting:
            return
        waiting = self._waiting[station]
        if len(waiting) >= _MOST_WAITING:
            waiting.popleft()
            self.lost += 1
        waiting.append(frame)

    # -- time

    def after(self, delay_ns: int, function: Callable[[], None]) -> None:
        """Call `function` when `delay_ns` have passed on the line's clock."""
        self._order += 1
        heapq.heappush(self._events, (self.now_ns + delay_ns, self._order, function))

    def seconds(self, now_ms: int) -> float:
        """Battery time (seconds since midnight) at `now_ms`."""
        return self.start_s + self._time(now_ms) / 1e9 * self.speed

    def battery_seconds(self) -> float:
        """Battery time at this instant of the line's own time."""
        return self.start_s + self.now_ns / 1e9 * self.speed

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

    def _run_to(self, time_ns: int) -> None:
        while True:
            event_ns = self._events[0][0] if self._events else None
            start_ns = max(self._free_ns, self.now_ns) if any(self._waiting.values()) else None
            if event_ns is not None and event_ns <= time_ns and (start_ns is None or event_ns <= start_ns):
                self.now_ns = max(self.now_ns, event_ns)
                heapq.heappop(self._events)[2]()
            elif start_ns is not None and start_ns <= time_ns:
                self.now_ns = start_ns
                self._arbitrate()
            else:
                self.now_ns = max(self.now_ns, time_ns)
                return

    def _arbitrate(self) -> None:
        """The smallest identifier of all that wait goes out now."""
        heads = {station: queue[0] for station, queue in self._waiting.items() if queue}
        first = min(frame.priority for frame in heads.values())
        winners = [station for station, frame in heads.items() if frame.priority == first]
        frame = heads[winners[0]]
        if len({heads[station] for station in winners}) > 1:
            # Two that send one identifier notice it only where their data differ: an error, and both try again.
            self.collisions += 1
            self._transmit(frame._replace(error=True), self.now_ns)
            loser = self.random.choice(winners)
            again = self._waiting[loser].popleft()
            self.after(_RETRY_NS, partial(self._queue_first, loser, again))
            return
        if not self.acknowledged:
            self._transmit(frame._replace(error=True), self.now_ns)
            return
        for station in winners:
            self._waiting[station].popleft()
        self._transmit(frame, self.now_ns)

    def _queue_first(self, station: CanStation, frame: Frame) -> None:
        if station in self._waiting:
            self._waiting[station].appendleft(frame)

    def _transmit(self, frame: Frame, start_ns: int) -> None:
        # An error flag comes where the error is seen: behind the whole frame at the latest.
        length = bits(frame._replace(error=False)) * self._bit_ns
        if frame.error:
            length += bits(frame) * self._bit_ns
            self.errors += 1
        else:
            self.frames += 1
        self._busy_ns += length
        self._free_ns = start_ns + length + GAP_BITS * self._bit_ns
        self._sent.append(Sent((start_ns + length) // 1000, frame))
