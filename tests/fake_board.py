"""A board on a serial port: MicroPython's unix port at its raw REPL on a pty, with a folder of its own as its flash.

The power can be cut before any file operation that changes the flash (in a write: in the middle of it).

>>> with FakeBoard(folder) as board:
...     deploy.deploy("desktop", board.port)
>>> board.boot()        # what the board says when it starts; files stay in `folder`
"""

from __future__ import annotations

import os
import pty
import subprocess
import tty
from pathlib import Path

import mp

FLASH = Path(__file__).with_name("fake_board_flash.py")


class FakeBoard:
    """Port `port` while it is on; `cut`: number of the file operation at which the power goes, 0 for never."""

    def __init__(self, folder: Path, cut: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.cut = folder, cut
        self.port = ""

    def __enter__(self) -> FakeBoard:
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        command = [mp.require_unix(), "-i", str(FLASH), str(self.folder), str(self.cut)]
        self.process = subprocess.Popen(command, stdin=master, stdout=master, stderr=master, cwd=self.folder)
        # Only the board holds this end: when it dies, the other end hangs up.
        os.close(master)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._slave)

    def was_cut(self) -> bool:
        return self.process.wait(5) == -9

    def boot(self) -> str:
        """What it says from power-up until its main.py has ended."""
        done = subprocess.run(
            [mp.require_unix(), str(FLASH), str(self.folder), "0", "boot"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30,
            cwd=self.folder,
        )  # fmt: skip
        return done.stdout

    def files(self) -> dict[str, bytes]:
        return {p.relative_to(self.folder).as_posix(): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}
