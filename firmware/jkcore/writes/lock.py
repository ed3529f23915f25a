"""How much may be changed just now: what the configuration allows, and for some minutes more than that.

The configuration's `writes` (off, safe, all) is the least; an unlock raises it for N minutes and then closes by itself.
Nothing of it is kept: after a restart the configuration alone counts.
"""

from jkcore.clock import after, reached
from jkcore.shim import const

OFF = const(0)
SAFE = const(1)  # as the tiers of fields/codes.py
ALL = const(2)
WORDS = ("off", "safe", "all")  # by level
_LONGEST = const(60)  # minutes


class Lock:
    """One per bridge. Look at level() now and then, at least once a day: its time wraps."""

    def __init__(self, configured: str):
        """configured: `writes` of the configuration."""
        self._least = WORDS.index(configured)
        self._raised = 0
        self._until = 0

    def level(self, now: int) -> int:
        """OFF, SAFE or ALL."""
        if self._raised and reached(now, self._until):
            self._raised = 0
        return self._raised if self._raised > self._least else self._least

    def open(self, level: int, minutes: int, now: int) -> None:
        """Allow `level` for so many minutes (1 to 60); OFF ends an unlock at once. It never takes away what the
        configuration allows."""
        self._raised = level
        self._until = after(now, 60000 * minutes)


def parse(payload):
    """(level, minutes) of an unlock command like `safe 10`, `all 5` or `off`; None when it is none."""
    parts = bytes(payload).split(b" ")
    for level in range(len(WORDS)):
        if parts[0] == WORDS[level].encode():
            if level == OFF:
                return (OFF, 0) if len(parts) == 1 else None
            if len(parts) != 2 or not 1 <= len(parts[1]) <= 2:
                return None
            minutes = 0
            for byte in parts[1]:
                if not 48 <= byte <= 57:
                    return None
                minutes = 10 * minutes + byte - 48
            return (level, minutes) if 1 <= minutes <= _LONGEST else None
    return None
