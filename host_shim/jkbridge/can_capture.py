"""`--capture` of a CAN bus: its frames as candump -L writes them, and recordings of others made fit to be shown.

Data are kept of JK's own identifiers alone, which carry nothing secret. What an inverter says of itself, a serial
number perhaps, is nobody's business: its identifiers and lengths stay, its data become 2A (*).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jkbridge.can_decode import identifier
from jkbridge.can_frame import UNIQUE, CanFrame
from jkbridge.clock import since
from jkcore import can
from jkcore.version import VERSION

_HALF = 0x20000000
_ERROR_FLAG = 0x20000000


class _Batteries:
    """Tells their frames from those of others. Behind address 11 an identifier of 11 bits may be anybody's: it is a
    battery's when one of 29 bits has told of that address, as jkcore/canhearing.py takes it."""

    def __init__(self) -> None:
        self._extended: set[int] = set()

    def own(self, frame: CanFrame) -> bool:
        kind = can.classify(frame.id, frame.extended)
        if kind == can.NOBODY:
            return False
        address = kind & 15
        if frame.extended:
            self._extended.add(address)
        return address <= UNIQUE or address in self._extended


def _line(at_ms: int, channel: str, frame: CanFrame, own: bool) -> str:
    """One line of candump -L for a frame at a time (ms since any moment); own: its data may be shown."""
    head = f"({at_ms // 1000:010d}.{at_ms % 1000:03d}000) {channel} "
    if frame.error:
        return f"{head}{frame.id | _ERROR_FLAG:08X}#{frame.data.hex().upper()}\n"
    if frame.remote:
        return f"{head}{identifier(frame)}#R{frame.dlc or ''}\n"
    return f"{head}{identifier(frame)}#{frame.data.hex().upper() if own else '2A' * len(frame.data)}\n"


def header(when: str, session: str, bus: int, of: int, config: dict[str, Any]) -> str:
    """The comment lines such a file begins with; the second is that of all recordings (recording.origin)."""
    rate = f", {config['bitrate']} bit/s" if config["bitrate"] else ""
    return (
        f"# jkbridge {VERSION} capture, begun {when}\n"
        f"# session {session}, bus {bus} of {of}, port {config['port']}{rate}\n"
        "# candump -L, seconds since it began. Data of identifiers that are none of JK's are masked with 2A (*).\n"
    )


def masked(frames: Iterable[CanFrame], head: str = "") -> str:
    """A log, whoever made it, as text that may be shown: no comments, no data of others."""
    batteries = _Batteries()
    return head + "".join(_line(frame.at, "can0", frame, batteries.own(frame)) for frame in frames)


class CanRecorder:
    """Writes the lines of one bus. channel: the word for it in each line; start: ms of the core at the beginning."""

    def __init__(self, take: Callable[[str], None], channel: str, start: int) -> None:
        self._take = take
        self._channel = channel
        self._last = start
        self._elapsed = 0
        self._batteries = _Batteries()

    def frame(self, frame: CanFrame, at: int) -> None:
        """A frame came; times never run backwards."""
        passed = since(at, self._last)
        if passed < _HALF:
            self._elapsed += passed
            self._last = at
        self._take(_line(self._elapsed, self._channel, frame, self._batteries.own(frame)))

    def note(self, text: str) -> None:
        """A comment line."""
        self._take(f"# {' '.join(text.split())}\n")

    def end(self) -> None:
        """Nothing is held back."""


class CanCapturingPort:
    """A CAN port whose frames are recorded on their way; see loop.Port."""

    def __init__(self, port: Any, recorder: CanRecorder) -> None:
        self._port = port
        self._recorder = recorder

    def write(self, buf: bytearray, n: int) -> None:
        """Never: nothing is sent on CAN."""
        raise AssertionError("nothing is sent on CAN")

    def poll(self) -> Any:
        event = self._port.poll()
        if event is not None:
            if event.frame is not None:
                self._recorder.frame(event.frame, event.at)
            else:
                self._recorder.note(f"port {event.kind}{f': {event.reason}' if event.reason else ''}")
        return event

    def reopen(self, reason: str) -> None:
        self._recorder.note(f"port opened again: {reason}")
        self._port.reopen(reason)
