"""A bridge of the host in this process, on real ports, without a broker: what it publishes is kept and compared."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from host_fakes import FakeSession, Lines
from test_core_truth import says

from jkbridge.can_feed import CanLine
from jkbridge.clock import now_ms
from jkbridge.loop import Loop, Wake
from jkbridge.ports import SerialPort
from jkbridge.simulator import Server
from jkcore import config as schema
from jkcore.bridge import Bridge


class Rig:
    """buses: [{"port": .., "packs": ..}, ..]; use it as a context manager. run(seconds) turns the loop."""

    def __init__(self, buses: list[dict[str, Any]], interval: int = 1) -> None:
        config = schema.load({"interval": interval, "bus": buses, "discovery": {"enabled": False}}, "host")
        self.log = Lines()
        self.wake = Wake()
        self.bridge = Bridge(config, self.log, b"aabbccdd", "CPython", "test")
        self.ports = [self._port(b) for b in config["bus"]]
        self.published: list[tuple[float, str, bytes]] = []
        self.loop = Loop(self.bridge, self.ports, FakeSession(), self._tap)
        self.gap = 0.0
        """The longest time one turn of the loop took, s."""

    def _port(self, bus: dict[str, Any]) -> Any:
        if bus["kind"] == "can":
            return CanLine(bus["interface"], bus["channel"], bus["bitrate"], self.log, self.wake)
        return SerialPort(bus["port"], bus["baud"], self.log, self.wake)

    def _tap(self, topic: bytes, payload: bytes) -> None:
        self.published.append((time.monotonic(), topic.decode(), payload))

    def __enter__(self) -> Rig:
        for port in self.ports:
            port.start()
        self.bridge.connected(now_ms())
        return self

    def __exit__(self, *_: object) -> None:
        for port in self.ports:
            port.stop()
        for port in self.ports:
            port.close()

    def run(self, seconds: float, until: Callable[[], object] | None = None) -> float:
        """Turn for so long, or until something is true (it must become so); the seconds that took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            at = time.monotonic()
            now = self.loop.turn(now_ms())
            self.gap = max(self.gap, time.monotonic() - at)
            if until is not None and until():
                return time.monotonic() - began
            self.wake.wait(min(self.loop.rest_ms(now), 50))
        assert until is None, "did not happen in time:\n" + "\n".join(self.log.at(20)[-20:])
        return seconds

    def online(self) -> list[str]:
        return sorted(pack.id.decode() for pack in self.bridge.packs if pack.online)

    def live(self, pack: str, since: float = 0) -> list[dict[str, Any]]:
        return [json.loads(p) for at, topic, p in self.published if topic == f"jkbms/{pack}/live" and at >= since]

    def compare(self, server: Server, prefix: str = "") -> int:
        """Every live message of this line's packs says what a frame of that very pack said; their number."""
        count = 0
        with server.lock:
            for address, slave in server.line.slaves.items():
                truths = {truth["system_ticks"]: truth for truth in slave.sent["live"]}
                for payload in self.live(f"{prefix}{address}"):
                    truth = truths[round(payload["system_ticks"] * 10)]
                    assert says(payload, truth) == [], f"{prefix}{address}"
                    count += 1
        return count
