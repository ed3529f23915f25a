"""What a device saves when its files lie in a ROMFS, where bytecode and texts are used in flash and not copied: the
program of tools/heap.py on the unix port, from files and from a ROMFS.

ROMFS needs MicroPython 1.25 or newer built with MICROPY_VFS_ROM and a partition for it; the images for ESP32 on
micropython.org have none. The unix port has words of 8 bytes: objects are twice as large as on a device, bytecode and
texts are not.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import heap
import mp
from mpremote.romfs import VfsRomWriter


def image(folder: Path) -> bytes:
    """A ROMFS of all .mpy of a folder."""
    writer = VfsRomWriter()

    def add(place: Path) -> None:
        for path in sorted(place.iterdir()):
            if path.is_dir():
                writer.opendir(path.name)
                add(path)
                writer.closedir()
            elif path.suffix == ".mpy":
                writer.mkfile(path.name, path.read_bytes())

    add(folder)
    return bytes(writer.finalise())


def measure(bus: tuple[str, int], rom: bool) -> list[int]:
    """Heap on 64-bit MicroPython above an empty program: after the start, the highest, and later."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        heap.compile_device(folder)
        heap.install_board(folder, (bus,))
        (folder / "image").write_bytes(image(folder))
        turn = heap.turn_of(False)
        place = "rom = open('image', 'rb').read()\nvfs.mount(vfs.VfsRom(rom), '/rom')\nsys.path[:] = ['/rom']\n"
        code = (
            "import gc, os, sys, vfs, json, time, errno, random, io, select, socket\n"
            f"{place if rom else ''}import r\n"
            "for i in 'machine socket select board usocket'.split():\n    sys.modules[i] = r\n"
            "gc.collect()\nbase = gc.mem_alloc()\nimport main\nloop = main.begin()\n"
            "gc.collect()\nstarted = gc.mem_alloc() - base\nhigh = now = 0\n"
            f"for i in range({heap.TURNS // 40}):\n"
            f"    for _ in range(40):\n        loop.{turn}(now)\n        now = now + 20 & 0x3FFFFFFF\n"
            "    gc.collect()\n    last = gc.mem_alloc() - base\n    high = max(high, last)\n"
            "print('ended', started, high, last)\n"
        )
        done = mp.run_unix(code, path=[folder], cwd=folder)
    words = done.stdout.split()
    if "ended" not in words:
        raise RuntimeError(done.stdout)
    return [int(word) for word in words[-3:]]


def lines() -> Iterator[str]:
    """The table for `make size`."""
    yield f"{'heap on 64-bit MicroPython (words of 8 bytes)':<58}" + "".join(f"{h:>12}" for h in heap.HEAD[:3])
    for name, bus in (("poll, 1 pack", (heap.POLL, 1)), ("poll, 15 packs", (heap.POLL, 15))):
        for rom in (False, True):
            yield heap.row(name + (", from ROMFS" if rom else ", from files"), measure(bus, rom))
