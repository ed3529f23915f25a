"""A log file in the place of a CAN bus: its frames come at the pace they were recorded at."""

from __future__ import annotations

import threading
import time

from .can_frame import CanFrame
from .can_log import CanLogError, read


class CanPlayer:
    """Plays the log `path` once, from now on. Raises CanLogError with a sentence when it cannot be read or is empty."""

    def __init__(self, path: str) -> None:
        try:
            log = read(path)
        except OSError as error:
            raise CanLogError(f"{path} cannot be read: {error.strerror or error}.") from None
        if not log.frames:
            raise CanLogError(f"{path} holds no frame.")
        self._frames = iter(log.frames)
        self._next: CanFrame | None = next(self._frames)
        self._began = time.monotonic()
        self._closed = threading.Event()

    @property
    def ended(self) -> bool:
        """Everything was played."""
        return self._next is None

    def recv(self, timeout: float) -> CanFrame | None:
        """The next frame when it is due within `timeout` seconds, else None after that time."""
        frame = self._next
        due = timeout if frame is None else frame.at / 1000 - (time.monotonic() - self._began)
        if self._closed.wait(max(0.0, min(due, timeout))) or frame is None or due > timeout:
            return None
        self._next = next(self._frames, None)
        return frame

    def shutdown(self) -> None:
        """Play no more."""
        self._closed.set()
