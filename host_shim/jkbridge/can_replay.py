"""Frames of a log in the place of a CAN port, on a clock of their own: for replay, and for the doctor at a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jkbridge.can_frame import CanEvent, CanFrame
from jkbridge.can_health import CanHealth
from jkbridge.clock import MASK, Elapsed


class CanReplayPort:
    """Hands out frames as the clock comes by; their times are ms from now on."""

    def __init__(self, frames: Iterable[CanFrame], clock: Callable[[], int], bitrate: int = 0) -> None:
        self.bitrate = bitrate
        self.elsewhere = 0
        self.why = ""
        self.listening = True
        """Whoever recorded it: here nothing is acknowledged."""
        self._start = clock()
        self._passed = Elapsed(clock)
        self._health = CanHealth(True)
        self._health.opened(0.0)
        self._opened = False
        self._frames = iter(frames)
        self._next = next(self._frames, None)

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
        if not self._opened:
            self._opened = True
            return CanEvent("opened", self._start)
        frame = self._next
        if frame is None or frame.at > self._passed():
            return None
        self._next = next(self._frames, None)
        if frame.error:
            self._health.error(frame, frame.at / 1000)
        else:
            self._health.frame(frame.at / 1000)
        return CanEvent("frame", (self._start + frame.at) & MASK, frame)

    def until_next(self) -> int | None:
        """ms to the next frame; None at the end."""
        if not self._opened:
            return 0
        return max(0, self._next.at - self._passed()) if self._next is not None else None

    def write(self, buf: bytearray, n: int) -> None:
        """Never: nothing is sent on CAN."""
        raise AssertionError("nothing is sent on CAN")

    def reopen(self, reason: str) -> None:
        """A log has no connection."""

    def close(self) -> None:
        """Nothing has to be given back."""
