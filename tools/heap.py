"""Heap of the whole device program: 32-bit MicroPython, from .mpy, on a board with packs that answer and a broker.

`measure(packs)` runs firmware/ as main.py does (build, connect, announce, poll) and reads gc.mem_alloc() after a
collection; what heap_rig.py puts in place of hardware and network is loaded before the first reading and does not
count.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import compact
import mp

RIG = Path(__file__).resolve().parent / "heap_rig.py"
# In this order each module loads nothing that is not measured yet. What a device loads on demand is not here.
RESIDENT = (
    "jkcore.bridge", "jkcore.rs485", "jkdevice.loop", "jkdevice.net", "jkdevice.ports.uart_port", "umqtt.simple",
)  # fmt: skip


class Heap(NamedTuple):
    """Bytes of heap on 32-bit MicroPython, above an empty program."""

    modules: dict[str, int]
    objects: int  # what the loop, the bridge, its packs, the session and the port take, and names left by the start
    started: int  # all in all when the loop is ready
    steady: int  # when everything has been announced
    peak: int  # highest after a collection, while announcing
    messages: int  # PUBLISH packets until then


def turn_of(plain: bool) -> str:
    """The name of Loop.turn as it is compiled."""
    return "turn" if plain else compact.Firmware().attribute("turn")


def compile_device(target: Path, plain: bool = False) -> dict[str, int]:
    """Compile firmware/ as a device gets it into a folder; {path of the source: bytes of the .mpy}. plain: without
    tools/compact.py."""
    sizes = {}
    if plain:
        sources = {path.relative_to(mp.FIRMWARE): path.read_text() for path in sorted(mp.FIRMWARE.rglob("*.py"))}
    else:
        sources = compact.Firmware().files()
    with tempfile.TemporaryDirectory() as folder:
        for path, text in sources.items():
            source = Path(folder) / path
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(text)
            name = compact.module_name(path)  # a name the device knows anyway
            sizes[path.as_posix()] = mp.mpy_cross(source, (target / path).with_suffix(".mpy"), name)
    return sizes


def measure(packs: int, plain: bool = False, can: bool = False) -> Heap:
    """Run the device program with that many packs on one line; can: on a CAN bus, where `modules` stays empty. Skips
    (pytest) without node or mpy-cross."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_device(folder, plain)
        if can:
            install_board(folder, packs, can_frames(packs), {"kind": "can", "bitrate": 500000})
        else:
            install_board(folder, packs)
        done = mp.run_wasm(*_script(folder, () if can else RESIDENT, turn_of(plain)))
    if done.returncode:
        raise RuntimeError(done.stdout)
    # Labels are names the program has anyway: a new one would be measured with it.
    said = [line.split() for line in done.stdout.splitlines()]
    found = {line[0]: int(line[-1]) for line in said if len(line) == 2 and line[-1].isdigit()}
    turns = [int(line[-1]) for line in said if line[0] == "at"]
    modules = {name: found[name] for name in RESIDENT if name in found}
    return Heap(modules, found["log"] - sum(modules.values()), found["log"], turns[-1], max(turns), found["count"])


def install_board(
    folder: Path, packs: int, frames: bytes | None = None, bus: dict[str, object] | None = None
) -> None:
    """What the program finds on the board: umqtt.simple, config.json, and heap_rig.py in place of the rest. frames:
    frames.bin, bus: of the configuration; by default those of RS485."""
    mp.mpy_cross(RIG, folder / "r.mpy", "r")
    mp.mpy_cross(Path(mp.require_umqtt()) / "umqtt" / "simple.py", folder / "umqtt" / "simple.mpy", "umqtt.simple")
    (folder / "frames.bin").write_bytes(frames or rs485_frames())
    bus = bus or {"packs": list(range(1, packs + 1))}
    config = {"bus": bus, "mqtt": {"host": "192.168.1.10"}, "log": "warning"}
    for name in ("config.json", "config.good.json"):  # as after the first time it was online
        (folder / name).write_text(json.dumps(config))


def rs485_frames() -> bytes:
    """Settings, live values and about of the simulator's battery."""
    from jkbridge.simulator.battery import Battery
    from jkbridge.simulator.slave import Slave

    slave = Slave(1, Battery("15.41"))
    return b"".join(slave.frame(kind, 36000.0) for kind in ("settings", "live", "about"))


def can_frames(packs: int) -> bytes:
    """Three seconds of batteries of 16 cells on CAN, as an MCP2515 keeps the frames in its receive buffer."""
    sys.path.insert(0, str(mp.SHARED))
    from can_battery import Battery

    class Wire:
        def send(self, base: int, data: bytes, address: int) -> None:
            ident = base + address
            if ident > 0x7FF:
                head = (ident >> 21, ident >> 13 & 0xE0 | 8 | ident >> 16 & 3, ident >> 8 & 255, ident & 255)
            else:
                head = (ident >> 3, (ident & 7) << 5, 0, 0)
            out.extend((*head, 8, *data))

    out = bytearray()
    batteries = [Battery(Wire(), address) for address in range(packs)]
    for n in range(30):
        for battery in batteries:
            battery(n)
            battery.runtime = 1000  # what is played over and over must not run backwards
    return bytes(out)


def _script(folder: Path, resident: tuple[str, ...], turn: str) -> tuple:
    """Stages for mp.run_wasm: garbage is collected between them only."""
    first = f"import gc, uos, sys\nuos.chdir({str(folder)!r})\nsys.path[:] = ['']\n"
    first += "import json, time, errno, random, io, r\n"
    first += "for i in 'machine socket select os board usocket'.split():\n    sys.modules[i] = r\n"
    stages = ["base = last = at = now = 0\nnames = []", "gc.collect()", "base = last = gc.mem_alloc()"]
    for module in resident:
        if (folder / module.replace(".", "/")).exists() or (folder / (module.replace(".", "/") + ".mpy")).exists():
            stages += [
                f"import {module}", "gc.collect()",
                f"at = gc.mem_alloc(); print({module!r}, at - last); last = at",
            ]  # fmt: skip
    stages += ["import main\nloop = main.begin()", "gc.collect()", "print('log', gc.mem_alloc() - base)"]
    turns = "for _ in range({count}):\n    loop." + turn + "(now)\n    now = now + {step} & 0x3FFFFFFF"
    for _ in range(60):
        stages += [turns.format(count=40, step=10), "gc.collect()", "print('at', gc.mem_alloc() - base)"]
    for _ in range(80):
        stages += [turns.format(count=400, step=20), "gc.collect()", "print('at', gc.mem_alloc() - base)"]
    stages += ["print('count', r.count[0])"]
    return first, (), 256 * 1024, (folder,), (), stages


def run_on_unix(packs: int, heapsize: str, turns: int) -> str:
    """The same on the unix port (64 bit: objects are twice as large) with little heap; what it printed last:
    "ended N", N messages sent, unless it crashed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_device(folder)
        install_board(folder, packs)
        code = (
            "import sys\nimport r\n"
            "for i in 'machine socket select board usocket'.split():\n    sys.modules[i] = r\n"
            "import main\nloop = main.begin()\nnow = 0\n"
            f"for _ in range({turns}):\n    loop.{turn_of(False)}(now)\n    now = now + 50 & 0x3FFFFFFF\n"
            "print('ended', r.count[0])\n"
        )
        done = mp.run_unix(code, heapsize=heapsize, path=[folder], cwd=folder)
    return done.stdout.strip().split("\n")[-1]


def lines(packs: tuple[int, ...] = (1, 15), plain: bool = False) -> list[str]:
    """The table for `make size`."""
    heaps = [measure(count, plain) for count in packs]
    head = "".join(f"{f'{count} pack' + 's' * (count > 1):>12}" for count in packs)
    out = [f"{'heap on 32-bit MicroPython, from .mpy, bytes':<44}{head}"]
    for name in heaps[0].modules:
        out.append(row(name, [heap.modules[name] for heap in heaps]))
    out.append(row("objects", [heap.objects for heap in heaps]))
    out.append(row("after start", [heap.started for heap in heaps]))
    out.append(row("highest while announcing", [heap.peak for heap in heaps]))
    out.append(row("later, everything announced", [heap.steady for heap in heaps]))
    out.append(row("of it umqtt.simple (frozen on ESP32)", [heap.modules["umqtt.simple"] for heap in heaps]))
    heaps = [measure(count, plain, can=True) for count in packs]
    out.append(row("CAN instead of RS485: after start", [heap.started for heap in heaps]))
    out.append(row("highest while announcing", [heap.peak for heap in heaps]))
    out.append(row("later, everything announced", [heap.steady for heap in heaps]))
    return out


def row(name: str, values: list[int]) -> str:
    return f"{name:<44}" + "".join(f"{value:>12}" for value in values)


if __name__ == "__main__":
    print("\n".join(lines(plain="--plain" in sys.argv)))
