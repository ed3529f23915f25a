"""How long a turn of all packs takes, and how long a message, measured at a subscriber of a real mosquitto."""

from __future__ import annotations

import bisect
import time
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench_homes import DEVICE, HOST, Passed, bridge, simulated
from bench_line import LATENCY_MS, REQUEST, UNIT
from bench_table import Job, Row
from mosquitto import Broker, Message, Subscriber

GAP_MS = 100.0
EXCHANGE_MS = (REQUEST + UNIT) * 10 / 115_200 * 1000 + LATENCY_MS
LIMIT_MS = EXCHANGE_MS + GAP_MS
_LIVE = 2
_NAMES = {HOST: "jkbridge run, CPython, pty", DEVICE: "main.py, unix port, TCP"}


class Turns(NamedTuple):
    """What one run gave; times in ms."""

    turn: float
    turns: int
    others: float
    """Settings and about readings per turn."""
    pause: float
    """From the last byte of an answer to the next request."""
    excess: float
    """What the simulator took longer for an exchange than the wire would."""
    delays: list[float]
    all_heard: float = 0.0
    """Seconds from the start of the bridge to the first live message of the last pack."""


def jobs(folder: Path, quick: bool) -> list[Job]:
    """One job per home and number of packs; the last one of a home tells the delay of all three."""
    delays: dict[str, list[float]] = {HOST: [], DEVICE: []}
    homes = (HOST, DEVICE)
    return [
        _job(folder, home, order, packs, quick, delays[home])
        for packs in (1, 4, 15)
        for order, home in enumerate(homes)
    ]


def _job(folder: Path, home: str, order: int, packs: int, quick: bool, delays: list[float]) -> Job:
    limit = packs * LIMIT_MS
    what = f"{packs} pack{'s' if packs > 1 else ''}"
    on = _NAMES[home]
    rows = [Row(5, 20 * order + packs, what, on, aim=f"1.10 x {limit:.0f} ms")]
    if packs == 15:
        rows.append(Row(5, 20 * order + 16, "15 packs, made of", on))
        rows.append(Row(5, 20 * order + 17, "15 packs, first values", on))
        rows.append(Row(6, order, "delay", on, aim="5 ms" if home == HOST else ""))

    def work(_: list[Row]) -> None:
        found = measure(folder / f"{home}{packs}", home, packs, quick)
        delays.extend(found.delays)
        same = (packs + found.others) * LIMIT_MS
        rows[0].result = f"{found.turn / limit:.3f} x = {found.turn:.0f} ms; like for like {found.turn / same:.3f} x"
        if packs == 15:
            made_of, first, delay = rows[1:]
            others = f"{found.others:.1f} other readings"
            made_of.result = f"{others}; pause {found.pause:.1f} ms; simulator {found.excess:+.1f} ms"
            first.result = f"of all packs {found.all_heard:.1f} s after the start (of it 2 s listening)"
            ranked = sorted(delays)
            high = ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
            of = f"of {len(ranked)} frames"
            delay.result = f"median {median(ranked):.2f} ms, p95 {high:.2f} ms, most {ranked[-1]:.2f} ms {of}"

    return Job(f"turns of {what}, {on}", rows, work, alone=False)


def measure(folder: Path, home: str, packs: int, quick: bool) -> Turns:
    """Run one bridge at interval 0 until every pack had its turns. Raises RuntimeError when one does not appear."""
    addresses = f"1-{packs}" if packs > 1 else "1"
    folder.mkdir(parents=True)
    wanted = 2 if quick else 11
    with (
        Broker(folder / "broker") as broker,
        Subscriber(broker, "jkbms/#") as heard,
        simulated(addresses, home) as line,
        bridge(home, folder / "home", line.port, addresses, broker.port, 0, discovery=False) as process,
    ):
        began = time.monotonic()

        def wait(topic: str, start: int, times: int, seconds: float) -> bool:
            """Until each pack has sent so many messages of a topic since message number `start`."""
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and process.poll() is None:
                heard_now = [m.topic for m in heard.messages[start:]]
                if all(heard_now.count(f"jkbms/{a}/{topic}") >= times for a in range(1, packs + 1)):
                    return True
                time.sleep(0.1)
            return False

        wait("live", 0, 1, 20 if quick else 90)
        there = sum(bool(heard.of(f"jkbms/{a}/live")) for a in range(1, packs + 1))
        if there < (1 if quick else packs):
            raise RuntimeError(f"only {there} of {packs} packs were heard")
        all_heard = max(m[0].at for a in range(1, packs + 1) if (m := heard.of(f"jkbms/{a}/live"))) - began
        if packs < 15 and not quick:
            wait("about", 0, 1, 15)  # past the readings of the start; with 15 packs they take minutes
            wait("settings", 0, 1, 15)
        line.times()
        mark = len(heard.messages)
        wait("live", mark, wanted + 1, 10 + (wanted + 1) * (packs + 1) * LIMIT_MS / 1000)
        passed = line.times()
        return evaluate(passed, heard.messages[mark:])._replace(all_heard=all_heard)


def evaluate(passed: list[Passed], messages: list[Message]) -> Turns:
    """Figures out of the times on the line and at the subscriber. Raises RuntimeError when there are too few."""
    live: dict[int, list[float]] = {}
    for message in messages:
        if message.topic.endswith("/live"):
            live.setdefault(int(message.topic.split("/")[1]), []).append(message.at)
    rounds = [b - a for times in live.values() for a, b in pairwise(times)]
    pauses = [b.at - a.at for a, b in pairwise(passed) if (a.what, b.what) == ("end", "ask")]
    exchanges = [b.at - a.at for a, b in pairwise(passed) if (a.what, b.what) == ("ask", "end")]
    if not rounds or not pauses or not exchanges:
        raise RuntimeError("too few live messages came to measure a turn")
    asked = [p.kind for p in passed if p.what == "ask"]
    lives = asked.count(_LIVE) or 1
    delays = []
    for address, times in live.items():
        ends = [p.at for p in passed if p.what == "end" and p.kind == _LIVE and p.address == address]
        for at in times:
            before = bisect.bisect(ends, at)
            if before:
                delays.append(1000 * (at - ends[before - 1]))
    return Turns(
        turn=1000 * median(rounds),
        turns=min(len(times) for times in live.values()) - 1,
        others=(len(asked) - asked.count(_LIVE)) * len(live) / lives,
        pause=1000 * median(pauses),
        # A request is timed when it has come whole, which on the wire is 11 bytes later.
        excess=1000 * median(exchanges) - EXCHANGE_MS,
        delays=delays,
    )
