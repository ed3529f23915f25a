"""The host's clock for the core: a 30-bit wrapping millisecond count (see jkcore/clock.py)."""

from __future__ import annotations

import time
from collections.abc import Callable

MASK = 0x3FFFFFFF
_HALF = 0x20000000


def now_ms() -> int:
    """Milliseconds of a clock that never jumps, wrapped to 30 bits."""
    return (time.monotonic_ns() // 1_000_000) & MASK


def since(now: int, then: int) -> int:
    """Milliseconds from `then` to `now`."""
    return (now - then) & MASK


def later(a: int, b: int) -> int:
    """The later of two times. The core must never see time run backwards: a difference of -1 ms reads as 12 days."""
    return a if ((a - b) & MASK) < _HALF else b


class Elapsed:
    """Milliseconds since it was made, which may be more than the clock can count; to be asked at least every week."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._asked = clock()
        self._ms = 0

    def __call__(self) -> int:
        now = self._clock()
        self._ms += since(now, self._asked)
        self._asked = now
        return self._ms
