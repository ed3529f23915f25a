"""Logs of a CAN bus for `jkbridge decode`: every message of JK's as one JSON object per line."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from jkcore import can, candecode
from jkcore.message import Message

from . import can_log
from .can_frame import CLASSIC, UNIQUE, CanFrame

_SUFFIXES = (".asc", ".blf", ".csv", ".db", ".mf4", ".trc")
"""Logs that only python-can reads, and that no recording of RS485 is named like."""
_SHOWN = 20


def is_log(name: str, content: bytes) -> bool:
    """True for a log of a CAN bus: candump's, whatever it is called, or one that is named as python-can knows them."""
    return can_log.is_candump(content) or Path(name.lower().removesuffix(".gz")).suffix in _SUFFIXES


def decode(name: str, content: bytes, out: TextIO, errors: TextIO, prefix: str) -> int:
    """Write one JSON line per message to `out`, one line per rejected piece, and a summary of what is not JK's, to
    `errors`. Returns 0: all was JK's or somebody else's; 1: pieces were rejected; 2: the file cannot be read or is
    empty."""
    rejected = number = 0
    foreign: dict[str, int] = {}
    known: set[int] = set()  # addresses of which there is an identifier of 29 bits
    doubtful: dict[int, set[str]] = {}
    try:
        for piece in can_log.pieces(name, content):
            if isinstance(piece, can_log.Rejected):
                rejected += 1
                print(f"{prefix}line {piece.line}: {piece.length} bytes rejected: {piece.reason}", file=errors)
                continue
            number += 1
            found = frame_json(piece)
            if found is None:
                foreign[identifier(piece)] = foreign.get(identifier(piece), 0) + 1
            elif found.startswith("{"):
                print(found, file=out)
                address = can.classify(piece.id, piece.extended) & 15
                if piece.extended:
                    known.add(address)
                elif address > UNIQUE:
                    doubtful.setdefault(address, set()).add(identifier(piece))
            else:
                rejected += 1
                print(f"{prefix}frame {number}, {identifier(piece)}: rejected: {found}", file=errors)
    except can_log.CanLogError as error:
        print(error, file=errors)
        return 2
    if foreign:
        most = sorted(foreign.items(), key=lambda item: (-item[1], item[0]))
        told = ", ".join(f"{key} ({count})" for key, count in most[:_SHOWN])
        more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
        print(f"{prefix}identifiers that are none of JK's: {told}{more}", file=errors)
    for address in sorted(doubtful.keys() - known):
        told = ", ".join(sorted(doubtful[address]))
        print(f"{prefix}{told}: read as address {address}, but no 29-bit identifier of it is here, so perhaps "
              "somebody else's", file=errors)  # fmt: skip
    if not number and not rejected:
        print(f"{prefix or name + ': '}holds no frames", file=errors)
        return 2
    return int(rejected > 0)


def frame_json(frame: CanFrame) -> str | None:
    """The JSON object of a message, why it is none, or None for a frame that is none of JK's."""
    if frame.error:
        return "an error frame"
    kind = can.classify(frame.id, frame.extended)
    if kind == can.NOBODY:
        return None
    if frame.remote:
        return "a remote request, which has no data"
    if len(frame.data) < CLASSIC:
        return f"{len(frame.data)} data bytes, but the message has {CLASSIC}"
    message = Message()
    message.start(False)
    message.open()
    message.string(b"type", "can")
    message.string(b"id", identifier(frame))
    message.numbers(b"address", (kind & 15,))
    message.key(b"values")
    message.open()
    candecode.put_message(message, kind >> 4, frame.data)
    message.close()
    message.close()
    return bytes(message.buf[message.topic_end : message.end]).decode()


def identifier(frame: CanFrame) -> str:
    """An identifier as candump writes it: three hex digits, or eight."""
    return f"{frame.id:08X}" if frame.extended else f"{frame.id:03X}"
