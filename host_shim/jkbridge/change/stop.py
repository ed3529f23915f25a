"""Ctrl-C while something is being changed: the first lets the command under way come to its result, the second does
not."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self

from jkbridge.change.screen import Screen


class Stop:
    """with Stop(screen) as stop: ... if stop.wanted: ...  A second signal raises KeyboardInterrupt."""

    def __init__(self, screen: Screen) -> None:
        self.wanted = False
        self._screen = screen
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        self._screen.note("\nStopping when the command under way has its result; Ctrl-C once more: at once.")
