"""The device's log: one line per event on the console (USB serial), `ms level text`."""

from jkcore import log as levels


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
