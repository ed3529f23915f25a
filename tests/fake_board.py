"""A board on a serial port: MicroPython's unix port at its raw REPL on a pty, with a folder of its own as its flash.

With a name ending in .img it is the blocks of a LittleFS, as a real board has, in one file.
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
    """Port `port` while it is on; `cut`: number of the file operation at which the power goes, 0 for never; `blocks`:
    size of the flash in blocks of 4 kB, as an ESP32 with 4 MB has (a Pico W: 212).
    """

    def __init__(self, folder: Path, cut: int = 0, blocks: int = 512) -> None:
        if folder.suffix != ".img":
            folder.mkdir(exist_ok=True)
        elif not folder.exists():
            folder.write_bytes(b"\xff" * (blocks * 4096))
        self.folder, self.cut, self.blocks = folder, cut, blocks
        self.port = ""
        self._place = folder if folder.is_dir() else folder.parent

    def __enter__(self) -> FakeBoard:
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        command = [mp.require_unix(), "-i", str(FLASH), str(self.folder), str(self.cut), str(self.blocks)]
        self.process = subprocess.Popen(command, stdin=master, stdout=master, stderr=master, cwd=self._place)
        # Only the board holds this end: when it dies, the other end hangs up.
        os.close(master)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._slave)

    def was_cut(self) -> bool:
        """After something went wrong or came to its end (then the board has been restarted): was it the power?"""
        return self.process.wait(5) == -9

    def start(self) -> subprocess.Popen[str]:
        """Power up: /main.py runs."""
        command = [mp.require_unix(), str(FLASH), str(self.folder), str(self.cut), str(self.blocks), "boot"]
        return subprocess.Popen(
            command, cwd=self._place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def boot(self) -> str:
        """What it says from power-up until its main.py has ended."""
        return self.start().communicate(timeout=30)[0]

    def files(self) -> dict[str, bytes]:
        return {p.relative_to(self.folder).as_posix(): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}
