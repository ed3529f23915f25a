"""The commands of the Makefile for a device on a serial port: flash, deploy, config, log, repl, boards."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FIRMWARE = ROOT / "firmware"
BOARDS = ROOT / "boards"
BUILD = ROOT / "build"
OLDEST = (1, 24)  # MicroPython that jkbridge runs on

for folder in (FIRMWARE, ROOT / "tools"):  # jkcore of this tree, and compact
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


class DeviceError(Exception):
    """What happened, where, and what to do: a sentence for people."""


def say(text: str = "") -> None:
    print(text, flush=True)
