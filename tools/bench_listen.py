"""Listening beside a JK master: does the bridge keep up with a full line, and what does that take?"""

from __future__ import annotations

import json
import time
from pathlib import Path

from bench_homes import DEVICE, HOST, Line, bridge, simulated
from bench_process import spent
from bench_table import Job, Row
from mosquitto import Broker, Subscriber

_NAMES = {HOST: "jkbridge run, CPython, pty", DEVICE: "main.py, unix port, TCP"}
_PACES = {"as 14.20": "400", "full line": "30"}
_WINDOW_S = 20.0
_SETTLED_S = 3.0
_HEALTH_S = 12.0
"""Within so long bridge/health has told the last frame."""


def jobs(folder: Path, quick: bool) -> list[Job]:
    """One job per home and pace."""
    return [
        _job(folder, home, what, 10 * order + rank, quick)
        for order, home in enumerate((HOST, DEVICE))
        for rank, what in enumerate(_PACES)
    ]


def _job(folder: Path, home: str, what: str, rank: int, quick: bool) -> Job:
    rows = [Row(8, rank, f"16 packs, {what}", _NAMES[home], aim="0 lost" if what == "full line" else "")]

    def work(rows: list[Row]) -> None:
        place = folder / f"listen{rank}"
        place.mkdir(parents=True)
        with (
            Broker(place / "broker") as broker,
            Subscriber(broker, "jkbms/#") as heard,
            simulated("1-15", home, "14.20", _PACES[what]) as line,
            bridge(home, place / "home", line.port, "1-15", broker.port, 5, False, "listen") as process,
        ):
            _wait_for(heard, "/health")  # the port is open
            line.times("go")
            _wait_for(heard, "/live")
            time.sleep(0.0 if quick else _SETTLED_S)
            before, began = spent(process.pid), time.monotonic()
            time.sleep(1.0 if quick else _WINDOW_S)
            share = 100 * (spent(process.pid) - before) / (time.monotonic() - began)
            rows[0].result = f"{_losses(line, heard)}; {share:.2f} % of one core"

    return Job(f"listening on {home}, {what}", rows, work, alone=False)


def _wait_for(heard: Subscriber, topic: str) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if any(m.topic.endswith(topic) for m in list(heard.messages)):
            return
        time.sleep(0.1)
    raise RuntimeError(f"no message on a topic that ends with {topic} within 30 s")


def _losses(line: Line, heard: Subscriber) -> str:
    """Stop the master; frames that left it, those the bridge has counted, and how far it was behind."""
    passed = line.times("quiet")
    time.sleep(0.5)
    passed += line.times()
    frames = [one for one in passed if one.what == "end"]
    stopped = frames[-1].at
    end = time.monotonic() + _HEALTH_S
    counted = -1
    while counted != len(frames) and time.monotonic() < end:
        time.sleep(0.2)
        health = [m for m in list(heard.messages) if m.topic == "jkbms/bridge/health" and m.at > stopped]
        if health:
            counted = json.loads(health[-1].payload)["bus"][0]["frames"]
    if counted < 0:
        raise RuntimeError("bridge/health did not come")
    last = [m.at for m in list(heard.messages) if m.topic.endswith("/live") and m.at < stopped + 5]
    behind = max(0.0, 1000 * (last[-1] - stopped)) if last else 0.0
    return f"{len(frames)} frames, {len(frames) - counted} lost, behind {behind:.0f} ms"
