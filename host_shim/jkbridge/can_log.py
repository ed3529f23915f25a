"""Reads recordings of a CAN bus: candump in both its forms, and every log file python-can knows.

candump -L, with or without comment lines:    (0000000000.004010) can0 2F4#3B02A00F63000000
candump as it shows on a screen, times or not:      (003.114009)  can0  18F128F4   [8]  8B 01 90 01 5A 00 00 00
Lines without a time follow each other by a millisecond. Times never run backwards: a line with a time before its
predecessor's counts as happening at the same moment. A clock that was set does not stop them: behind a step back of
more than 10 s they go on from there, and a leap of more than a day counts as a day. Frames of several channels in one
log are taken as of one bus.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from .can_frame import CLASSIC, CanFrame, PythonCanMissingError, frame_of, python_can
from .recording import plain

_ERROR_FLAG = 0x20000000
_STANDARD_DIGITS = 3
_HEAD = 20_000
_HEAD_LINES = 100

_LONGEST_US = 86_400_000_000
_SET_BACK_US = 10_000_000
_EPOCH = datetime(1970, 1, 1)

# Seconds, or what candump -tA writes
_TIME = r"(?:\(\s*(\d{1,12}(?:\.\d{1,9})?|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})\s*\)\s+)?"
_COMPACT = re.compile(_TIME + r"(?:(\S+)\s+)?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#(\S*)(?:\s+[RT])?")
_SCREEN = re.compile(
    _TIME + r"(\S+)\s+(?:RX\s+|TX\s+)?(?:[-A-Z]\s+[-A-Z]\s+)?"
    r"([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})\s+\[(\d{1,2})\]\s*(.*)"
)
_LINES = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_REMOTE = re.compile(r"[Rr](\d?)")


class Rejected(NamedTuple):
    """A piece of a log that is no frame: byte offset and number (from 1) of its line, length in bytes, and why."""

    offset: int
    line: int
    length: int
    reason: str


class CanLog(NamedTuple):
    """What a log holds: its frames in order, times in ms from its first frame on, and what could not be read."""

    frames: list[CanFrame]
    rejected: list[Rejected]


class _Clock:
    """Times of a log, counted from its first frame on."""

    def __init__(self) -> None:
        self._zero: int | None = None
        self._now = -1000

    def ms(self, time_us: int | None) -> int:
        """The time of the next frame, whose log says `time_us`, or None for nothing."""
        if time_us is None:
            self._now += 1000
        else:
            now = max(self._now, 0)
            if self._zero is None:
                self._zero = time_us - now
            ahead = time_us - self._zero - now
            if ahead < -_SET_BACK_US:
                self._zero += ahead
            elif ahead > _LONGEST_US:
                self._zero += ahead - _LONGEST_US
            self._now = max(now, time_us - self._zero)
        return self._now // 1000


class CanLogError(Exception):
    """A file is no CAN log that can be read; the text is a sentence."""


def is_candump(content: bytes) -> bool:
    """True when one of the first lines is candump's; those before it may be comments or damaged."""
    lines = (raw.decode("utf-8", "replace").strip() for raw in content[:_HEAD].splitlines()[:_HEAD_LINES])
    return any(_COMPACT.fullmatch(line) or _SCREEN.fullmatch(line) for line in lines)


def read(path: str | Path) -> CanLog:
    """The log in the file `path`; raises as pieces() does, and OSError when the file cannot be opened."""
    return gather(pieces(path, plain(Path(path).read_bytes())))


def parse(content: bytes) -> CanLog:
    """A candump log. Every line is a frame, a comment (#), what candump -e tells of an error, or rejected."""
    return gather(_candump(content))


def pieces(path: str | Path, content: bytes) -> Iterator[CanFrame | Rejected]:
    """What a log holds, one after the other: a long one never stands in memory as a whole.

    content: of the file `path`, unpacked. Candump is known by it, anything else by the end of the name, as python-can
    does. Raises CanLogError with a sentence, at the latest in the place of the first piece.
    """
    return _candump(content) if is_candump(content) else _others(Path(path))


def gather(found: Iterable[CanFrame | Rejected]) -> CanLog:
    """All pieces, sorted."""
    log = CanLog([], [])
    for piece in found:
        if isinstance(piece, CanFrame):
            log.frames.append(piece)
        else:
            log.rejected.append(piece)
    return log


def _candump(content: bytes) -> Iterator[CanFrame | Rejected]:
    clock = _Clock()
    after_error = False
    for number, raw in enumerate(_LINES.finditer(content), 1):
        line = raw[0].decode("utf-8", "replace").strip()
        if not line or line.startswith("#"):
            continue
        found = _line(line)
        if not isinstance(found, str):
            time_us, frame = found
            after_error = frame.error
            yield frame._replace(at=clock.ms(time_us))
        elif not (after_error and raw[0].startswith(b"\t")):  # as candump -e explains an error frame
            yield Rejected(raw.start(), number, len(raw[0].rstrip(b"\r\n")), found)


def _line(line: str) -> tuple[int | None, CanFrame] | str:
    """(time in us or None, frame) of a line, or why it is none."""
    compact = _COMPACT.fullmatch(line)
    if compact:
        time, _, identifier, body = compact.groups()
        found = _body(identifier, body)
    else:
        screen = _SCREEN.fullmatch(line)
        if not screen:
            return "this is no line of candump"
        time, _, identifier, length, body = screen.groups()
        found = _screen_body(identifier, int(length), body)
    if isinstance(found, str):
        return found
    if time is None:
        return None, found
    if "-" in time:
        try:
            return (datetime.fromisoformat(time) - _EPOCH) // timedelta(microseconds=1), found
        except ValueError:
            return f"{time} is no time"
    seconds, _, fraction = time.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0")), found


def _body(digits: str, body: str) -> CanFrame | str:
    """A frame from its identifier and what stands behind the # of candump -L."""
    if body.startswith("#"):
        return "CAN FD, which JK does not speak"
    remote = _REMOTE.fullmatch(body)
    if remote:
        return _frame(digits, b"", True, int(remote.group(1) or 0))
    data = body.partition("_")[0].replace(".", "")  # _F: what a length code above 8 was
    if not _HEX.fullmatch(data):
        return "the data are no pairs of hex digits"
    return _frame(digits, bytes.fromhex(data), False, len(data) // 2)


def _screen_body(digits: str, length: int, body: str) -> CanFrame | str:
    words = body.split()
    if words[:2] == ["remote", "request"]:
        return _frame(digits, b"", True, length)
    data = ""
    for word in words:
        if not re.fullmatch("[0-9A-Fa-f]{2}", word):
            break  # what candump -a or -e adds: the bytes as text, the meaning of an error
        data += word
        if len(data) == 2 * length:
            break
    if len(data) != 2 * length:
        return f"{length} data bytes are announced, {len(data) // 2} are there"
    return _frame(digits, bytes.fromhex(data), False, length)


def _frame(digits: str, data: bytes, remote: bool, dlc: int) -> CanFrame | str:
    identifier = int(digits, 16)
    if len(data) > CLASSIC or dlc > CLASSIC:
        return f"{max(dlc, len(data))} data bytes, but a frame has {CLASSIC} at most"
    if len(digits) > _STANDARD_DIGITS and identifier & _ERROR_FLAG:
        return CanFrame(0, identifier & ~_ERROR_FLAG & 0x1FFFFFFF, False, False, True, dlc, data)
    extended = len(digits) > _STANDARD_DIGITS
    if identifier > (0x1FFFFFFF if extended else 0x7FF):
        return f"{digits} is no identifier: {29 if extended else 11} bits are allowed"
    return CanFrame(0, identifier, extended, remote, False, dlc, data)


def _others(path: Path) -> Iterator[CanFrame | Rejected]:
    try:
        can = python_can()
    except PythonCanMissingError as error:
        raise CanLogError(f"{path}: is no candump log, and other logs cannot be read: {error}") from None
    try:
        if path.name.lower().removesuffix(".gz").endswith(".log"):
            raise ValueError  # python-can would take it for candump's, which it is not
        reader = can.LogReader(str(path))
    except ValueError:
        known = ", ".join(sorted(set(can.io.player.MESSAGE_READERS) - {".log"}))
        raise CanLogError(
            f"{path}: is no CAN log that can be read: it holds no lines of candump, and by the end of its name it is "
            f"none of {known}"
        ) from None
    except Exception as error:  # a file that is not what its name says, or a package that is missing for it
        raise CanLogError(f"{path}: cannot be read as {path.suffix}: {error}") from None
    return _messages(path, reader)


def _messages(path: Path, reader: Any) -> Iterator[CanFrame | Rejected]:
    clock = _Clock()
    count = 0
    try:
        for message in reader:
            count += 1
            now = clock.ms(round(message.timestamp * 1_000_000))
            yield frame_of(message, now) or Rejected(0, count, 0, f"frame {count} is CAN FD or makes no sense")
    except Exception as error:  # the readers raise whatever their format makes them stumble over
        if not count:
            raise CanLogError(f"{path}: cannot be read as {path.suffix}: {error}") from None
        yield Rejected(0, count + 1, 0, f"the file makes no sense behind frame {count}: {error}")
    finally:
        reader.stop()
