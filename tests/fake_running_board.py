"""A board whose program runs, as one in a house: Ctrl-C on its port stops it, a reset starts it again.

The board has a terminal of its own where Ctrl-C is a signal; what comes and goes there is passed on to the port.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import termios
import threading
import tty
from pathlib import Path

import mp
from fake_board import FLASH


class RunningBoard:
    """Port `port` is there all the time; `starts` counts how often the board has started; `said` is its console."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.starts = 0
        self.said = b""
        self._outer, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._wake, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._live)

    def __enter__(self) -> RunningBoard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stop)
        self._thread.join(20)
        print(self.said.decode(errors="replace"))
        for end in (self._outer, self._slave, self._wake):
            os.close(end)

    def _live(self) -> None:
        while self._one_start():
            pass

    def _one_start(self) -> bool:
        """From power-up to reset; False when the test has ended."""
        inner, terminal = pty.openpty()
        tty.setraw(terminal)
        modes = termios.tcgetattr(terminal)
        modes[3] |= termios.ISIG
        modes[6][termios.VQUIT] = modes[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(terminal, termios.TCSANOW, modes)
        command = [mp.require_unix(), "-i", str(FLASH), str(self.folder), "0", "512", "boot"]
        process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=terminal, stdout=terminal, stderr=terminal, cwd=self.folder
        )
        os.close(terminal)
        self.starts += 1
        try:
            while True:
                ready = select.select([inner, self._outer, self._wake], [], [])[0]
                if self._wake in ready:
                    return False
                if self._outer in ready:
                    os.write(inner, os.read(self._outer, 1024))
                if inner in ready:
                    data = os.read(inner, 1024)
                    self.said += data
                    os.write(self._outer, data)
        except OSError:
            return True  # the terminal has hung up: it was a reset
        finally:
            process.kill()
            process.wait()
            os.close(inner)
