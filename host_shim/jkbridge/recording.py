"""The text format of recorded bus bytes, read and written: what `--capture` records and `replay` and `decode` read.

Lines, in UTF-8:
  # anything                   a comment; also behind a `#` at the end of a line
  55 AA EB 90 01 ...           hex bytes without a time: they follow each other as at 115200 baud
  12.345 < 01 10 16 20 ...     bytes with the time they were complete at, in seconds since any moment (1970 too),
  and a direction: 12.300 > 01 10 16 20 ...     `<` received from the bus, `>` sent by the bridge; without one they
  were received
A file of anything else is taken as raw bytes, received one after the other.
  # session 1a2b3c4d, bus 1 of 2, ...    at the head: files of one session share one clock, see `origin`
Times never run backwards: a line with a time before its predecessor's counts as happening at the same moment.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

RECEIVED = "<"
SENT = ">"

_TIMED = re.compile(r"(\d{1,12})\.(\d{1,9})[ \t]+(?:([<>])[ \t]*)?((?:[0-9A-Fa-f]{2}[ \t]*)+)")
_ORIGIN = re.compile(rb"# session ([0-9A-Za-z]+), bus (\d{1,3}) of \d{1,3},")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[ \t]*)+")
_NS_PER_BYTE = 10 * 1_000_000_000 // 115_200
_RAW_CHUNK = 64
_GZIP = b"\x1f\x8b\x08"
_GZIP_WRAPPER = 31


def plain(content: bytes) -> bytes:
    """What a file holds: unpacked where it is gzip, and UTF-16 (a `>` in PowerShell) as UTF-8 without a mark."""
    if content.startswith(_GZIP):
        content = _unpacked(content)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            content = content.decode("utf-16").encode("ascii")
        except UnicodeError:
            return content  # raw bytes that happen to begin like that
    return content.removeprefix(codecs.BOM_UTF8)


def _unpacked(packed: bytes) -> bytes:
    """All parts of a gzip file, of one that breaks off what is there; `packed` itself when it is none."""
    out = []
    rest = packed
    while rest.startswith(_GZIP):
        part = zlib.decompressobj(wbits=_GZIP_WRAPPER)
        try:
            out.append(part.decompress(rest))
        except zlib.error:
            break
        rest = part.unused_data
    return b"".join(out) or packed


class Chunk(NamedTuple):
    """Bytes of the bus with the time of their last one, ms from the start of the recording."""

    at: int
    direction: str
    data: bytes


def parse(content: bytes) -> list[Chunk]:
    """All bytes of the content of a recording in order of time, which starts at 0."""
    lines = _lines(content)
    if lines is None:
        return list(_paced((None, RECEIVED, content[i : i + _RAW_CHUNK]) for i in range(0, len(content), _RAW_CHUNK)))
    return list(_paced(iter(lines)))


def has_times(content: bytes) -> bool:
    """True when at least one line carries a time."""
    return any(at is not None for at, _, _ in _lines(content) or ())


class Origin(NamedTuple):
    """Where a recording comes from: the run of the bridge, the number of the bus, when its first byte came (ms since
    that run began)."""

    session: str
    bus: int
    first: int


def origin(content: bytes) -> Origin | None:
    """What `jkbridge run --capture` wrote at the head of the file; None when somebody else recorded it."""
    found = _ORIGIN.search(content[:2000])
    if found is None:
        return None
    first = next((at for at, _, _ in _lines(content) or () if at is not None), 0)
    return Origin(found[1].decode(), int(found[2]), first)


def line(at_ms: int, direction: str, data: bytes) -> str:
    """One line of the format for bytes at a time (ms since any moment)."""
    return f"{at_ms // 1000}.{at_ms % 1000:03d} {direction} {data.hex(' ').upper()}\n"


class Entry(NamedTuple):
    """One line as it stands: its time (ms) or None, direction, bytes, and its comment with the #."""

    at: int | None
    direction: str
    data: bytes
    comment: str


def entries(content: bytes) -> Iterator[Entry]:
    """All lines of a recording, times as written; raw bytes are pieces without a time."""
    found = _entries(content)
    if found is None:
        found = [Entry(None, RECEIVED, content[i : i + _RAW_CHUNK], "") for i in range(0, len(content), _RAW_CHUNK)]
    yield from found


def _entries(content: bytes) -> list[Entry] | None:
    """All lines; None when this is not the text format."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    out: list[Entry] = []
    for full in text.splitlines():
        bare, mark, rest = full.partition("#")
        bare = bare.strip()
        comment = mark + rest
        timed = _TIMED.fullmatch(bare)
        if timed:
            seconds, fraction, direction, digits = timed.groups()
            at = int(seconds) * 1000 + int(fraction[:3].ljust(3, "0"))
            out.append(Entry(at, direction or RECEIVED, bytes.fromhex(digits), comment))
        elif _HEX.fullmatch(bare):
            out.append(Entry(None, RECEIVED, bytes.fromhex(bare), comment))
        elif bare:
            return None
        elif comment:
            out.append(Entry(None, RECEIVED, b"", comment))
    return out


def _lines(content: bytes) -> list[tuple[int | None, str, bytes]] | None:
    """(time in ms or None, direction, bytes) of each line with bytes; None when this is not the text format."""
    found = _entries(content)
    return None if found is None else [entry[:3] for entry in found if entry.data]


def _paced(lines: Iterator[tuple[int | None, str, bytes]]) -> Iterator[Chunk]:
    """Times for all: given ones as they are, others as the line at 115200 baud would need."""
    zero: int | None = None
    now_ns = 0
    for at, direction, data in lines:
        if at is None:
            now_ns += len(data) * _NS_PER_BYTE
        else:
            if zero is None:
                zero = at - now_ns // 1_000_000
            now_ns = max(now_ns, (at - zero) * 1_000_000)
        yield Chunk(now_ns // 1_000_000, direction, data)
