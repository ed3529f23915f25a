"""The host's log: one line per event with time and level, on standard error or wherever the live table wants it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from jkcore import log as levels

# ANSI colours; the level word alone is coloured, so a line reads the same in a file.
_COLOURS = {
    levels.TRACE: "2",
    levels.DEBUG: "36",
    levels.INFO: "32",
    levels.WARNING: "33",
    levels.ERROR: "31",
    levels.FATAL: "1;31",
}


class Log:
    """Callable `log(level, text)`, the form the core wants; safe to call from any thread.

    level: the least severe level shown. `sink`, when set, takes (level, line) instead of the stream: the live
    table shows the lines itself, because anything else written to its terminal would tear it.
    """

    def __init__(self, level: int = levels.INFO, stream: TextIO | None = None) -> None:
        self.level = level
        self.stream = sys.stderr if stream is None else stream
        self.sink: Callable[[int, str], None] | None = None
        self.colour = self.stream.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()

    def __call__(self, level: int, text: str) -> None:
        if level < self.level:
            return
        stamp = time.time()
        # Bytes of the outside world end up in log lines; none of them may move the cursor or start a new
        # line.
        text = "".join(c if c.isprintable() else "?" for c in text)
        word = f"{levels.name_of(level):<7}"
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(stamp)) + f".{int(stamp * 1000) % 1000:03d}"
        with self._lock:
            if self.sink is not None:
                self.sink(level, f"{when[11:]} {word} {text}")
                return
            if self.colour:
                word = f"\x1b[{_COLOURS.get(level, '0')}m{word}\x1b[0m"
            try:
                self.stream.write(f"{when} {word} {text}\n")
                self.stream.flush()
            except (OSError, ValueError):
                # A closed terminal or a full disk must not end the bridge.
                pass
