"""Several buses in one bridge, each on a simulated line of its own, for tests of the core on CPython.

>>> street = Street([range(1, 16), make_can([0, 1])])
>>> street.run(60)
>>> street.of("jkbms/b2-3/live")
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core_house import MASK, Message, Said

from jkbridge.simulator import CanLine, Line, make_line
from jkcore import can
from jkcore import config as core_config
from jkcore.bridge import Bridge
from jkcore.message import HEAD


class Street:
    """One bridge, several lines. Attributes as those of House; `plugged[n]` False: line n brings nothing any more."""

    def __init__(
        self, addresses: Iterable[Iterable[int] | Line | CanLine], *, start: int = 1000, interval: int = 5, **more: Any
    ):
        """addresses: of each line's packs, or a line; more: keys of the configuration, of each bus as bus=[{..}]."""
        self.lines: list[Any] = [
            on if isinstance(on, Line | CanLine) else
            make_line(list(on), paced=True, latency_ms=(10, 10), seed=seed, stories=((),))
            for seed, on in enumerate(addresses)
        ]
        buses = more.pop("bus", [{} for _ in self.lines])
        raw = []
        for n, line in enumerate(self.lines):
            if isinstance(line, CanLine):
                raw.append({"kind": "can", "channel": f"can{n}", **buses[n]})
            else:
                raw.append({"port": f"/dev/ttyUSB{n}", "packs": sorted(line.slaves), **buses[n]})
        self.config = core_config.load({"interval": interval, "bus": raw, **more}, "host")
        self.messages: list[Message] = []
        self.said: list[Said] = []
        self.start = start
        self.elapsed = 0
        self.plugged = [True] * len(self.lines)
        self.bridge = Bridge(self.config, self._log, b"aabbccdd", "CPython", "linux")
        for bus in self.bridge.buses:
            bus.opened(self.now)
        self.bridge.connected(self.now)

    @property
    def now(self) -> int:
        return (self.start + self.elapsed) & MASK

    def _log(self, level: int, text: str) -> None:
        self.said.append(Said(self.elapsed, level, text))

    def run(self, seconds: float, step: int = 5) -> None:
        end = self.elapsed + int(seconds * 1000)
        while self.elapsed < end:
            self.turn()
            self.elapsed += step

    def turn(self) -> None:
        now = self.now
        for bus, line, plugged in zip(self.bridge.buses, self.lines, self.plugged, strict=True):
            if isinstance(line, CanLine):
                self._hear(bus, line, plugged)
                continue
            data = line.read(now)
            if data and plugged:
                bus.feed(data, len(data), now)
            count = bus.tick(now)
            if count and plugged:
                line.write(bytes(bus.tx[:count]), now)
        self.bridge.tick(now)
        message = self.bridge.message
        while self.bridge.next_message(now):
            topic = bytes(message.buf[HEAD : message.topic_end]).decode()
            payload = bytes(message.buf[message.topic_end : message.end]).decode()
            self.messages.append(Message(self.elapsed, topic, payload, message.retain))

    def _hear(self, bus: Any, line: CanLine, plugged: bool) -> None:
        for sent in line.read(self.now):
            frame = sent.frame
            flags = len(frame.data) | can.EXTENDED * frame.extended
            flags |= can.REMOTE * frame.remote | can.ERROR * frame.error
            if plugged:
                bus.feed_frame(frame.id, flags, frame.data, self.now)

    def of(self, topic: str, start: int = 0) -> list[Message]:
        return [m for m in self.messages if m.topic == topic and m.at >= start]

    def payloads(self, topic: str, start: int = 0) -> list[Any]:
        return [json.loads(m.payload) for m in self.of(topic, start)]

    def warnings(self) -> list[str]:
        return [s.text for s in self.said if s.level >= 30]
