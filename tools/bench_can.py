"""CAN: frames a second the core takes on each interpreter, and what a full bus takes of `jkbridge run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mp
from bench_homes import bridge_of
from bench_process import spent
from bench_table import Job, Row
from mosquitto import Broker, Subscriber

from jkbridge.simulator import make_can

SCRIPT = Path(__file__).resolve().parent / "bench_can_core.py"
_ESP32 = 72  # see bench_table
_GROUP = "239.74.163.99"
_AIM = "550 /s"
_WINDOW_S = 20.0


def write_frames(file: Path, seconds: float) -> None:
    """What 15 packs say."""
    raw = bytearray()
    for sent in make_can(range(15)).play(seconds):
        raw += (sent.frame.id | sent.frame.extended << 31).to_bytes(4, "big") + sent.frame.data
    file.write_bytes(raw)


def jobs(folder: Path, quick: bool) -> list[Job]:
    """The core on CPython and the unix port, and a bridge on python-can's udp_multicast."""
    frames = folder / "can.bin"
    write_frames(frames, 6 if quick else 20)
    arguments = [str(mp.FIRMWARE), str(frames), "1" if quick else "5"]

    def on_cpython() -> str:
        done = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    def on_unix() -> str:
        return str(mp.run_unix(SCRIPT, arguments, heapsize="32m").stdout)

    return [
        _core("CPython", 0, on_cpython, False),
        _core("MicroPython, unix port", 1, on_unix, True),
        _running(folder, quick),
    ]


def _core(name: str, rank: int, run: Callable[[], str], estimate: bool) -> Job:
    rows = [Row(9, rank, "15 packs, in the core alone", name, aim=_AIM)]
    if estimate:
        rows.append(Row(9, rank + 1, "15 packs, in the core alone", "ESP32 160 MHz, ESTIMATE", aim=_AIM))

    def work(rows: list[Row]) -> None:
        output = run()
        found = [line.split()[1] for line in output.splitlines() if line.startswith("can_rate ")]
        if not found:
            raise RuntimeError((output.strip().splitlines() or ["it printed nothing"])[-1])
        rate = int(found[0])
        rows[0].result = f"{rate} frames/s ({100 * 550 / rate:.2f} % of one core for a full bus)"
        if estimate:
            rows[1].result = f"about {rate / _ESP32:.0f} frames/s"

    return Job(f"CAN in the core on {name}", rows, work)


def _running(folder: Path, quick: bool) -> Job:
    row = Row(9, 5, "15 packs, 500 kbit/s", "jkbridge run, CPython, udp_multicast", aim="0 lost")

    def work(rows: list[Row]) -> None:
        place = folder / "can"
        place.mkdir(parents=True)
        bus = {"kind": "can", "interface": "udp_multicast", "channel": _GROUP}
        env = {name: value for name, value in os.environ.items() if not name.startswith("JKBRIDGE_")}
        line = subprocess.Popen(
            [sys.executable, "-c", _LINE, _GROUP], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert line.stdin is not None
        assert line.stdout is not None
        try:
            if line.stdout.readline() != "ready\n":
                raise RuntimeError("the simulated CAN bus did not start: this machine may have no multicast")
            with (
                Broker(place / "broker") as broker,
                Subscriber(broker, "jkbms/#") as heard,
                bridge_of(place / "home", {"bus": bus}, broker.port) as process,
            ):
                _wait(heard, 15)
                before, began, first = spent(process.pid), time.monotonic(), _frames(heard)
                time.sleep(12.0 if quick else _WINDOW_S)
                share = 100 * (spent(process.pid) - before) / (time.monotonic() - began)
                last = _frames(heard)
                rate = (last[1] - first[1]) / (last[0] - first[0])
                rows[0].result = f"{rate:.0f} frames/s, {last[2]} lost; {share:.2f} % of one core"
        finally:
            line.communicate()

    return Job("CAN, a running bridge", [row], work, alone=False)


_LINE = """
import sys
from jkbridge.simulator import CanServer, make_can
with CanServer(make_can(range(15)), "udp_multicast", sys.argv[1]):
    print("ready", flush=True)
    sys.stdin.read()
"""


def _wait(heard: Subscriber, packs: int) -> None:
    """Until so many packs and bridge/health have come."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        topics = {m.topic for m in list(heard.messages)}
        if len([t for t in topics if t.endswith("/live")]) >= packs and "jkbms/bridge/health" in topics:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{packs} packs did not come within 30 s")


def _frames(heard: Subscriber) -> tuple[float, int, int]:
    """(when, frames, overflows) of the last bridge/health."""
    last = [m for m in list(heard.messages) if m.topic == "jkbms/bridge/health"][-1]
    bus = json.loads(last.payload)["bus"][0]
    return last.at, bus["frames"], bus["overflows"]
