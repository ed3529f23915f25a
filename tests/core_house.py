"""A whole bridge on a simulated line, with a clock of its own, for tests of the core on CPython.

>>> house = House([1, 2], interval=5)
>>> house.run(30)
>>> house.payloads("jkbms/1/live")[-1]["pack_voltage"]

Everything that happens is written down with its time: requests, sent messages, log lines. Time starts at
`start` ms and passes as fast as the machine can; nothing sleeps.
"""

from __future__ import annotations

import collections
import itertools
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from jkbridge.simulator import Host, Line, make_line
from jkcore import config as core_config
from jkcore.bridge import Bridge
from jkcore.message import HEAD

MASK = 0x3FFFFFFF
WARNING = 30
REQUEST_NAMES = {0x1E: "settings", 0x20: "live", 0x1C: "about"}


class Message(NamedTuple):
    """One PUBLISH as the session would send it."""

    at: int  # ms since the start of the house
    topic: str
    payload: str
    retain: bool


class Request(NamedTuple):
    """One request the bridge sent."""

    at: int
    address: int
    kind: str  # live, settings, about, write


class Said(NamedTuple):
    """One log line."""

    at: int
    level: int
    text: str


def configuration(
    packs: Iterable[int] | None, interval: int = 5, port: str = "/dev/ttyUSB0", bus: dict | None = None, **more: Any
) -> dict:
    """A complete configuration of the host. packs: None for all that answer; bus: further keys of the bus."""
    raw: dict[str, Any] = {"interval": interval, "bus": {"port": port, **(bus or {})}, **more}
    if packs is not None:
        raw["bus"]["packs"] = list(packs)
    return core_config.load(raw, "host")


class House:
    """addresses: packs on the line; polled: packs the bridge is told of (default: the same); scan: it is told of none.

    line: use this one instead of making one; host: another connection to it than the first (a second bridge);
    more: further keys of the configuration. Attributes: bridge,
    bus, line, messages, requests, said, now (the clock handed to the core), elapsed (ms since start).
    """

    def __init__(
        self,
        addresses: Iterable[int] = (1,),
        polled: Iterable[int] | None = None,
        *,
        interval: int = 5,
        line: Line | None = None,
        start: int = 1000,
        paced: bool = True,
        latency_ms: tuple[float, float] = (10, 10),
        port: str = "/dev/ttyUSB0",
        connect: bool = True,
        instance: bytes = b"aabbccdd",
        seed: int = 0,
        stories: Any = ((),),
        firmware: Any = "15.41",
        per_second: int = 50,
        role: str = "auto",
        scan: bool = False,
        ask_about: bool = False,
        host: Host | None = None,
        **more: Any,
    ) -> None:
        addresses = list(addresses)
        if line is None:
            line = make_line(
                addresses, paced=paced, latency_ms=latency_ms, seed=seed, stories=stories, firmware=firmware
            )
        self.line = line
        self.wire = host or line
        if host is None:
            for station in line.stations:  # remember everything that was ever sent
                station.sent = {name: collections.deque() for name in station.sent}
                station.answer = self._writing_down(station.address, station.answer)
        self.units: list[tuple[int, bytes]] = []  # (address, answer) of every pack, before faults strike
        if polled is None and not scan and "packs" not in more.get("bus", {"packs": 0}):
            scan = True  # a bus of the test's own
        if polled is None and not scan:
            polled = sorted(set(addresses) - {0})
        bus = {"role": role, "ask_about": ask_about, **more.pop("bus", {})}
        self.config = configuration(polled, interval, port, bus, **more)
        self.messages: list[Message] = []
        self.requests: list[Request] = []
        self.said: list[Said] = []
        self.heard = bytearray()  # every byte the bridge was fed
        self.fed: list[tuple[int, int]] = []  # (ms, number of bytes)
        self.start = start
        self.elapsed = 0
        self.deaf_ms = 0  # a turn of the loop takes so many ms
        self._read_at = 0
        self.bridge = Bridge(self.config, self._log, instance, "CPython", "linux", per_second)
        self.bus = self.bridge.buses[0]
        self.bus.opened(self.now)
        if connect:
            self.bridge.connected(self.now)
        self.taking = connect  # the session takes messages

    @property
    def now(self) -> int:
        return (self.start + self.elapsed) & MASK

    @property
    def packs(self) -> dict[int, Any]:
        return {pack.address: pack for pack in self.bridge.packs}

    def _log(self, level: int, text: str) -> None:
        self.said.append(Said(self.elapsed, level, text))

    def _writing_down(self, address: int, answer: Callable[..., bytes]) -> Callable[..., bytes]:
        def written(*arguments: Any) -> bytes:
            unit = answer(*arguments)
            self.units.append((address, unit))
            return unit

        return written

    def turn(self) -> None:
        """One turn of the loop at the present time."""
        now = self.now
        if self.elapsed < self._read_at:
            return
        self._read_at = self.elapsed + self.deaf_ms
        data = self.wire.read(now)
        if data:
            self.heard += data
            self.fed.append((self.elapsed, len(data)))
            self.bus.feed(data, len(data), now)
        count = self.bus.tick(now)
        if count:
            tx = bytes(self.bus.tx[:count])
            kind = REQUEST_NAMES.get(tx[3], "write") if tx[2] == 0x16 else "write"
            self.requests.append(Request(self.elapsed, tx[0], kind))
            self.wire.write(tx, now)
        self.bridge.tick(now)
        if self.taking:
            self.take()

    def take(self) -> None:
        """Let the session take everything that is due."""
        message = self.bridge.message
        while self.bridge.next_message(self.now):
            self.messages.append(
                Message(
                    self.elapsed,
                    bytes(message.buf[HEAD : message.topic_end]).decode(),
                    bytes(message.buf[message.topic_end : message.end]).decode(),
                    message.retain,
                )
            )

    def run(
        self, seconds: float, until: Callable[[], bool] | None = None, step: int = 0
    ) -> bool:
        """Turn the loop for so long, or until something is true (then True is returned).

        step: ms between two turns; 0: as long as the core says it may rest, less when bytes arrive.
        """
        end = self.elapsed + int(seconds * 1000)
        while True:
            self.turn()
            if until is not None and until():
                return True
            if self.elapsed >= end:
                return until is None
            self.elapsed = min(end, self.elapsed + (step or self._rest()))

    def _rest(self) -> int:
        rest = self.bridge.sleep_ms(self.now)
        assert rest >= 0
        due = self.wire.due_ms(self.now)
        if due is not None:
            rest = min(rest, max(math.ceil(due), self._read_at - self.elapsed))
        return max(1, rest)

    # what was seen

    def of(self, topic: str) -> list[Message]:
        """Messages of one topic."""
        return [m for m in self.messages if m.topic == topic]

    def payloads(self, topic: str) -> list[Any]:
        """Payloads of a topic as JSON."""
        return [json.loads(m.payload) for m in self.of(topic)]

    def asked(self, address: int, kind: str = "live") -> list[int]:
        """Times at which a pack was asked."""
        return [r.at for r in self.requests if (r.address, r.kind) == (address, kind)]

    def warnings(self) -> list[str]:
        return [s.text for s in self.said if s.level >= WARNING]

    def discovery(self) -> list[Message]:
        return [m for m in self.messages if m.topic.startswith("homeassistant/")]

    def receive(self, topic: str, payload: str, retained: bool = False) -> None:
        """The broker delivers a message to the bridge; of a long one the session shows the beginning, as both do."""
        data = payload.encode()
        self.bridge.received(topic.encode(), data[:512], retained, False, self.now, len(data) <= 512)


def gaps(times: list[int]) -> list[int]:
    """Differences between neighbours."""
    return [b - a for a, b in itertools.pairwise(times)]


def good_live(house: House, address: int, start: int = 0) -> list[Message]:
    """Live messages of a pack from `start` ms on."""
    return [m for m in house.of(f"jkbms/{address}/live") if m.at >= start]


def say(house: House, level: int, *words: str) -> list[str]:
    """Log lines of at least this level with all these words."""
    return [s.text for s in house.said if s.level >= level and all(w in s.text for w in words)]


def states(house: House, start: int = 0) -> list[Message]:
    """Messages that are no discovery."""
    return [m for m in house.messages if not m.topic.startswith("homeassistant/") and m.at >= start]


def reconnected(house: House, seconds: float = 30, away: float = 20) -> int:
    """Break the session for a while; the time at which it was up again."""
    house.bridge.disconnected(house.now)
    house.taking = False
    house.run(away)
    house.taking = True
    house.bridge.connected(house.now)
    start = house.elapsed
    house.run(seconds)
    return start
