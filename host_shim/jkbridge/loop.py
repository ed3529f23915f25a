"""The loop of the host: bus bytes in, bridge, messages out; and the watchdog that ends a bridge that hangs.

`Loop.turn(now)` does one round with whatever ports, session and clock it was given, so tests and replay turn
it too.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from jkbridge import can_feed
from jkbridge.can_frame import CanEvent
from jkbridge.clock import MASK, later, since
from jkcore import log as levels
from jkcore.message import HEAD

_LONGEST_REST = 1000
"""ms: the watchdog must see the loop turn even when the core has nothing to do."""
_BLOCKED_REST = 20
"""ms to rest at least while messages wait for a session that takes none (a written one wakes the loop)."""
_EVENTS = 64
"""Things one port may say in one turn."""
HUNG = 10.0
"""Seconds without a turn after which a bridge must not look alive any more."""
EXIT_HUNG = 70
_GAP_MS = 10_000
"""The longest time between two turns is that of this many ms, as on the device."""

_WORDS_S = 0.7
"""Seconds for the last words."""

Tap = Callable[[bytes, bytes], None]


class Port(Protocol):
    """What the loop needs of a bus port."""

    def poll(self) -> Any: ...

    def write(self, buf: bytearray, n: int) -> None: ...

    def reopen(self, reason: str) -> None: ...


class MqttSession(Protocol):
    """What the loop needs of an MQTT session."""

    reconnects: int

    def poll(self, now: int) -> None: ...

    def ready(self) -> bool: ...

    def publish(self, message: Any) -> None: ...


class Wake:
    """Lets any thread, and a signal handler, end the loop's rest. (An Event may deadlock in a signal handler.)"""

    def __init__(self) -> None:
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._pending = False

    def __call__(self) -> None:
        if not self._pending:
            self._pending = True
            self._tokens.put(None)

    def wait(self, ms: int) -> None:
        """Rest until woken or for ms; at once when woken since the last wait."""
        try:
            self._tokens.get(timeout=ms / 1000)
        except queue.Empty:
            return
        finally:
            self._pending = False


class Loop:
    """One bridge with its ports (one per bus, in order) and its session.

    tap: is shown topic and payload of every message as it is published.
    """

    def __init__(self, bridge: Any, ports: Sequence[Port], session: MqttSession, tap: Tap | None = None) -> None:
        self.bridge = bridge
        self.ports = ports
        self.session = session
        self.tap = tap
        self.turned = time.monotonic()
        """When the last turn ended; what the watchdog looks at."""
        self.gap_ms = 0
        """The longest time between two turns (ms, rest included) in the last 10 s that are complete."""
        self.measuring = True
        """False where the clock is a recording's: how long this machine takes for a turn is no part of that story."""
        self.sent = 0
        """Messages handed to the session."""
        self.drained = False
        """True after a turn that left the bridge nothing to send."""
        self._now = -1
        self._last = -1  # when the last turn began
        self._gap = 0  # the longest gap since _gap_since
        self._gap_since = 0
        self._more = False  # a port has more to say

    def turn(self, now: int) -> int:
        """One round; returns the time it ended at for the core, never before any earlier one."""
        bridge = self.bridge
        self._note_gap(now)
        self._more = False
        if self._now >= 0:
            now = later(now, self._now)
        for bus, port in zip(bridge.buses, self.ports, strict=True):
            # A port that floods must not keep the turn from ending: what is left waits for the next one.
            for _ in range(_EVENTS):
                if (event := port.poll()) is None:
                    break
                # Bytes carry the time they came at; the core's time must not run backwards all the same.
                at = event.at if self._now < 0 else later(event.at, self._now)
                self._now = at
                now = later(now, at)
                if isinstance(event, CanEvent):
                    can_feed.serve(bus, event, at)
                elif event.kind == "data":
                    bus.feed(event.data, len(event.data), at)
                elif event.kind == "opened":
                    bus.opened(at)
                else:
                    bus.closed(at, event.reason)
            else:
                self._more = True
            n = bus.tick(now)
            if n:
                port.write(bus.tx, n)
            if reason := bus.wants_reopen(now):
                port.reopen(reason)
        self._now = now
        bridge.tick(now)
        self.session.poll(now)
        self._publish(now)
        self.turned = time.monotonic()
        bridge.measured(-1, self.gap_ms if self.measuring else 0, self.session.reconnects)
        return now

    def _note_gap(self, now: int) -> None:
        """One turn that took long, and one that came late, are the same to whoever waits on the bus."""
        if self._last < 0:
            self._gap_since = now
        else:
            self._gap = max(self._gap, since(later(now, self._last), self._last))
            if since(now, self._gap_since) >= _GAP_MS:
                self.gap_ms, self._gap, self._gap_since = self._gap, 0, now
        self._last = now

    def _publish(self, now: int) -> None:
        session = self.session
        bridge = self.bridge
        self.drained = False
        while session.ready():
            if not bridge.next_message(now):
                self.drained = True
                return
            message = bridge.message
            session.publish(message)
            self.sent += 1
            if self.tap is not None:
                topic = bytes(message.buf[HEAD : message.topic_end])
                self.tap(topic, bytes(message.buf[message.topic_end : message.end]))

    def rest_ms(self, now: int) -> int:
        """How long to wait for something to happen before the next turn."""
        if self._more:
            return 0
        rest = min(int(self.bridge.sleep_ms(now)), _LONGEST_REST)
        return rest if rest or self.drained else _BLOCKED_REST


class Watchdog(threading.Thread):
    """Ends the process when the loop has not turned for 10 s: the last will then tells everybody "offline".

    drop: drops the MQTT socket without DISCONNECT. Tests give their own `end`.
    """

    def __init__(
        self,
        loop: Loop,
        log: Callable[[int, str], None],
        drop: Callable[[], None],
        end: Callable[[int], None] = os._exit,
        limit: float = HUNG,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._loop = loop
        self._log = log
        self._drop = drop
        self._end = end
        self._limit = limit
        self._stop_event = threading.Event()

    def run(self) -> None:
        period = min(1.0, self._limit / 4)
        looked = time.monotonic()
        late = 0
        while not self._stop_event.wait(period):
            now = time.monotonic()
            # A process that was stopped as a whole (Ctrl-Z, a paused machine) wakes with everybody late: the loop gets
            # its chance first. So it takes two looks in a row, each of them on time.
            punctual = now - looked < 2 * period
            looked = now
            silent = now - self._loop.turned
            late = late + 1 if punctual and silent > self._limit else 0
            if late > 1:
                # The log may be what hangs (a terminal that is stopped), so it gets a moment, but no say in whether
                # we end.
                words = threading.Thread(target=self._last_words, args=(silent,), daemon=True)
                dropper = threading.Thread(target=self._drop, daemon=True)
                words.start()
                dropper.start()
                dropper.join(1.0)
                words.join(_WORDS_S)
                self._end(EXIT_HUNG)
                return

    def stop(self) -> None:
        self._stop_event.set()

    def _last_words(self, silent: float) -> None:
        self._log(
            levels.FATAL,
            f"The bridge has not turned for {silent:.0f} s: it ends now, so that nobody takes it for alive. "
            "Please report this with the log before it.",
        )


class ManualClock:
    """A clock that stands until it is moved: for replay and tests."""

    def __init__(self, now: int = 0) -> None:
        self.now = now & MASK

    def __call__(self) -> int:
        return self.now

    def advance(self, ms: int) -> int:
        self.now = (self.now + ms) & MASK
        return self.now
