"""`make flash`: MicroPython itself onto an ESP32 with esptool. Checks first that the file is what it is taken for.

Facts of the image format (esptool's documentation, "Firmware Image Format"): byte 0 is 0xE9, bytes 12 and 13 are the
chip; MicroPython's .bin begins with the bootloader, and its partition table (first bytes AA 50) lies at flash 0x8000.
Its banner, "MicroPython v1.24.1 on ...", stands in it as text.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from device import OLDEST, DeviceError, boards, ports, say

CHIPS = {
    0: "esp32", 2: "esp32s2", 5: "esp32c3", 9: "esp32s3", 12: "esp32c2", 13: "esp32c6", 16: "esp32h2", 18: "esp32p4",
}  # fmt: skip
OFFSETS = {"esp32": 0x1000, "esp32s3": 0x0, "esp32c3": 0x0}
_TABLE_AT = 0x8000
_WHERE = "https://micropython.org/download/"


def check_image(path: Path, chip: str, wanted: str = "") -> None:
    """The file is MicroPython for this chip. `wanted`: the download's name, for the sentences. Raises DeviceError."""
    named = f"{_WHERE}{wanted}"
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        text = f"There is no file {path}. Download the .bin of MicroPython 1.24 or newer first: {named}"
        raise DeviceError(text) from None
    except OSError as error:
        raise DeviceError(f"{path} cannot be read: {error.strerror}.") from None
    if data[:4] == b"UF2\n":
        raise DeviceError(f"{path} is a .uf2, for a Pico; {chip} needs the .bin from {named}.")
    if len(data) < 16 or data[0] != 0xE9:
        text = f"{path} is no firmware image for an ESP32 (its first byte is not E9). Download it again: {named}"
        raise DeviceError(text)
    number = int.from_bytes(data[12:14], "little")
    if CHIPS.get(number) != chip:
        other = CHIPS.get(number, f"a chip of number {number}")
        raise DeviceError(f"{path} is for {other}, and this board has {chip}. It needs the .bin from {named}")
    at = _TABLE_AT - OFFSETS[chip]
    if data[at : at + 2] != b"\xaa\x50":
        raise DeviceError(
            f"{path} is not the whole firmware: bootloader and partition table are missing (an .app-bin is for updates "
            f"only), or the download is cut. Take the .bin from {named}."
        )
    if b"MicroPython" not in data:
        raise DeviceError(f"{path} is for {chip}, but it is not MicroPython. Take the .bin from {named}")
    banner = re.search(rb"MicroPython v(\d+)\.(\d+)", data)
    if banner and tuple(map(int, banner.groups())) < OLDEST:
        text = f"{path} is {banner[0].decode()}: jkbridge needs 1.24 or newer. Take a newer .bin from {named}"
        raise DeviceError(text)


def command(chip: str, port: str, path: Path, erase: bool) -> list[str]:
    """The call of esptool 5."""
    tool = [sys.executable, "-m", "esptool", "--chip", chip, "--port", port, "--baud", "460800", "write-flash"]
    return [*tool, *(["--erase-all"] if erase else []), f"{OFFSETS[chip]:#x}", str(path)]


def flash(name: str, port: str, file: str, erase: bool = False) -> None:
    """The whole of `make flash`. Raises DeviceError."""
    board = boards.load(name)
    page = f"{_WHERE}{board.FIRMWARE}"
    if board.CHIP == "rp2040":
        raise DeviceError(
            f"Board {name} is flashed by hand: hold its BOOTSEL button while you plug it in, then copy the .uf2 from "
            f"{page} onto the drive RPI-RP2 that appears. Next: make deploy BOARD={name}"
        )
    if board.CHIP not in OFFSETS:
        chip = board.CHIP or "its file names no CHIP"
        raise DeviceError(f"Board {name} is no ESP32 ({chip}): there is nothing to flash.")
    if not file:
        raise DeviceError(f"FIRMWARE is missing. Download the .bin of MicroPython 1.24 or newer from {page}, then: "
                          f"make flash BOARD={name} PORT={port or '/dev/ttyUSB0'} FIRMWARE=that-file.bin")  # fmt: skip
    path = Path(file).expanduser()  # not every shell does that behind FIRMWARE=
    check_image(path, board.CHIP, board.FIRMWARE)
    port = ports.choose(port)
    ports.check(port)
    what = "everything on it is erased first" if erase else "files that are on it stay; ARGS=--erase removes them"
    say(f"Writing {path.name} to the {board.CHIP} at {port} ({what}).")
    try:
        failed = subprocess.run(command(board.CHIP, port, path, erase)).returncode
    except KeyboardInterrupt:
        text = "Interrupted: what is on the board now may be half a MicroPython. Run the same command again."
        raise DeviceError(text) from None
    if failed:
        raise DeviceError(
            "esptool did not get through; what it said is above. Hold the board's BOOT button (GPIO0) while it "
            f"connects, use a short cable that carries data, and check that the board is a {board.CHIP}. Running it "
            "again does no harm."
        )
    say(f"MicroPython is on the board. Next: make deploy BOARD={name} PORT={port}")
