"""The device's log: one line per event on the console (USB serial), `ms level text`; and the clock it has them from."""

import time

from jkcore import log as levels


def ticks():
    """Milliseconds, wrapping at 30 bits as the core wants them.

    Here and not in start.py: a function keeps its whole module in memory, and this one is used for ever.
    """
    return time.ticks_ms() & 0x3FFFFFFF


class Console:
    """log(level, text) for the core and this side. ticks() -> ms. Texts come without secrets from those who
    write them.
    """

    def __init__(self, level, ticks, write=print):
        self.level = level
        self._ticks = ticks
        self._write = write

    def __call__(self, level, text):
        if level >= self.level:
            ms = str(self._ticks())
            word = levels.name_of(level)
            self._write(" " * (10 - len(ms)) + ms + " " + word + " " * (7 - len(word)) + " " + text)
