"""`jkbridge replay`: a recording through the whole bridge to MQTT, exactly as if it came from the wire now.

The bridge runs on the recording's clock, not the wall's: timers, pacing and staleness see the times of the
recording, and the same file gives the same messages every time. Nothing is sent to a bus; a frame belongs to
the pack named by the acknowledgement behind it, and packs that are not configured appear as they are heard.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from jkbridge import can_decode, can_log, recording, silences
from jkbridge.can_frame import CanFrame
from jkbridge.can_replay import CanReplayPort
from jkbridge.clock import MASK, Elapsed
from jkbridge.loop import Loop, ManualClock, Wake
from jkbridge.ports import PortEvent
from jkcore import config as core_config
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
_SLOWEST, _FASTEST = 0.01, 10_000
_STAMP = re.compile(rb"^\((\d{1,10})\.(\d{6})\)", re.MULTILINE)


class ReplayPort:
    """A port that receives a recording as its clock comes by. What the bridge would send goes nowhere."""

    def __init__(self, chunks: Sequence[recording.Chunk], clock: ManualClock) -> None:
        self._start = clock()
        self._passed = Elapsed(clock)
        self._opened = False
        self._chunks = (chunk for chunk in chunks if chunk.direction == recording.RECEIVED)
        self._next = next(self._chunks, None)

    def poll(self) -> PortEvent | None:
        if not self._opened:
            self._opened = True
            return PortEvent("opened", self._start)
        chunk = self._next
        if chunk is None or chunk.at > self._passed():
            return None
        self._next = next(self._chunks, None)
        return PortEvent("data", (self._start + chunk.at) & MASK, chunk.data)

    def write(self, buf: bytearray, n: int) -> None:
        """A recording hears nobody."""

    def reopen(self, reason: str) -> None:
        """A recording has no connection."""

    def until_next(self) -> int | None:
        """ms to the next bytes; None at the end."""
        if not self._opened:
            return 0
        return max(0, self._next.at - self._passed()) if self._next is not None else None


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


Item = recording.Chunk | CanFrame
"""Bytes of an RS485 bus, or a frame of a CAN bus, with its time in ms."""


class Recorded(NamedTuple):
    """One file: where it comes from, None when it does not say; what is in it; whether that has times; what of a log
    could not be read."""

    origin: recording.Origin | None
    items: Sequence[Item]
    can: bool
    timed: bool = True
    rejected: Sequence[can_log.Rejected] = ()


def read(path: str) -> Recorded:
    """A recording of RS485, or a log of CAN; "-": standard input. Raises OSError, and CanLogError with a sentence."""
    content = recording.plain(sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes())
    origin = recording.origin(content)
    if not can_decode.is_log(path, content):
        return Recorded(origin, recording.parse(content), False, recording.has_times(content))
    if origin is not None and (first := _STAMP.search(content)):
        origin = origin._replace(first=int(first[1]) * 1000 + int(first[2]) // 1000)
    log = can_log.gather(can_log.pieces(path, content))
    return Recorded(origin, log.frames, True, rejected=log.rejected)


def timeline(files_: Sequence[Recorded], serial: int = 1, can: int = 1) -> dict[int, list[Item]]:
    """What came on each bus (its number, from 1) in order of time, out of recordings.

    Files of one session keep the times they have to each other, in whatever order they are given; sessions, and files
    that know of none, follow one another with a second between. serial, can: the bus of what does not say where it
    comes from.
    """
    sessions: dict[str, list[tuple[recording.Origin, Sequence[Item]]]] = {}
    for n, file in enumerate(files_):
        if file.origin is None:
            sessions[f"file {n}"] = [(recording.Origin("", can if file.can else serial, 0), file.items)]
        else:
            sessions.setdefault(file.origin.session, []).append((file.origin, file.items))
    out: dict[int, list[Item]] = {}
    began = 0
    for files in sessions.values():
        files.sort(key=lambda file: file[0].first)
        zero = files[0][0].first
        for origin, items in files:
            at = began + origin.first - zero
            out.setdefault(origin.bus, []).extend(item._replace(at=item.at + at) if at else item for item in items)
        began = max(chunks[-1].at for chunks in out.values()) + 1000
    return out


def play(
    loop: Loop, ports: Sequence[ReplayPort | CanReplayPort], clock: ManualClock, wake: Wake, speed: float = 0,
    ended: Callable[[], None] = lambda: None,
) -> None:
    """Turn the loop over the recording and a little beyond. speed: 0 as fast as the session takes the messages; ended:
    called when the recording has been played."""
    tail = _TAIL_MS
    while True:
        loop.turn(clock())
        if not loop.drained:
            wake.wait(20)  # the session takes no more: the recording's clock waits for it
            continue
        step = max(1, loop.rest_ms(clock()))
        left = min((due for port in ports if (due := port.until_next()) is not None), default=None)
        if left is None:
            if tail == _TAIL_MS:
                ended()
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
        "files", nargs="+", metavar="FILE",
        help="recording: hex text, with or without times, or raw bytes; a CAN log: candump's, or any python-can reads; "
        "- reads standard input"
    )
    parser.add_argument("--print", action="store_true", dest="print_only", help="print topics and payloads; no broker")
    parser.add_argument(
        "--speed", type=_speed, default=0, metavar="N",
        help="N times as fast as recorded, 1 as recorded (default, or 0: as fast as the broker takes it)",
    )


def _speed(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if value != 0 and not _SLOWEST <= value <= _FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not possible: {_SLOWEST} to {_FASTEST}, or 0 for as fast as it goes. Example: --speed 10"
        )
    return value


def main(args: argparse.Namespace, config: dict[str, Any], packs_configured: bool, log: Any) -> int:
    """Replay args.files. 1: the broker cannot be used, or no battery is in them; 2: a file is unreadable or empty."""
    files: list[Recorded] = []
    for name in args.files:
        try:
            files.append(read(name))
        except OSError as e:
            log(levels.ERROR, f"{name} cannot be read: {e.strerror}.")
            return 2
        except can_log.CanLogError as e:
            log(levels.ERROR, str(e))
            return 2
        if rejected := files[-1].rejected:
            first = rejected[0]
            log(
                levels.WARNING, f"{name}: {len(rejected)} pieces could not be read, the first in line {first.line}: "
                f"{first.reason}. `jkbridge decode` names them all.",
            )  # fmt: skip
        if not files[-1].items:
            log(levels.ERROR, f"{name} holds no bytes: neither hex text nor raw data, nor frames of CAN.")
            return 2
    _make_room(config, files)
    lines = timeline(files, _first(config, "serial"), _first(config, "can"))
    if cut := silences.shorten(lines):
        log(
            levels.WARNING, f"{cut / silences.LONGEST_MS:.1f} hours of silence are left out: each one is cut to an "
            "hour. Was the clock set during the recording?",
        )  # fmt: skip
    if wrong := _misplaced(config, lines):
        log(levels.ERROR, wrong)
        return 2
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
        names = ", ".join(os.path.basename(name) for name in args.files)
        bus["port"] = names.encode("utf-8", "replace").decode()  # it is published, and a name may hold any byte
    if not any(file.timed for file in files):
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


def _first(config: dict[str, Any], kind: str) -> int:
    """Number of the first bus of a kind, 1 when there is none."""
    return next((n for n, bus in enumerate(config["bus"], 1) if bus["kind"] == kind), 1)


def _make_room(config: dict[str, Any], files: Sequence[Recorded]) -> None:
    """A log of CAN needs a CAN bus; where none is configured there is one all the same."""
    buses = config["bus"]
    if not any(file.can for file in files) or any(bus["kind"] == "can" for bus in buses):
        return
    alone = all(file.can for file in files)
    keys = {"kind": "can", "interface": "file", "channel": "log", "prefix": "can"}
    others = {"port": "/dev/ttyUSB0"}
    made = core_config.load({"bus": keys | {"prefix": ""} if alone else [others, keys]}, "host")["bus"][-1]
    config["bus"] = [made] if alone else [*buses, made]


def _misplaced(config: dict[str, Any], lines: Mapping[int, Sequence[Item]]) -> str:
    """The sentence for a recording of CAN that belongs to a serial bus, or the other way round; "": all is right."""
    for n, bus in enumerate(config["bus"], 1):
        for item in lines.get(n, ())[:1]:
            if isinstance(item, CanFrame) != (bus["kind"] == "can"):
                return (
                    f"What was recorded on bus {n} is {'CAN' if isinstance(item, CanFrame) else 'RS485'}, but bus {n} "
                    "of the configuration is not: name the one it was recorded with (--config)."
                )
    return ""


def _run(
    bridge: Any,
    session: Any,
    chunks: Sequence[Sequence[Any]],
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
    empty = False
    if not refused:
        ports: list[Any] = [
            CanReplayPort(part, clock) if bus.poller is None else ReplayPort(part, clock)
            for bus, part in zip(bridge.buses, chunks, strict=True)
        ]
        loop.ports = ports
        over = "The recording ends here; what follows is what its silence looks like."
        play(loop, ports, clock, wake, speed, lambda: bridge.log(levels.INFO, over))
        empty = not any(bus.frames for bus in bridge.buses)
    bridge.stop(clock())
    end = time.monotonic() + 5
    while time.monotonic() < end:
        loop.turn(clock())
        if loop.drained:
            break
        wake.wait(20)
    session.close(True)
    if empty:
        bridge.log(
            levels.ERROR,
            "Nothing of a JK battery was found in it, so no values were published. `jkbridge decode` tells what it is "
            "made of.",
        )
    return 1 if refused or empty else 0
