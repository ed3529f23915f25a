"""`jkbridge run --capture FILE`: the bytes of each bus, both directions, with their times, as text (recording.py).

Secrets are masked before anything reaches the disk (jkcore/masking.py). The first bus writes FILE, the others put their
number in front of its suffix: line.txt, line-bus2.txt. A file that is full is renamed to FILE.1, that one to FILE.2,
and so on; what an earlier run left is kept in the same way. Writing happens in a thread of its own: a slow or full disk
ends the recording, or costs lines that are counted, but never keeps the bridge waiting.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jkbridge import can_capture, recording
from jkbridge.clock import now_ms, since
from jkbridge.loop import Port
from jkbridge.ports import PortEvent
from jkcore import log as levels
from jkcore import masking
from jkcore.config import ConfigError
from jkcore.version import VERSION

_HALF = 0x20000000
_OURS = b"# jkbridge "
"""What header() begins with, in any version."""
_PIECES = 2048
"""Pieces with times of their own while bytes are held back: one for each byte that can be held."""
_WAITING = 4 << 20
"""Characters that may wait for the disk (an hour of three packs); beyond that lines are dropped and counted."""
_CLOSE_S = 2.0


def path_of(first: Path, bus: int) -> Path:
    """Where bus number `bus` (from 1) is recorded when the first one is recorded to `first`."""
    return first if bus == 1 else first.with_name(f"{first.stem}-bus{bus}{first.suffix}")


def rotated(path: Path, n: int) -> Path:
    """The n-th older file of a recording; 0 is the newest."""
    return path.with_name(f"{path.name}.{n}") if n else path


def header(session: str, bus: int, of: int, config: dict[str, Any]) -> str:
    """The comment lines each file of a recording begins with. `recording.origin` reads the second."""
    when = time.strftime("%Y-%m-%d %H:%M:%S %z")
    if config.get("kind") == "can":
        return can_capture.header(when, session, bus, of, config)
    role = config.get("role", "poll")
    return (
        f"# jkbridge {VERSION} capture, begun {when}\n"
        f"# session {session}, bus {bus} of {of}, port {config['port']}, {config.get('baud', 0)} baud, role {role}\n"
        "# seconds since it began, < received, > sent. Passwords, serial numbers and names are masked with 2A (*).\n"
    )


class File:
    """A text file that is renamed to .1, .2, ... when it is full; written in a thread of its own.

    size: bytes after which it is full; files: how many there may be, the newest included. Raises ConfigError when it
    cannot be written at all.
    """

    def __init__(self, path: Path, head: str, size: int, files: int, log: Callable[[int, str], None]) -> None:
        self.path = path
        self.lost = 0
        """Lines dropped because the disk was too slow."""
        self._head = head
        self._size = size
        self._files = files
        self._log = log
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._taken = 0  # characters: taken from the loop, and by the thread
        self._done = 0
        self._told = 0
        self._ended = False
        try:
            if path.is_file() and path.stat().st_size:
                self._check(path)
                self._rotate()
            self._begin()
        except OSError as e:
            raise ConfigError(
                f'capture = "{path}" cannot be written: {e.strerror or e}. Name a file in a folder that may be '
                "written to. Example: --capture bus.txt",
                "capture",
            ) from None
        self._thread = threading.Thread(target=self._run, name=f"capture {path.name}", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Take one line, with its end. Never waits."""
        if self._ended:
            return
        if self._taken - self._done > _WAITING:
            self.lost += 1
            return
        self._taken += len(line)
        self._lines.put(line)

    def close(self) -> None:
        """Write what waits; returns within about two seconds."""
        self._lines.put(None)
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                self._done += len(line)
                if self.lost > self._told:
                    line = f"# {self.lost - self._told} lines lost here: the disk is too slow\n{line}"
                    self._told = self.lost
                if self._written + len(line) > self._size:
                    self._out.close()
                    self._rotate()
                    self._begin()
                self._out.write(line)
                self._written += len(line)
                if self._lines.empty():
                    self._out.flush()  # a crash must not take the last seconds, which are the interesting ones
            self._out.close()
        except OSError as e:
            self._ended = True
            self._log(
                levels.ERROR,
                f"The recording to {self.path} ends: {e.strerror or e}. The bridge itself goes on. Make room or name "
                "another file (--capture), and start again to record.",
            )
            with contextlib.suppress(OSError):
                self._out.close()

    @staticmethod
    def _check(path: Path) -> None:
        """ConfigError when the file is somebody else's: it would be renamed, and in the end thrown away."""
        with open(path, "rb") as file:
            ours = file.read(len(_OURS)) == _OURS
        if not ours:
            raise ConfigError(
                f'capture = "{path}" exists already and is no recording of jkbridge: it is left as it is. Name another '
                "file. Example: --capture bus.txt",
                "capture",
            )

    def _begin(self) -> None:
        self._out = open(self.path, "w", encoding="utf-8")  # noqa: SIM115 - it stays open
        self._out.write(self._head)
        self._out.flush()
        self._written = len(self._head)

    def _rotate(self) -> None:
        for n in range(self._files - 1, 0, -1):
            if rotated(self.path, n - 1).exists():
                os.replace(rotated(self.path, n - 1), rotated(self.path, n))


class Recorder:
    """Bytes of one bus, in the order they are told: masked, and as lines to `write`.

    Times are those of the core's clock (30 bits); `start` is written as `elapsed`, ms.
    """

    def __init__(self, write: Callable[[str], None], start: int, elapsed: int = 0) -> None:
        self._write = write
        self._masking = masking.Masking(_PIECES)
        self._now = start
        self._out = start
        self._elapsed = elapsed

    def received(self, data: bytes, at: int) -> None:
        self._take(masking.RECEIVED, data, at)

    def sent(self, data: bytes, at: int) -> None:
        self._take(masking.SENT, data, at)

    def note(self, text: str) -> None:
        """A comment line; what was held in front of it will not be completed any more."""
        self._masking.flush()
        self._drain()
        self._write(f"# {' '.join(text.split())}\n")

    def tick(self, now: int) -> None:
        """To be called now and then: what is held back longest leaves after a second of silence."""
        self._masking.tick(now)
        self._drain()

    def end(self) -> None:
        """Nothing more comes."""
        self._masking.flush()
        self._drain()

    def _take(self, way: int, data: bytes, at: int) -> None:
        if since(at, self._now) < _HALF:  # bytes read before our request was written are told of behind it
            self._now = at
        taken = 0
        while taken < len(data):
            taken = self._masking.feed(way, data, taken, len(data), self._now)
            self._drain()

    def _drain(self) -> None:
        """Lines of what may be written now: one for each piece that came or went at one time."""
        found = self._masking
        at = way = -1
        data = b""
        while found.next():
            if data and (found.at != at or found.way != way):
                self._line(at, way, data)
                data = b""
            at, way = found.at, found.way
            data += found.out[: found.count]
        if data:
            self._line(at, way, data)

    def _line(self, at: int, way: int, data: bytes) -> None:
        passed = since(at, self._out)
        if passed < _HALF:
            self._elapsed += passed
            self._out = at
        self._write(recording.line(self._elapsed, recording.SENT if way else recording.RECEIVED, data))


class CapturingPort:
    """A bus port whose bytes are recorded on their way; see loop.Port."""

    def __init__(self, port: Port, recorder: Recorder, clock: Callable[[], int] = now_ms) -> None:
        self._port = port
        self._recorder = recorder
        self._clock = clock

    def poll(self) -> PortEvent | None:
        event = self._port.poll()
        if event is None:
            self._recorder.tick(self._clock())
        elif event.kind == "data":
            self._recorder.received(event.data, event.at)
        else:
            self._recorder.note(f"port {event.kind}{f': {event.reason}' if event.reason else ''}")
        return event

    def write(self, buf: bytearray, n: int) -> None:
        self._recorder.sent(bytes(buf[:n]), self._clock())
        self._port.write(buf, n)

    def reopen(self, reason: str) -> None:
        self._recorder.note(f"port opened again: {reason}")
        self._port.reopen(reason)


class Capture:
    """The recordings of all buses of a run. Raises ConfigError when a file cannot be written."""

    def __init__(self, config: dict[str, Any], session: str, log: Callable[[int, str], None]) -> None:
        self._files: list[File] = []
        self._recorders: list[Recorder | can_capture.CanRecorder] = []
        self._kinds = [bus.get("kind") for bus in config["bus"]]
        first = Path(config["capture"]).expanduser()
        buses = config["bus"]
        for n, bus in enumerate(buses, 1):
            head = header(session, n, len(buses), bus)
            size = config["capture_size"] * 1_000_000
            self._files.append(File(path_of(first, n), head, size, config["capture_files"], log))
        names = ", ".join(str(file.path) for file in self._files)
        log(
            levels.INFO,
            f"Recording the bus to {names}: at most {config['capture_files']} files of {config['capture_size']} MB"
            f"{' each' if len(buses) > 1 else ''}. Passwords, serial numbers and names are masked.",
        )

    def ports(self, ports: Sequence[Port], clock: Callable[[], int] = now_ms) -> list[Port]:
        """The same ports, recorded; one for each bus, in order."""
        out: list[Port] = []
        for n, (file, port, kind) in enumerate(zip(self._files, ports, self._kinds, strict=True)):
            if kind == "can":
                frames = can_capture.CanRecorder(file.write, f"can{n}", clock())
                self._recorders.append(frames)
                out.append(can_capture.CanCapturingPort(port, frames))
                continue
            recorder = Recorder(file.write, clock())
            self._recorders.append(recorder)
            out.append(CapturingPort(port, recorder, clock))
        return out

    def close(self) -> None:
        """Write what is held, and end."""
        for recorder in self._recorders:
            recorder.end()
        for file in self._files:
            file.close()
