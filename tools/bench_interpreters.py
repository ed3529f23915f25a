"""Benchmarks of the core alone, on each interpreter: tools/bench_core.py is run there and its figures are read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mp
from bench_table import Job, Row

from jkbridge.simulator import make_line
from jkbridge.simulator.frames import build_unit

SCRIPT = Path(__file__).resolve().parent / "bench_core.py"
_ESP32 = 72
"""An ESP32 runs MicroPython's perf_bench suite this many times slower than a unix port (bench_table explains)."""

Figures = dict[str, int]


def write_answers(file: Path, live: int = 32) -> None:
    """What one simulated pack says: settings, about, and live frames 7 s apart; 308 bytes each."""
    slave = make_line([1]).slaves[1]
    start = 12 * 3600
    units = [
        build_unit(1, 0x161E, slave.frame("settings", start)),
        build_unit(1, 0x161C, slave.frame("about", start)),
        *(build_unit(1, 0x1620, slave.frame("live", start + 7 * i)) for i in range(live)),
    ]
    file.write_bytes(b"".join(units))


def jobs(folder: Path, quick: bool) -> list[Job]:
    """One job per interpreter, and the rows each fills."""
    answers = folder / "answers.bin"
    write_answers(answers)
    count = 30 if quick else 300
    arguments = [str(mp.FIRMWARE), str(answers), str(count)]

    def on_cpython() -> str:
        command = [sys.executable, str(SCRIPT), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.stdout

    def on_unix() -> str:
        return mp.run_unix(SCRIPT, arguments, heapsize="16m").stdout

    def on_wasm() -> str:
        # This port collects no garbage within a call: all of it must have room.
        fewer = [*arguments[:2], str(max(30, count // 3))]  # it is slow
        return mp.run_wasm(SCRIPT, fewer, heapsize=32 << 20, copy=[answers]).stdout

    return [
        _job("CPython", 0, on_cpython),
        _job("MicroPython, unix port", 1, on_unix, heap=True, estimate=True),
        _job("MicroPython, WebAssembly", 2, on_wasm, heap=True),
    ]


def _job(name: str, order: int, run: Callable[[], str], heap: bool = False, estimate: bool = False) -> Job:
    rows = {
        "decode": Row(1, order, "taken in", name),
        "encode": Row(1, 10 + order, "written as JSON message", name),
    }
    if estimate:
        rows["esp32_decode"] = Row(1, 3, "taken in", "ESP32 160 MHz, ESTIMATE")
        rows["esp32_encode"] = Row(1, 13, "written as JSON message", "ESP32 160 MHz, ESTIMATE")
    if heap:
        rows["heap_path"] = Row(2, order, "bytes in to message", name, aim="0 bytes")
        rows["heap_turn"] = Row(2, 10 + order, "whole turn, mean", name)
    rows["flat_rate"] = Row(4, order, "flat values, null session", name)
    rows["discovery_rate"] = Row(4, 10 + order, "discovery, null session", name)

    def work(_: list[Row]) -> None:
        _fill(rows, read(run()), name)

    return Job(f"the core on {name}", list(rows.values()), work)


def read(output: str) -> Figures:
    """The figures a run printed. Raises RuntimeError with its last line when it failed."""
    figures: Figures = {}
    for line in output.splitlines():
        name, *numbers = line.split()
        if name == "version":
            numbers = ["".join(f"{int(n):03d}" for n in numbers)]
        if len(numbers) == 1 and numbers[0].lstrip("-").isdigit():
            figures[name] = int(numbers[0])
    if "discovery_rate" not in figures:
        raise RuntimeError((output.strip().splitlines() or ["it printed nothing"])[-1])
    return figures


def _fill(rows: dict[str, Row], figures: Figures, name: str) -> None:
    version = figures["version"]
    number = f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
    language, comma, port = name.partition(",")
    full = f"{language} {number}{comma}{port}, {figures['word']} bit"
    for row in rows.values():
        row.on = full if row.on == name else row.on
    for key in ("decode", "encode"):
        size = f" ({figures['payload']} bytes of JSON)" if key == "encode" else ""
        rows[key].result = f"{figures[key] / 1000:.0f} us{size}"
        if f"esp32_{key}" in rows:
            rows[f"esp32_{key}"].result = f"about {figures[key] * _ESP32 / 1e6:.0f} ms"
    if "heap_path" in rows:
        rows["heap_path"].result = f"{figures['heap_path']} bytes (most: {figures['heap_path_worst']})"
        rows["heap_turn"].result = f"{figures['heap_turn']} bytes"
    for key in ("flat_rate", "discovery_rate"):
        rows[key].result = f"{figures[key]} /s"
