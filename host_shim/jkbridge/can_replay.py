"""Frames of a log in the place of a CAN port, on a clock of their own: for replay, and for the doctor at a log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from jkbridge.can_frame import CanEvent, CanFrame
from jkbridge.can_health import CanHealth
from jkbridge.clock import MASK


class CanReplayPort:
    """Hands out frames as the clock comes by; their times are ms from now on."""

    def __init__(self, frames: Sequence[CanFrame], clock: Callable[[], int], bitrate: int = 0) -> None:
        self.bitrate = bitrate
        self.elsewhere = 0
        self.why = ""
        self.listening = True
        """Whoever recorded it: here nothing is acknowledged."""
        self._clock = clock
        self._start = clock()
        self._health = CanHealth(True)
        self._health.opened(0.0)
        self._events: deque[CanEvent] = deque([CanEvent("opened", self._start)])
        self._events.extend(
            CanEvent("frame", (self._start + frame.at) & MASK, frame) for frame in frames
        )

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
        if not self._events or self._until(self._events[0]) > 0:
            return None
        event = self._events.popleft()
        if event.frame is not None:
            seconds = self._since(event) / 1000
            if event.frame.error:
                self._health.error(event.frame, seconds)
            else:
                self._health.frame(seconds)
        return event

    def until_next(self) -> int | None:
        """ms to the next frame; None at the end."""
        return max(0, self._until(self._events[0])) if self._events else None

    def write(self, buf: bytearray, n: int) -> None:
        """Never: nothing is sent on CAN."""
        raise AssertionError("nothing is sent on CAN")

    def reopen(self, reason: str) -> None:
        """A log has no connection."""

    def close(self) -> None:
        """Nothing has to be given back."""

    def _since(self, event: CanEvent) -> int:
        return (event.at - self._start) & MASK

    def _until(self, event: CanEvent) -> int:
        return self._since(event) - ((self._clock() - self._start) & MASK)
