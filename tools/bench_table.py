"""The table of `make bench`: rows filled by jobs, printed aligned, or written as docs/benchmarks.md."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from mosquitto import require_mosquitto

GROUPS = {
    1: "One live frame of a 16-cell pack in the core alone, median",
    2: "Heap one live frame leaves behind (no garbage collected meanwhile), median",
    3: "Memory of `jkbridge run` with an external broker and no live table, interval 5 s",
    4: "Messages per second at most",
    5: "One turn of all packs at interval 0, at the subscriber, median (ratio to the wire's limit)",
    6: "From the last byte of a live frame leaving the simulator to its message at a subscriber",
    7: "CPU use of `jkbridge run`, interval 5 s, discovery done (processor time / wall time)",
    8: "Listening beside a JK master with 15 slaves: frames heard, and CPU use",
    9: "CAN: frames taken in, against the 550 a second of 16 packs, and CPU use",
    10: "The device's whole program (loop, session, core), see groups 5 and 6 for its turns and delay",
}
_EXPLAINED = """\
Group 1: "taken in" is everything from the received bytes, in reads of 32, to the kept frame: search, checksum,
acknowledgement, plausibility. "Written" is its MQTT message. The ESP32 rows are no measurement: unix port x 72, the
mean ratio of MicroPython's own perf_bench suite on a 32-bit unix port and on an ESP32 (micropython pull request #7850).
Group 2: bytes from received bytes to the message ready to send; "whole turn" adds request, timers, link and health.
Group 4: a session that takes everything and does nothing, or `jkbridge replay` -> mosquitto -> one subscriber.
Group 5: limit per pack = (11 + 308) bytes x 10 bits / 115200 baud + 10 ms latency of the simulator + 100 ms gap.
Simulated packs keep to that pace in a process of their own. With 15 packs this is early in the run, when each turn
holds another reading (settings, about) as well: "like for like" counts those in the limit. "Pause" is from the last
byte of an answer to the next request (100 ms wanted); "simulator" is how much longer than 37.7 ms an exchange takes it.
Group 6: all live frames of group 5's three runs.
Group 8: "as 14.20" is a slot of 400 ms; "full line" one of 30 ms, so that 92 % of the time is bytes (32 frames/s).
Lost: frames with their ack that left the simulator and are not counted in bridge/health; "behind" is how long after
the last byte the last live message came.
Group 9: "in the core alone" is everything from a frame to the messages that follow from it, at intervals of 5 s. The
running bridge hears 15 packs (515 frames/s) over python-can's udp_multicast; lost is what its queue had no room for.
Group 10: one pack asked without pause, discovery on; the first 100 s are not counted. An interpreter's start and the
compiling of .py files are part of "boot to the first value"; a device compiles nothing, but waits for WiFi.
Everything runs on one machine, the bridges of groups 3 and 5 to 8 two at a time; nothing here passes or fails."""


@dataclass
class Row:
    """One line of the table. rank: order within the group; rows of one rank keep the order of their jobs."""

    group: int
    rank: int
    what: str
    on: str
    result: str = ""
    aim: str = ""


class Job:
    """Fills its rows by one measurement. When it cannot, the rows say why."""

    def __init__(self, name: str, rows: list[Row], work: Callable[[list[Row]], None], alone: bool = True) -> None:
        """work: is given the rows. alone: it uses a processor to the full; others mostly wait."""
        self.name = name
        self.alone = alone
        self.rows = rows
        self._work = work

    def run(self) -> None:
        try:
            self._work(self.rows)
        except (Exception, pytest.skip.Exception) as error:  # the tests' helpers skip where a tool is missing
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self._blank(lines[0] if isinstance(error, pytest.skip.Exception) else f"failed: {lines[0]}")
        else:
            self._blank("failed: no figure came")

    def _blank(self, reason: str) -> None:
        for row in self.rows:
            if not row.result:
                row.result = f"not measured: {reason}"


def ordered(jobs: Iterable[Job]) -> dict[int, list[Row]]:
    """Rows by group, in the order to print them."""
    rows = [row for job in jobs for row in job.rows]
    return {group: sorted((row for row in rows if row.group == group), key=lambda row: row.rank) for group in GROUPS}


def plain(groups: dict[int, list[Row]]) -> str:
    """The table for a terminal."""
    every = [row for rows in groups.values() for row in rows]
    widths = [max(len(getattr(row, name)) for row in every) for name in ("what", "on", "aim")]
    lines = []
    for group, rows in groups.items():
        lines += ["", f"{group}. {GROUPS[group]}"]
        lines += [f"   {r.what:<{widths[0]}}  {r.on:<{widths[1]}}  {r.aim:<{widths[2]}}  {r.result}" for r in rows]
    return "\n".join(lines)


def document(groups: dict[int, list[Row]]) -> str:
    """The table as docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench ARGS=--write` on {datetime.date.today().isoformat()}. {machine()}.",
        "",
        *_bullets(_EXPLAINED),
    ]
    for group, rows in groups.items():
        lines += ["", f"## {group}. {GROUPS[group]}", "", "| what | on | aim | result |", "| --- | --- | --- | --- |"]
        lines += [f"| {row.what} | {row.on} | {row.aim} | {row.result} |" for row in rows]
    return "\n".join(lines) + "\n"


def _bullets(text: str) -> list[str]:
    """One list item per group, the other lines indented under it."""
    return [f"{'* ' if line.startswith(('Group', 'Everything')) else '  '}{line}" for line in text.splitlines()]


def explanation() -> str:
    """What the rows mean."""
    return _EXPLAINED


def machine() -> str:
    """Kind of machine and versions, without names or paths of this one."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith(("model name", "Model")):
                model = line.partition(":")[2].strip()
                break
    broker = "no mosquitto"
    try:
        done = subprocess.run([require_mosquitto(), "-h"], capture_output=True, text=True, timeout=10)
        broker = done.stdout.splitlines()[0].strip() if done.stdout else broker
    except (OSError, pytest.skip.Exception):
        pass
    return (
        f"Machine: {os.cpu_count()} cores, {model}, {platform.machine()}, {platform.system()} "
        f"{platform.release().split('-')[0]}; CPython {platform.python_version()}; {broker}"
    )
