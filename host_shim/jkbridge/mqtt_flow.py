"""How much may be on its way to a broker: so that a stalled one is handed nothing that has grown old meanwhile.

Two limits. What waits for the socket is counted. And because QoS 0 has no acknowledgement and kernels buffer a lot, the
broker is asked for a sign of life now and then, among the messages: when it owes one, nothing more is sent.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque

WINDOW = 64
"""Published messages that may wait for the socket,"""
WINDOW_BYTES = 49152
"""and the bytes of their payloads."""
PATIENCE = 2.0
"""Seconds the broker may owe an answer before nothing more is sent to it."""
_ASK_EVERY = 16
_ASK_AFTER = 1.0
_STALLED = 5.0


class Flow:
    """`published`, `room` and `stalled` belong to the loop's thread, `written` and `answered` to the network's.

    `reset` is called between two connections, when nobody publishes.
    """

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()  # payload sizes of what was published and is not written yet
        self._starved = False
        self._since = 0.0
        self._said = False
        self.reset()

    def reset(self) -> None:
        self._waiting.clear()
        self._queued_bytes = 0
        self._written_bytes = 0
        self._asked_at = 0.0  # when the unanswered question went out; 0: none is
        self._answered_at = 0.0
        self._since_asked = 0

    def published(self, size: int) -> bool:
        """A payload of this size was handed over. True: ask the broker now, behind it."""
        self._waiting.append(size)
        self._queued_bytes += size
        self._since_asked += 1
        if self._asked_at:
            return False
        now = time.monotonic()
        if self._since_asked < _ASK_EVERY and now - self._answered_at < _ASK_AFTER:
            return False
        self._since_asked = 0
        self._asked_at = now
        return True

    def room(self) -> bool:
        """True when one more message may be handed over. After a False, `written` and `answered` return True once."""
        if self._room():
            return True
        self._starved = True
        return self._room()  # it may have come between the look and the flag

    def _room(self) -> bool:
        asked = self._asked_at
        if asked and time.monotonic() - asked > PATIENCE:
            return False
        return len(self._waiting) < WINDOW and self._queued_bytes - self._written_bytes < WINDOW_BYTES

    def empty(self) -> bool:
        """True when all that was published has been written."""
        return not self._waiting

    def written(self) -> bool:
        """A message has reached the socket. True: somebody waits for room."""
        with contextlib.suppress(IndexError):
            self._written_bytes += self._waiting.popleft()
        return self._fed()

    def answered(self) -> bool:
        """The broker has answered the question. True: somebody waits for room."""
        self._answered_at = time.monotonic()
        self._asked_at = 0.0
        return self._fed()

    def _fed(self) -> bool:
        starved, self._starved = self._starved, False
        return starved

    def stalled(self, online: bool) -> bool:
        """True once when there has been no room for 5 s; call every turn."""
        if not online or self._room():
            self._since = 0.0
            self._said = False
        elif not self._since:
            self._since = time.monotonic()
        elif not self._said and time.monotonic() - self._since > _STALLED:
            self._said = True
            return True
        return False
