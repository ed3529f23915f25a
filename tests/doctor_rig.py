"""Lines for the doctor: simulated packs, recordings, other protocols, other speeds, swapped wires. Time is supplied.

>>> rig = Rig(line=make_line([1, 2], paced=True))
>>> rig.examine().findings[0]

A rig's clock moves only when the doctor rests. `sent` holds every byte the doctor put on the line.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from jkbridge.doctor.examination import Examination, Result
from jkbridge.ports import PortEvent
from jkbridge.simulator import Line

_SAMPLES = 8  # of the line in one bit of the receiver


def uart(data: bytes, sent_baud: int, read_baud: int, swapped: bool = False, eager: bool = False) -> bytes:
    """What a UART at `read_baud` makes of bytes sent back to back at `sent_baud`; swapped: A and B the wrong way round.

    The line is high while nobody drives it (fail-safe bias). A byte whose stop bit is low is handed on all the same, as
    Linux does; then an eager receiver takes the next low for a start bit, others wait for the line to be high first.
    """
    bits = [1, 1]  # the driver is switched on a little before its first start bit
    for byte in data:
        bits += [0, *(byte >> i & 1 for i in range(8)), 1]
    per_bit = _SAMPLES * read_baud / sent_baud
    driven = [bit ^ swapped for bit in bits]
    levels = [1] * _SAMPLES * 4
    levels += [driven[int(i / per_bit)] for i in range(int(len(driven) * per_bit))]
    levels += [1] * _SAMPLES * 12
    out = bytearray()
    at = 1
    while at + 10 * _SAMPLES < len(levels):
        falls = levels[at] == 0 and (levels[at - 1] == 1 or eager)
        if not falls:
            at += 1
            continue
        middle = at + _SAMPLES // 2
        out.append(sum(levels[middle + (i + 1) * _SAMPLES] << i for i in range(8)))
        at = middle + 9 * _SAMPLES
        if eager and not levels[at]:
            at -= _SAMPLES // 2  # this low is the next start bit
    return bytes(out)


class Rig:
    """line: simulated packs; script: (ms, bytes) in order of time, said by somebody else; both may be given.

    others: (ms, bytes) another host on the line sends, which packs do answer. baud: of the line;
    swapped: A and B are; port_fails: the sentence the port closes with, at `fails_at` ms.
    """

    def __init__(
        self,
        line: Line | None = None,
        script: list[tuple[int, bytes]] | None = None,
        *,
        baud: int = 115_200,
        swapped: bool = False,
        port: str = "/dev/ttyUSB0",
        port_fails: str = "",
        fails_at: int = 0,
        others: list[tuple[int, bytes]] | None = None,
        start: int = 0x3FFFFFFF - 5_000,  # the clock wraps in the middle of everything
        **how: Any,
    ) -> None:
        self.line = line
        self.script = list(script or [])
        self.baud = baud
        self.swapped = swapped
        self.port = port
        self.port_fails = port_fails
        self.fails_at = fails_at
        self.how = how
        self.others = list(others or [])
        self.other = line.host("another bridge") if line is not None and others else None
        self.ms = 0
        self.sent: list[tuple[int, int, bytes]] = []  # (ms, baud, bytes)
        self.open_ports = 0
        self._start = start
        if line is not None:
            line.read(self.clock())

    def clock(self) -> int:
        return (self._start + self.ms) & 0x3FFFFFFF

    def rest(self, ms: int) -> None:
        self.ms += max(1, min(ms, 5))
        while self.other is not None and self.others and self.others[0][0] <= self.ms:
            self.other.write(self.others.pop(0)[1], self.clock())

    def connect(self, baud: int) -> RigPort:
        return RigPort(self, baud)

    def phase(self, text: str, seconds: float) -> None:
        pass

    def passed(self, seconds: float, heard: str) -> None:
        pass

    def examine(self) -> Result:
        examination = Examination(self.port, self.connect, self.clock, self.rest, self, **self.how)
        result = examination.run()
        assert not self.open_ports
        return result


class RigPort:
    """A port of the rig at some speed."""

    def __init__(self, rig: Rig, baud: int) -> None:
        self._rig = rig
        self._baud = baud
        self._events: list[PortEvent] = []
        self._closed = False

    def start(self) -> None:
        rig = self._rig
        rig.open_ports += 1
        if rig.line is not None:
            rig.line.read(rig.clock())  # what was said before nobody hears
        rig.script = [(at, data) for at, data in rig.script if at >= rig.ms]
        if not rig.port_fails or rig.fails_at:
            self._events.append(PortEvent("opened", rig.clock()))

    def poll(self) -> PortEvent | None:
        if self._events:
            return self._events.pop(0)
        rig = self._rig
        if rig.port_fails and rig.ms >= rig.fails_at:
            return PortEvent("closed", rig.clock(), reason=rig.port_fails)
        data = rig.line.read(rig.clock()) if rig.line is not None else b""
        while rig.script and rig.script[0][0] <= rig.ms:
            data += rig.script.pop(0)[1]
        if not data:
            return None
        if rig.swapped or self._baud != rig.baud:
            data = uart(data, rig.baud, self._baud, rig.swapped)
        return PortEvent("data", rig.clock(), data)

    def write(self, buf: Any, n: int) -> None:
        rig = self._rig
        data = bytes(buf[:n])
        rig.sent.append((rig.ms, self._baud, data))
        if rig.line is not None and self._baud == rig.baud and not rig.swapped:
            rig.line.write(data, rig.clock())

    def close(self) -> None:
        self._rig.open_ports -= 1


def paced(data: bytes, start: int = 500, chunk: int = 46, every: int = 4) -> list[tuple[int, bytes]]:
    """Bytes as they come at 115200 baud."""
    return [(start + i // chunk * every, data[i : i + chunk]) for i in range(0, len(data), chunk)]


def again(data: bytes, every: int, seconds: int = 120, start: int = 300) -> list[tuple[int, bytes]]:
    """The same bytes again and again."""
    return [(ms, data) for ms in range(start, seconds * 1000, every)]


def noise(seconds: int = 60, seed: int = 1) -> list[tuple[int, bytes]]:
    """Bursts of random bytes."""
    dice = random.Random(seed)
    return [(ms, dice.randbytes(dice.randint(4, 40))) for ms in range(200, seconds * 1000, 700)]


def requests(addresses: Iterable[int], every: int, ask: Any, first: int = 300) -> list[tuple[int, bytes]]:
    """Somebody asks these addresses in turn."""
    order = list(addresses)
    return [(ms, ask(order[i % len(order)])) for i, ms in enumerate(range(first, 120_000, every))]
