"""Frames of a log in the place of a CAN port, on a clock of their own: for replay, and for the doctor at a log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from jkbridge.can_frame import CanEvent, CanFrame
from jkbridge.can_health import CanHealth
from jkbridge.clock import MASK, since


class CanReplayPort:
    """Hands out frames as the clock comes by; their times are ms from now on."""

    def __init__(self, frames: Sequence[CanFrame], clock: Callable[[], int], bitrate: int = 0) -> None:
        self.bitrate = bitrate
        self.elsewhere = 0
        self.why = ""
        self.listening = True
        """Whoever recorded it: here nothing is acknowledged."""
        self._clock = clock
        self._now = clock()
        self._passed = 0  # ms
        self._health = CanHealth(True)
        self._health.opened(0.0)
        self._events: deque[tuple[int, CanEvent]] = deque([(0, CanEvent("opened", self._now))])
        self._events.extend((frame.at, CanEvent("frame", (self._now + frame.at) & MASK, frame)) for frame in frames)

    @property
    def state(self) -> str:
        """As CanHealth judges what has been handed out."""
        return self._health.state

    @property
    def errors(self) -> int:
        """Error frames handed out."""
        return self._health.errors

    def start(self) -> None:
        """Nothing has to be opened."""

    def poll(self) -> CanEvent | None:
        """The next thing whose time has come, or None."""
        if self.until_next() != 0:
            return None
        at, event = self._events.popleft()
        if event.frame is not None:
            if event.frame.error:
                self._health.error(event.frame, at / 1000)
            else:
                self._health.frame(at / 1000)
        return event

    def until_next(self) -> int | None:
        """ms to the next frame; None at the end."""
        now = self._clock()
        self._passed += since(now, self._now)
        self._now = now
        return max(0, self._events[0][0] - self._passed) if self._events else None

    def write(self, buf: bytearray, n: int) -> None:
        """Never: nothing is sent on CAN."""
        raise AssertionError("nothing is sent on CAN")

    def reopen(self, reason: str) -> None:
        """A log has no connection."""

    def close(self) -> None:
        """Nothing has to be given back."""
