"""Messages per second from end to end: `jkbridge replay` as fast as it goes -> mosquitto -> one subscriber."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench_table import Job, Row
from mosquitto import Broker, Subscriber

from jkbridge.recording import RECEIVED, line
from jkbridge.simulator import make_line
from jkbridge.simulator.frames import build_unit

_PACKS = 15


def jobs(folder: Path, quick: bool) -> list[Job]:
    """One row for one topic per value, one for one message per frame."""
    return [_job(folder, flat, quick) for flat in (True, False)]


def _job(folder: Path, flat: bool, quick: bool) -> Job:
    what = "flat values, end to end" if flat else "live JSON, end to end"
    row = Row(4, 20 + (not flat), what, "jkbridge replay, CPython")

    def work(_: list[Row]) -> None:
        frames = (60 if flat else 300) if quick else (600 if flat else 6000)
        row.result = measure(folder / f"rate{int(flat)}", flat, frames)

    return Job(what, [row], work)


def write_recording(file: Path, frames: int) -> None:
    """Live answers of 15 packs, one every 150 ms."""
    slaves = make_line(range(1, _PACKS + 1)).slaves
    lines = []
    for i in range(frames):
        slave = slaves[1 + i % _PACKS]
        unit = build_unit(slave.address, 0x1620, slave.frame("live", 12 * 3600 + 0.15 * i))
        lines.append(line(150 * i, RECEIVED, unit))
    file.write_text("".join(lines))


def measure(folder: Path, flat: bool, frames: int) -> str:
    """Replay a recording of so many frames; what to say of it."""
    folder.mkdir(parents=True)
    write_recording(folder / "recording.hex", frames)
    env = {name: value for name, value in os.environ.items() if not name.startswith("JKBRIDGE_")}
    with Broker(folder / "broker") as broker, Subscriber(broker, "jkbms/+/+") as heard:
        command = [
            sys.executable, "-m", "jkbridge", "replay", "recording.hex", "--broker", f"127.0.0.1:{broker.port}",
            "--set", "discovery.enabled=false", "--set", f"flat={str(flat).lower()}", "--log", "warning",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
        heard.wait_topic("jkbms/bridge/state", b"offline")
        other = ("availability", "link", "about", "settings", "event", "state", "info", "health")
        names = [m.topic.rpartition("/")[2] for m in heard.messages]
        times = [m.at for m, name in zip(heard.messages, names, strict=True) if name not in other]
    if len(times) < 2:
        raise RuntimeError("no values came to the subscriber")
    # Each frame gives the same topics: those of one pack, told by their names.
    each = len({name for name in names if name not in other})
    rate = (len(times) - 1) / (times[-1] - times[0])
    # After its start the bridge says some values twice, so a handful more is right, and less is a loss.
    missing = frames * each - len(times)
    return f"{rate:.0f} /s ({len(times)} messages{f', {missing} LOST' if missing > 0 else ''})"
