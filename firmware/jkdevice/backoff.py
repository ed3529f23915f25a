"""Waiting times between attempts: 1, 2, 4 .. limit seconds, each with up to half of it on top by chance."""

import random

from jkcore import clock


class Backoff:
    """`limit` in seconds, at most 60. The first attempt is due at once."""

    def __init__(self, limit):
        self._limit = limit
        self._seconds = 0
        self._wait = 0
        self._from = 0

    def due(self, now):
        """True when the next attempt may start."""
        return clock.since(now, self._from) >= self._wait

    def failed(self, now):
        """Note a failed attempt (or a lost connection); returns the ms to the next one.

        The chance part keeps many bridges from storming a broker that comes back.
        """
        self._seconds = min(self._seconds * 2, self._limit) if self._seconds else 1
        self._from = now
        self._wait = self._seconds * 1000 + self._seconds * random.getrandbits(8) * 500 // 256
        return self._wait

    def reset(self):
        """All is well: the next failure waits one second again."""
        self._seconds = 0
