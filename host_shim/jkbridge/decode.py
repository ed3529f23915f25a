"""`jkbridge decode FILE...`: every JK frame of a recording as one JSON object per line, with the core's own decoder.

Reads the hex text format of recording.py (which ../shared/frames uses) or raw bytes, from files or from
standard input (`-`), and logs of a CAN bus: candump's by what stands in them, others by the end of their name.
Requests, acks, FC03 traffic and log frames are accounted for silently; what belongs to nothing is named on stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from jkcore import framer as fr
from jkcore import gate, modbus, payload, texts
from jkcore.fields import table
from jkcore.message import Message
from jkcore.pack import Pack, blank_private

from . import can_decode, recording

_TYPES = {modbus.SETTINGS: "settings", modbus.LIVE: "live", modbus.ABOUT: "about"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the subcommand."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="recording as hex text or raw bytes, or log of a CAN bus; - reads "
        "standard input"
    )
    parser.add_argument(
        "--doubt", action="store_true", help="also name the live frames the bridge would drop as implausible, and why"
    )


def main(args: argparse.Namespace) -> int:
    """Decode all files. 0: every byte is accounted for; 1: something was rejected; 2: a file is unreadable or empty."""
    status = 0
    for name in args.files:
        try:
            content = recording.plain(sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes())
        except OSError as error:
            print(f"{name}: cannot be read: {error.strerror or error}", file=sys.stderr)
            status = 2
            continue
        prefix = f"{name}: " if len(args.files) > 1 else ""
        if can_decode.is_log(name, content):
            status = max(status, can_decode.decode(name, content, sys.stdout, sys.stderr, prefix))
            continue
        data = received(content)
        if not data:
            print(f"{name}: holds no bytes: neither hex text nor raw data, nor frames of CAN", file=sys.stderr)
            status = 2
            continue
        rejected = decode(data, sys.stdout, sys.stderr, name if len(args.files) > 1 else "", args.doubt)
        status = max(status, int(rejected > 0))
    return status


def decode(data: bytes, out: TextIO, errors: TextIO, name: str = "", doubt: bool = False) -> int:
    """Write one JSON line per live, settings and about frame to `out`, one line per rejected piece to `errors`.

    data: what came from the bus. doubt: also name the whole frames whose values contradict each other. Returns
    the number of rejected pieces.
    """
    prefix = f"{name}: " if name else ""
    framer = fr.Framer()
    rejected = found = 0
    for event in _events(framer, data):
        if event == fr.REJECT:
            rejected += 1
            what = texts.REJECTS[framer.reason]
            print(f"{prefix}offset {framer.position}: {framer.length} bytes rejected: {what}", file=errors)
        elif event == fr.FRAME and framer.kind in _TYPES:
            found += 1
            print(frame_json(framer.frame, framer.kind, framer.address), file=out)
            if doubt and framer.kind == modbus.LIVE and (reason := gate.judge(framer.frame)):
                why = texts.DOUBTS[reason]
                print(f"{prefix}offset {framer.position}: the bridge would doubt this frame: {why}", file=errors)
    if rejected and not found:
        print(f"{prefix}no values of a JK battery are in these {len(data)} bytes", file=errors)
    return rejected


def received(content: bytes) -> bytes:
    """The bytes a recording has from the bus."""
    return b"".join(c.data for c in recording.parse(content) if c.direction == recording.RECEIVED)


def _events(framer: fr.Framer, data: bytes) -> Iterator[int]:
    """Codes of all units of `data`, to its end."""
    at = 0
    while True:
        if at < len(data):
            at = framer.feed(data, at, len(data))
        else:
            framer.flush()
        while event := framer.next():
            yield event
        if at >= len(data) and not framer.pending():
            return


def frame_json(frame: memoryview, kind: int, address: int) -> str:
    """The JSON object of one frame of type 1, 2 or 3; address NO_ADDRESS: there was no ack behind it."""
    if kind == modbus.ABOUT:
        blank_private(frame)
    pack = Pack(b"0", 0, "")
    pack.keep(frame, kind)
    if address == fr.NO_ADDRESS and kind == modbus.SETTINGS:
        address = frame[table.offset_of("device_address", modbus.SETTINGS)]
    message = Message()
    message.start(False)
    message.open()
    message.string(b"type", _TYPES[kind])
    message.numbers(b"address", (address if address <= modbus.MAX_ADDRESS else None,))
    message.key(b"values")
    message.open()
    payload.put_values(message, pack, kind, True)
    message.close()
    message.close()
    return bytes(message.buf[message.topic_end : message.end]).decode()
