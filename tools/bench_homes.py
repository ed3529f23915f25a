"""The programs under measurement, each in a process of its own: the bridge on both homes and the line."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import mp

TOOLS = Path(__file__).resolve().parent
HOST = "host"
DEVICE = "device"


class Passed(NamedTuple):
    """A request heard ("ask") or the end of an answer ("end") on the simulated line; at: seconds, monotonic clock."""

    at: float
    what: str
    address: int
    kind: int


class Line:
    """tools/bench_line.py with its pipe. kind: "pty" or "tcp"; master: its firmware and slot; port: for bus.port."""

    def __init__(self, packs: str, kind: str, *master: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(TOOLS / "bench_line.py"), packs, kind, *master],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.port = str(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated line ended")
        return json.loads(line)

    def times(self, words: str = "") -> list[Passed]:
        """What passed since the last call. words: "go" and "quiet" switch the bus master."""
        assert self._process.stdin is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        return [Passed(at / 1e9, what, address, kind) for at, what, address, kind in self._answer()]

    def close(self) -> None:
        self._process.communicate()


@contextlib.contextmanager
def simulated(packs: str, home: str, *master: str) -> Iterator[Line]:
    """A line for this home: a terminal like a USB adapter's for the host, TCP for board desktop."""
    line = Line(packs, "pty" if home == HOST else "tcp", *master)
    try:
        yield line
    finally:
        line.close()


@contextlib.contextmanager
def bridge(
    home: str, folder: Path, port: str, packs: str, broker: int, interval: int, discovery: bool, role: str = "auto"
) -> Iterator[subprocess.Popen[bytes]]:
    """A running bridge. folder: a new one of its own. RuntimeError with its last words when it ended by itself."""
    keys = {"bus": {"port": port, "packs": packs, "role": role}, "interval": interval}
    with bridge_of(folder, keys | {"discovery": {"enabled": discovery}}, broker, home) as process:
        yield process


@contextlib.contextmanager
def bridge_of(
    folder: Path, keys: dict[str, Any], broker: int, home: str = HOST
) -> Iterator[subprocess.Popen[bytes]]:
    """The same with any configuration. keys: of it, beside the broker's port."""
    folder.mkdir()
    config = {"mqtt": {"host": "127.0.0.1", "port": broker}} | keys
    (folder / "config.json").write_text(json.dumps(config))
    command, env = _host(folder) if home == HOST else _device(folder)
    with open(folder / "output.txt", "wb") as output:
        process = subprocess.Popen(command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    except Exception as error:
        if process.poll() is None:
            raise
        # It had ended before: its last words say more than what was missed because of that.
        words = (folder / "output.txt").read_text(errors="replace").strip().splitlines() or ["no word"]
        raise RuntimeError(f"the bridge ended by itself, status {process.returncode}: {words[-1]}") from error
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(8)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _host(folder: Path) -> tuple[list[str], dict[str, str]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JKBRIDGE_")}
    config = str(folder / "config.json")
    return [sys.executable, "-m", "jkbridge", "run", "--no-table", "--config", config], env


def _device(folder: Path) -> tuple[list[str], dict[str, str]]:
    shutil.copy(mp.FIRMWARE / "main.py", folder / "main.py")
    shutil.copy(mp.ROOT / "boards" / "desktop.py", folder / "board.py")
    return mp.unix_command(folder / "main.py", path=[mp.FIRMWARE, mp.require_umqtt()])
