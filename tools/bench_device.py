"""The device's program on the interpreters at hand: writes and heap per message, boot to the first value."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import mp
from bench_homes import DEVICE, bridge, simulated
from bench_interpreters import write_answers
from bench_table import Job, Row
from mosquitto import Broker, Subscriber

SCRIPT = Path(__file__).resolve().parent / "bench_device_core.py"


def jobs(folder: Path, quick: bool) -> list[Job]:
    """Per interpreter what a message costs, and per role how long the start takes."""
    answers = folder / "device-answers.bin"
    write_answers(answers)
    arguments = [str(mp.FIRMWARE), str(mp.SHARED), str(answers), "50" if quick else "2000"]

    def on_unix() -> str:
        return mp.run_unix(SCRIPT, arguments, heapsize="64m").stdout

    def on_wasm() -> str:
        fewer = [*arguments[:3], "50" if quick else "500"]  # it is slow
        return mp.run_wasm(SCRIPT, fewer, heapsize=64 << 20, copy=[answers]).stdout

    return [
        _messages("MicroPython, unix port", 0, on_unix),
        _messages("MicroPython, WebAssembly", 1, on_wasm),
        *(_start(folder, role, order, quick) for order, role in enumerate(("poll", "auto"))),
    ]


def _messages(name: str, order: int, run: Callable[[], str]) -> Job:
    rows = [
        Row(10, order, "socket writes per message", name, aim="1 at most"),
        Row(10, 10 + order, "heap per message, everything between two messages", name),
    ]

    def work(rows: list[Row]) -> None:
        output = run()
        figures = {words[0]: words[1:] for line in output.splitlines() if (words := line.split()) and words[0] != "#"}
        if "heap" not in figures:
            raise RuntimeError((output.strip().splitlines() or ["it printed nothing"])[-1])
        language, comma, port = name.partition(",")
        messages = int(figures["messages"][0])
        for row in rows:
            row.on = f"{language} {'.'.join(figures['version'])}{comma}{port}, {figures['word'][0]} bit"
        rows[0].result = f"{int(figures['writes'][0]) / messages:.3f} ({messages} messages)"
        rows[1].result = f"{int(figures['heap'][0]) / messages:.1f} bytes"

    return Job(f"the device's messages on {name}", rows, work)


def _start(folder: Path, role: str, order: int, quick: bool) -> Job:
    rows = [Row(10, 20 + order, f"boot to the first value, role {role}", "main.py, unix port, TCP")]

    def work(rows: list[Row]) -> None:
        place = folder / f"start-{role}"
        place.mkdir(parents=True)
        times = []
        for i in range(1 if quick else 5):
            with (
                Broker(place / f"broker{i}") as broker,
                Subscriber(broker, "jkbms/+/live") as heard,
                simulated("1", DEVICE) as line,
            ):
                began = time.monotonic()
                with bridge(DEVICE, place / f"home{i}", line.port, "1", broker.port, 5, True, role):
                    while not heard.messages:
                        if time.monotonic() - began > 30:
                            raise RuntimeError("no value came within 30 s")
                        time.sleep(0.01)
                times.append(heard.messages[0].at - began)
        rows[0].result = f"median {sorted(times)[len(times) // 2]:.2f} s of {len(times)} (it listens 2 s first)"

    return Job(f"start of the device, {role}", rows, work, alone=False)
