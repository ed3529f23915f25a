"""Fakes for tests of the host: a log that is kept, a bridge that records what it is told, a port and a session."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from jkbridge.ports import PortEvent
from jkcore.message import Message


class Lines:
    """A log callable that keeps (level, text)."""

    level = 0

    def __init__(self) -> None:
        self.all: list[tuple[int, str]] = []

    def __call__(self, level: int, text: str) -> None:
        self.all.append((level, text))

    def at(self, level: int) -> list[str]:
        """Texts at this level or above."""
        return [text for found, text in self.all if found >= level]

    def text(self) -> str:
        return "\n".join(text for _, text in self.all)


class FakeBus:
    def __init__(self, port: str = "fake") -> None:
        self.config = {"port": port, "baud": 115200, "packs": [1], "name": "", "kind": "serial"}
        self.tx = bytearray(16)
        self.send = b""
        self.wish = ""  # why the port should be opened again
        self.calls: list[tuple[Any, ...]] = []
        self.is_open = False
        self.reason = ""
        self.frames = self.garbage = 0
        self.packs: list[Any] = []
        self.rejects: list[int] = []

    def feed(self, buf: bytes, n: int, now: int) -> None:
        self.calls.append(("feed", bytes(buf[:n]), now))

    def opened(self, now: int) -> None:
        self.is_open = True
        self.calls.append(("opened", now))

    def closed(self, now: int, reason: str) -> None:
        self.is_open = False
        self.calls.append(("closed", reason, now))

    def wants_reopen(self, now: int) -> str:
        reason, self.wish = self.wish, ""
        return reason

    def tick(self, now: int) -> int:
        self.calls.append(("tick", now))
        n = len(self.send)
        self.tx[:n] = self.send
        self.send = b""
        return n


class FakeBridge:
    """Gives out `outbox` (topic, payload, retain), newest state only; keeps what it is told in `calls`."""

    will_topic = b"jkbms/bridge/state"
    will_payload = b"offline"

    def __init__(self) -> None:
        self.buses = [FakeBus()]
        self.packs: list[Any] = []
        self.message = Message()
        self.outbox: deque[tuple[bytes, bytes, bool]] = deque()
        self.calls: list[tuple[Any, ...]] = []
        self.rest = 100

    def subscriptions(self) -> list[bytes]:
        return [b"homeassistant/status", b"jkbms/+/set/#"]

    def tick(self, now: int) -> None:
        self.calls.append(("tick", now))

    def sleep_ms(self, now: int) -> int:
        return self.rest

    def connected(self, now: int) -> None:
        self.calls.append(("connected",))

    def disconnected(self, now: int) -> None:
        self.calls.append(("disconnected",))

    def received(
        self, topic: bytes, payload: bytes, retained: bool, dup: bool, now: int, whole: bool = True
    ) -> None:
        self.calls.append(("received", topic, payload, retained, dup, *(() if whole else ("the beginning",))))

    def measured(self, heap_free: int, loop_gap: int, mqtt_reconnects: int) -> None:
        pass

    def next_message(self, now: int) -> bool:
        if not self.outbox:
            return False
        fill(self.message, *self.outbox.popleft())
        return True

    def stop(self, now: int) -> None:
        self.outbox.clear()
        self.outbox.append((b"jkbms/bridge/state", b"offline", True))

    def said(self, name: str) -> int:
        return sum(1 for call in self.calls if call[0] == name)


def fill(message: Message, topic: bytes, payload: bytes, retain: bool = False) -> Message:
    """Build one message in the core's buffer."""
    message.start(retain)
    message.put(topic)
    message.body()
    message.put(payload)
    return message


class FakePort:
    def __init__(self, *events: PortEvent) -> None:
        self.events = deque(events)
        self.written: list[bytes] = []
        self.reopened: list[str] = []

    def poll(self) -> PortEvent | None:
        return self.events.popleft() if self.events else None

    def write(self, buf: bytearray, n: int) -> None:
        self.written.append(bytes(buf[:n]))

    def reopen(self, reason: str) -> None:
        self.reopened.append(reason)


class FakeSession:
    reconnects = 0

    def __init__(self, room: int = 1_000_000) -> None:
        self.room = room
        self.sent: list[tuple[bytes, bytes, bool]] = []

    def poll(self, now: int) -> None:
        pass

    def ready(self) -> bool:
        return self.room > 0

    def publish(self, message: Message) -> None:
        self.room -= 1
        self.sent.append(
            (
                bytes(message.buf[7 : message.topic_end]),
                bytes(message.buf[message.topic_end : message.end]),
                bool(message.retain),
            )
        )

    def close(self, polite: bool) -> None:
        pass


def until(condition: Callable[[], object], seconds: float = 10, doing: Callable[[], object] | None = None) -> None:
    """Wait for something another thread or process does; fails after `seconds`. doing: called again and again."""
    end = time.monotonic() + seconds
    while True:
        if doing is not None:
            doing()
        if condition():
            return
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def mqtt_table(**keys: Any) -> dict[str, Any]:
    """A [mqtt] table as load() returns it."""
    table: dict[str, Any] = {
        "host": "127.0.0.1", "port": 1883, "user": "", "password": "", "tls": False, "ca": "", "cert": "", "key": "",
        "client_id": "", "keepalive": 15,
    }  # fmt: skip
    table.update(keys)
    return table


def pack(pack_id: bytes, name: str = "", online: bool = True, address: int = 1) -> Any:
    return SimpleNamespace(id=pack_id, name=name, online=online, address=address)
