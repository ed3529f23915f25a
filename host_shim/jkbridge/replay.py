"""`jkbridge replay`: a recording through the whole bridge to MQTT, exactly as if it came from the wire now.

The bridge runs on the recording's clock, not the wall's: timers, pacing and staleness see the times of the
recording, and the same file gives the same messages every time. Nothing is sent to a bus; a frame belongs to
the pack named by the acknowledgement behind it, and packs that are not configured appear as they are heard.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from jkbridge import recording
from jkbridge.clock import MASK
from jkbridge.loop import Loop, ManualClock, Wake
from jkbridge.ports import PortEvent
from jkcore import log as levels
from jkcore.bridge import Bridge
from jkcore.message import HEAD

_TAIL_MS = 45_000
"""How long the clock runs on behind the last byte: a pack whose about frame is not in the recording is announced after
30 s, as on a real line."""
_PER_SECOND = 500
"""Discovery messages a second of the recording's clock: pacing by a clock that runs this fast protects nobody."""
_CONNECT_S = 30.0
_LEAD_MS = 1500
"""The bridge first looks whether another one uses its topics; the recording starts behind that."""
_REFUSED_S = 40.0


class ReplayPort:
    """A port that receives a recording as its clock comes by. What the bridge would send goes nowhere."""

    def __init__(self, chunks: Sequence[recording.Chunk], clock: ManualClock) -> None:
        self._start = clock()
        self._clock = clock
        self._events: deque[tuple[int, PortEvent]] = deque([(0, PortEvent("opened", self._start))])
        for chunk in chunks:
            if chunk.direction == recording.RECEIVED:
                at = (self._start + chunk.at) & MASK
                self._events.append((chunk.at, PortEvent("data", at, chunk.data)))

    def poll(self) -> PortEvent | None:
        if self._events and self._events[0][0] <= self._passed():
            return self._events.popleft()[1]
        return None

    def write(self, buf: bytearray, n: int) -> None:
        """A recording hears nobody."""

    def reopen(self, reason: str) -> None:
        """A recording has no connection."""

    def until_next(self) -> int | None:
        """ms to the next bytes; None at the end."""
        return max(0, self._events[0][0] - self._passed()) if self._events else None

    def _passed(self) -> int:
        return (self._clock() - self._start) & MASK


class PrintSession:
    """A session that writes `topic payload` lines instead of sending; always ready."""

    reconnects = 0

    def __init__(self, bridge: Any, out: TextIO) -> None:
        self._bridge = bridge
        self._out = out
        self._connected = False

    def poll(self, now: int) -> None:
        if not self._connected:
            self._connected = True
            self._bridge.connected(now)

    def ready(self) -> bool:
        return self._connected

    def publish(self, message: Any) -> None:
        topic = bytes(message.buf[HEAD : message.topic_end]).decode()
        payload = bytes(message.buf[message.topic_end : message.end]).decode()
        self._out.write(f"{topic} {payload}\n")

    def close(self, polite: bool) -> None:
        self._out.flush()


def timeline(contents: Sequence[bytes]) -> dict[int, list[recording.Chunk]]:
    """The bytes of each bus (its number, from 1) in order of time, out of the contents of recordings.

    Files of one session keep the times they have to each other, in whatever order they are given; sessions, and files
    that know of none, follow one another with a second between. What is of no known bus came from the first.
    """
    sessions: dict[str, list[tuple[recording.Origin, bytes]]] = {}
    for n, content in enumerate(contents):
        origin = recording.origin(content)
        if origin is None:
            sessions[f"file {n}"] = [(recording.Origin("", 1, 0), content)]
        else:
            sessions.setdefault(origin.session, []).append((origin, content))
    out: dict[int, list[recording.Chunk]] = {}
    began = 0
    for files in sessions.values():
        files.sort(key=lambda file: file[0].first)
        zero = files[0][0].first
        for origin, content in files:
            at = began + origin.first - zero
            out.setdefault(origin.bus, []).extend(c._replace(at=c.at + at) for c in recording.parse(content))
        began = max(chunks[-1].at for chunks in out.values()) + 1000
    return out


def play(loop: Loop, ports: Sequence[ReplayPort], clock: ManualClock, wake: Wake, speed: float = 0) -> None:
    """Turn the loop over the recording and a little beyond. speed: 0 as fast as the session takes the messages."""
    tail = _TAIL_MS
    while True:
        loop.turn(clock())
        if not loop.drained:
            wake.wait(20)  # the session takes no more: the recording's clock waits for it
            continue
        step = max(1, loop.rest_ms(clock()))
        left = min((due for port in ports if (due := port.until_next()) is not None), default=None)
        if left is None:
            if tail <= 0:
                return
            step = min(step, tail)
            tail -= step
        else:
            step = min(step, left)
            if speed > 0:
                time.sleep(step / 1000 / speed)
        clock.advance(step)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `replay` beside those of the configuration."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="recording: hex text, with or without times, or raw bytes"
    )
    parser.add_argument("--print", action="store_true", dest="print_only", help="print topics and payloads; no broker")
    parser.add_argument(
        "--speed",
        type=float,
        default=0,
        metavar="N",
        help="N times as fast as recorded, 1 as recorded (default: as fast as the broker takes it)",
    )


def main(args: argparse.Namespace, config: dict[str, Any], packs_configured: bool, log: Any) -> int:
    """Replay args.files. 1: the broker cannot be used; 2: a file cannot be read or is empty."""
    contents: list[bytes] = []
    for name in args.files:
        try:
            content = Path(name).read_bytes()
        except OSError as e:
            log(levels.ERROR, f"{name} cannot be read: {e.strerror}.")
            return 2
        if not recording.parse(content):
            log(levels.ERROR, f"{name} holds no bytes: neither hex text nor raw data.")
            return 2
        contents.append(content)
    config["bus"] = [bus for bus in config["bus"] if bus["kind"] == "serial"]
    if not config["bus"]:
        log(levels.ERROR, "Recordings are those of RS485 lines, but the configuration has CAN buses only.")
        return 2
    lines = timeline(contents)
    if max(lines) > len(config["bus"]):
        log(
            levels.ERROR,
            f"These files were recorded on bus {max(lines)}, but the configuration has {len(config['bus'])}: name the "
            "one they were recorded with (--config), or replay the files of one bus at a time.",
        )
        return 2
    for bus in config["bus"]:
        if not packs_configured:
            bus["packs"] = []  # they appear as they are heard
        bus["port"] = ", ".join(os.path.basename(name) for name in args.files)
    if not any(recording.has_times(content) for content in contents):
        # Where no time is known nothing can be stale: the packs stay online until all is announced.
        config["interval"] = max(config["interval"], _TAIL_MS // 1000)
    chunks = [lines.get(n, []) for n in range(1, len(config["bus"]) + 1)]
    clock = ManualClock()
    wake = Wake()
    # The printed stream must be the same every time; at a broker two runs must be told apart.
    instance = b"00000000" if args.print_only else os.urandom(4).hex().encode()
    bridge = Bridge(config, log, instance, f"CPython {platform.python_version()}", "replay", _PER_SECOND)
    for replayed in bridge.buses:
        replayed.accept_unasked = True
    if args.print_only:
        return _run(bridge, PrintSession(bridge, sys.stdout), chunks, clock, wake, args.speed)
    from jkbridge.mqtt import Session

    session = Session(config["mqtt"], bridge, f"jkbridge-replay-{instance.decode()}", log, wake, clock)
    session.start()
    deadline = time.monotonic() + _CONNECT_S
    while not session.online:
        session.poll(clock())
        if time.monotonic() > deadline:
            log(levels.ERROR, f"No connection to the broker within {_CONNECT_S:.0f} s: nothing was replayed.")
            session.close(False)
            return 1
        wake.wait(100)
    return _run(bridge, session, chunks, clock, wake, args.speed)


def _run(
    bridge: Any,
    session: Any,
    chunks: Sequence[Sequence[recording.Chunk]],
    clock: ManualClock,
    wake: Wake,
    speed: float,
) -> int:
    loop = Loop(bridge, [ReplayPort([], clock) for _ in chunks], session)
    loop.measuring = False
    printing = isinstance(session, PrintSession)
    waited = 0
    while waited < _LEAD_MS or (bridge.publisher.is_down() and waited < _REFUSED_S * 1000):
        loop.turn(clock())
        if not printing:
            time.sleep(0.02)  # a real broker answers in real time
        clock.advance(20)
        waited += 20
    refused = bridge.publisher.is_down()
    if not refused:
        ports = [ReplayPort(part, clock) for part in chunks]
        loop.ports = ports
        play(loop, ports, clock, wake, speed)
    bridge.stop(clock())
    end = time.monotonic() + 5
    while time.monotonic() < end:
        loop.turn(clock())
        if loop.drained:
            break
        wake.wait(20)
    session.close(True)
    return 1 if refused else 0
