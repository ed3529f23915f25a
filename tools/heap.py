"""Heap of the whole device program: 32-bit MicroPython, from .mpy, on a board with packs that answer and a broker.

`measure(bus)` runs firmware/ as main.py does (build, connect, announce, serve) and reads gc.mem_alloc() after a
collection; what heap_rig.py puts in place of hardware and network is loaded before the first reading and does not
count.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
import compact
import mp

RIG = Path(__file__).resolve().parent / "heap_rig.py"
POLL, LISTEN, CAN = "poll", "listen", "can"
# Files of a device that polls and stays in one piece, in an order in which each loads nothing that comes later.
RESIDENT = (
    "jkcore.bridge", "jkcore.rs485", "jkdevice.loop", "jkdevice.net", "jkdevice.ports.uart_port", "umqtt.simple",
)  # fmt: skip
WRITES = {"writes": "all", "unlock": "all"}
COMMAND = ("jkcore.writes.command", "jkcore.writes.transaction", "jkcore.writes.result")
_PAD = 144 * 1024
_LONG = 45  # discovery of 15 packs takes 180 s
TURNS = 40 * 60 + 400 * _LONG


class Heap(NamedTuple):
    """Bytes of heap on 32-bit MicroPython, above an empty program."""

    started: int  # when the loop is ready
    steady: int  # when everything has been announced
    peak: int  # highest after a collection, while announcing
    garbage: int  # made in 1000 turns, on average, and collected again
    messages: int  # PUBLISH packets until then
    later: dict[str, int]  # what the modules asked for took when they were loaded at the end


def bus_of(kind: str, packs: int) -> dict[str, object]:
    """A bus of the configuration with so many packs. Listening, the last of them is the master, address 0."""
    if kind == CAN:
        return {"kind": "can", "port": "can", "bitrate": 500000}
    addresses = [*range(1, packs), 0] if kind == LISTEN else list(range(1, packs + 1))
    return {"port": "rs485", "packs": addresses, "role": kind}


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


def measure(
    buses: tuple[tuple[str, int], ...], plain: bool = False, later: tuple[str, ...] = (), **top: object
) -> Heap:
    """Run the device program with buses, each a kind and its packs; top: more keys of its configuration; later:
    modules it loads when needed. Skips (pytest) without node or mpy-cross."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_device(folder, plain)
        install_board(folder, buses, **top)
        done = mp.run_wasm(*_script(folder, turn_of(plain), later))
    if done.returncode:
        raise RuntimeError(done.stdout)
    said = [line.split() for line in done.stdout.splitlines()]
    found = {line[0]: int(line[-1]) for line in said if len(line) == 2 and line[-1].lstrip("-").isdigit()}
    turns = [int(line[-1]) for line in said if line[0] == "at"]
    garbage = sum(int(line[1]) - int(line[2]) for line in said if line[0] == "at")
    loaded = {module: found[module] for module in later}
    return Heap(found["log"], turns[-1], max(turns), garbage * 1000 // TURNS, found["count"], loaded)


def of_files(plain: bool = False) -> dict[str, int]:
    """What each file that stays takes when it is loaded, without its objects."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_device(folder, plain)
        install_board(folder, ((POLL, 1),))
        first, *rest, stages = _script(folder, "", RESIDENT)
        done = mp.run_wasm(first, *rest, [*stages[:3], *stages[-3 * len(RESIDENT) :]])
    said = [line.split() for line in done.stdout.splitlines()]
    return {line[0]: int(line[1]) for line in said}


def install_board(folder: Path, buses: tuple[tuple[str, int], ...], **top: object) -> None:
    """What the program finds on the board: umqtt.simple, config.json, and heap_rig.py in place of the rest. top: more
    keys of the configuration."""
    mp.mpy_cross(RIG, folder / "r.mpy", "r")
    mp.mpy_cross(Path(mp.require_umqtt()) / "umqtt" / "simple.py", folder / "umqtt" / "simple.mpy", "umqtt.simple")
    (folder / "frames.bin").write_bytes(rs485_frames())
    (folder / "can.bin").write_bytes(b"".join(can_frames(packs) for kind, packs in buses if kind == CAN))
    rows = [bus_of(*bus) for bus in buses]
    config = {"bus": rows, "mqtt": {"host": "192.168.1.10"}, "log": "warning", **top}
    for name in ("config.json", "config.good.json"):  # as after the first time it was online
        (folder / name).write_text(json.dumps(config))


def rs485_frames() -> bytes:
    """Settings, live values and about of the simulator's battery; behind them what a master asks, live and settings of
    each slave, and what it would ask itself."""
    from jkbridge.simulator.battery import Battery
    from jkbridge.simulator.slave import Slave
    from jkcore import modbus

    slave = Slave(1, Battery("15.41"))
    out = b"".join(slave.frame(kind, 36000.0) for kind in ("settings", "live", "about"))
    request = bytearray(modbus.REQUEST_LENGTH)
    for address in [*range(1, 16), 0]:
        for kind in (modbus.LIVE, modbus.SETTINGS):
            modbus.put_request(request, address, kind)
            out += request
    return out


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


def _script(folder: Path, turn: str, later: tuple[str, ...] = ()) -> tuple:
    """Stages for mp.run_wasm: garbage is collected between them only. What is printed begins with a name the program
    has anyway: a new one would be measured with it."""
    first = f"import gc, uos, sys\nuos.chdir({str(folder)!r})\nsys.path[:] = ['']\n"
    first += "import json, time, errno, random, io, r\n"
    first += "for i in 'machine socket select os board usocket'.split():\n    sys.modules[i] = r\n"
    # The collector takes numbers for addresses. Behind this no two halfwords of the field table look like one; on
    # ESP32, whose heap is at 0x3FFB0000 and above, they never do.
    first += f"pad = bytearray({_PAD})\n"
    stages = ["base = at = now = 0", "gc.collect()", "base = at = gc.mem_alloc()"]
    stages += ["import main\nloop = main.begin()", "gc.collect()", "print('log', gc.mem_alloc() - base)"]
    turns = "for _ in range({count}):\n    loop." + turn + "(now)\n    now = now + {step} & 0x3FFFFFFF\n"
    for count, step, times in ((40, 10, 60), (400, 20, _LONG)):
        run = turns.format(count=count, step=step) + "at = gc.mem_alloc()"
        stages += [run, "gc.collect()", "print('at', at - base, gc.mem_alloc() - base)"] * times
    stages += ["print('count', r.count[0])"]
    for module in later:
        stages += ["at = gc.mem_alloc()\nimport " + module, "gc.collect()", f"print({module!r}, gc.mem_alloc() - at)"]
    return first, (), 512 * 1024, (folder,), (), stages


def run_on_unix(packs: int, heapsize: str, turns: int) -> str:
    """The same on the unix port (64 bit: objects are twice as large) with little heap; what it printed last:
    "ended N", N messages sent, unless it crashed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_device(folder)
        install_board(folder, ((POLL, packs),))
        code = (
            "import sys\nimport r\n"
            "for i in 'machine socket select board usocket'.split():\n    sys.modules[i] = r\n"
            "import main\nloop = main.begin()\nnow = 0\n"
            f"for _ in range({turns}):\n    loop.{turn_of(False)}(now)\n    now = now + 50 & 0x3FFFFFFF\n"
            "print('ended', r.count[0])\n"
        )
        done = mp.run_unix(code, heapsize=heapsize, path=[folder], cwd=folder)
    return done.stdout.strip().split("\n")[-1]


def lines(plain: bool = False) -> Iterator[str]:
    """The table for `make size`, as it comes: each line is a run of the program."""
    yield f"{'heap on 32-bit MicroPython (words of 4 bytes), from .mpy':<58}" + "".join(f"{h:>12}" for h in HEAD)
    base = Heap(0, 0, 0, 0, 0, {})
    for name, bus in (
        ("poll, 1 pack", (POLL, 1)), ("poll, 15 packs", (POLL, 15)), ("listen, 15 packs and the master", (LISTEN, 16)),
        ("CAN alone, 1 pack", (CAN, 1)), ("CAN alone, 15 packs", (CAN, 15)),
    ):  # fmt: skip
        heap = measure((bus,), plain)
        yield row(name, figures(heap))
        base = heap if bus == (POLL, 1) else base
    for name, case, top in (
        ("writes, unlock = all, on top of poll, 1 pack", ((POLL, 1),), WRITES),
        ("CAN with 1 pack, on top of poll, 1 pack", ((POLL, 1), (CAN, 1)), {}),
    ):  # fmt: skip
        extra = figures(measure(case, plain, **top))
        yield row(name, [a - b for a, b in zip(extra, figures(base), strict=True)])
    for name, modules, top in (
        ("the doctor, while it looks", ("jkcore.doctor",), {}), ("a command, while it is carried out", COMMAND, WRITES),
    ):  # fmt: skip
        yield row(name, [sum(measure(((POLL, 1),), plain, modules, **top).later.values())])
    for name, size in of_files(plain).items():
        yield row(f"of it for good, without objects: {name}", [size])


HEAD = ("after start", "highest", "later", "garbage")


def figures(heap: Heap) -> list[int]:
    """In the order of HEAD."""
    return [heap.started, heap.peak, heap.steady, heap.garbage]


def row(name: str, values: list[int]) -> str:
    return f"{name:<58}" + "".join(f"{value:>12}" for value in values)


if __name__ == "__main__":
    for line in lines("--plain" in sys.argv):
        print(line, flush=True)
