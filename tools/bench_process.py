"""What `jkbridge run` takes of the machine: memory and processor time, in normal operation."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from bench_homes import HOST, bridge, simulated
from bench_table import Job, Row
from mosquitto import Broker, Subscriber

_ON = "jkbridge run, CPython, pty"
_WINDOW_S = 20.0
_AT_LEAST_S = 15.0
_AT_MOST_S = 120.0
_QUIET_S = 3.0
"""Without a discovery message for so long everything is announced."""


def jobs(folder: Path, quick: bool) -> list[Job]:
    """One job: the bridges run side by side, for half a minute of waiting is the same for both."""
    counts = (2, 15)
    rows = []
    for packs in counts:
        rows.append(Row(3, packs, f"{packs} packs", _ON, aim="40 MB"))
        rows.append(Row(7, packs, f"{packs} packs", _ON))

    def work(_: list[Row]) -> None:
        with contextlib.ExitStack() as stack:
            runs = [stack.enter_context(_running(folder / f"process{packs}", packs)) for packs in counts]
            for heard, _, packs in runs:
                _wait_announced(heard, packs, quick)
            before = [spent(pid) for _, pid, _ in runs]
            began = time.monotonic()
            time.sleep(1.0 if quick else _WINDOW_S)
            wall = time.monotonic() - began
            for (_, pid, _), start, row in zip(runs, before, range(0, len(rows), 2), strict=True):
                used = spent(pid) - start
                memory = _memory(pid)
                rows[row].result = (
                    f"RSS {memory['VmRSS'] / 1024:.1f} MB (highest {memory['VmHWM'] / 1024:.1f}), "
                    f"PSS {memory['Pss'] / 1024:.1f} MB"
                )
                rows[row + 1].result = f"{100 * used / wall:.2f} % of one core over {wall:.0f} s"

    return [Job("memory and CPU use", rows, work, alone=False)]


@contextlib.contextmanager
def _running(folder: Path, packs: int):  # type: ignore[no-untyped-def]
    """(subscriber, process id, packs) of a bridge that announces itself to a broker of its own."""
    addresses = f"1-{packs}"
    folder.mkdir(parents=True)
    with (
        Broker(folder / "broker") as broker,
        Subscriber(broker, "#") as heard,
        simulated(addresses, HOST) as line,
        bridge(HOST, folder / "home", line.port, addresses, broker.port, 5, discovery=True) as process,
    ):
        yield heard, process.pid, packs


def _wait_announced(heard: Subscriber, packs: int, quick: bool) -> None:
    """Until all packs are there and nothing is announced any more. Raises RuntimeError when that does not come."""
    began = time.monotonic()
    while time.monotonic() - began < (20 if quick else _AT_MOST_S):
        time.sleep(0.2)
        messages = list(heard.messages)
        topics = {m.topic for m in messages}
        if not all(f"jkbms/{a}/live" in topics for a in range(1, packs + 1)):
            continue
        if quick:
            return
        announced = [m.at for m in messages if m.topic.startswith("homeassistant/")]
        about = all(f"jkbms/{a}/about" in topics for a in range(1, packs + 1))
        now = time.monotonic()
        if about and announced and now - announced[-1] > _QUIET_S and now - messages[0].at > _AT_LEAST_S:
            return
    if not quick:
        raise RuntimeError(f"{packs} packs are not all announced after {_AT_MOST_S:.0f} s")


def spent(pid: int) -> float:
    """Processor time of all threads of a process so far, seconds."""
    # Nanoseconds; /proc/PID/stat counts in steps of 10 ms, which is most of what there is to see.
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def _memory(pid: int) -> dict[str, int]:
    """VmRSS, VmHWM and Pss of a process in kB."""
    found = {}
    for name in ("status", "smaps_rollup"):
        for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
            key, _, value = line.partition(":")
            if key in ("VmRSS", "VmHWM", "Pss"):
                found[key] = int(value.split()[0])
    return found
