"""Keeps secrets out of files that leave the house: finds those known here, masks recordings, searches texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from jkbridge import recording
from jkbridge.capture import Recorder
from jkbridge.clock import MASK
from jkcore import framer as fr
from jkcore import modbus
from jkcore.fields import codes, table

_SHORTEST = 4
"""Characters of a text that is searched for: shorter ones are found everywhere by chance."""
_COMMON = ("jkbridge", "jkbms", "mqtt", "homeassistant", "serial", "retained", "online", "offline", "bridge", "user")
_SHOWN = "***"
# Comments that `run --capture` writes itself; those of other people may hold anything.
_OURS = re.compile(
    r"# (jkbridge [\w.+-]+ capture|session \w+, bus \d+ of \d+,|seconds since it began|port (opened|closed)|"
    r"\d+ lines lost here)"
)


class Secrets:
    """What must not be seen. config: a loaded configuration or None; contents: recordings as they were found."""

    def __init__(self, config: dict[str, Any] | None, contents: Sequence[bytes]) -> None:
        self.found = 0
        """Places at which one was found and masked."""
        self.not_searched: list[str] = []
        """Texts that cannot be searched for, because they stand everywhere."""
        mqtt = config["mqtt"] if config is not None else {"user": "", "password": ""}
        words = {text for content in contents for text in in_about_frames(content)}
        if mqtt["user"]:
            known = (*_COMMON, config["base"], config["discovery"]["prefix"]) if config is not None else _COMMON
            if len(mqtt["user"]) < _SHORTEST or mqtt["user"].lower() in known:
                self.not_searched.append(mqtt["user"])
            else:
                words.add(mqtt["user"])
        self._bytes = sorted((word.encode("utf-8", "surrogateescape") for word in words), key=len, reverse=True)
        patterns = [rf"(?<![0-9A-Za-z]){re.escape(word)}(?![0-9A-Za-z])" for word in words]
        if mqtt["password"]:
            # Wherever it stands, also as a part of something; a short one as a word.
            short = len(mqtt["password"]) < _SHORTEST
            escaped = re.escape(mqtt["password"])
            patterns.append(rf"(?<![0-9A-Za-z]){escaped}(?![0-9A-Za-z])" if short else escaped)
            if not short:
                self._bytes.append(mqtt["password"].encode())
        self._pattern = re.compile("|".join(sorted(patterns, key=len, reverse=True))) if patterns else None
        try:
            self._home = str(Path.home())
        except RuntimeError:  # a container's user may have no home
            self._home = ""

    def removed(self, text: str) -> str:
        """The text without any of them; the home folder, which names its owner, becomes ~."""
        if len(self._home) > 1:
            text = text.replace(self._home, "~")
        if self._pattern is None:
            return text
        text, count = self._pattern.subn(_SHOWN, text)
        self.found += count
        return text

    def removed_bytes(self, data: bytes) -> bytes:
        """Bytes of the bus without any of them, of the same length."""
        for secret in self._bytes:
            count = data.count(secret)
            if count:
                self.found += count
                data = data.replace(secret, b"*" * len(secret))
        return data


def in_about_frames(content: bytes) -> Iterator[str]:
    """The texts in the secret fields of all about frames of a recording that have a right sum."""
    data = b"".join(c.data for c in recording.parse(content) if c.direction == recording.RECEIVED)
    every = range(table.first(modbus.ABOUT), table.last(modbus.ABOUT))
    texts = [r for r in every if table.at(r).kind == codes.TEXT]
    secret = [(table.at(r).offset, table.at(r).decimals) for r in texts if table.at(r).who == codes.SECRET]
    shown = [(table.at(r).offset, table.at(r).decimals) for r in texts if table.at(r).who != codes.SECRET]
    framer = fr.Framer()
    at = 0
    while at < len(data):
        at = framer.feed(data, at, len(data))
        if at >= len(data):
            framer.flush()
        while event := framer.next():
            if event != fr.FRAME or framer.kind != modbus.ABOUT:
                continue
            public = {text for row in shown for text in _texts(framer.frame, *row)}
            for row in secret:
                # A pack nobody gave a name has that of its model.
                yield from (text for text in _texts(framer.frame, *row) if text not in public)


def _texts(frame: memoryview, offset: int, length: int) -> Iterator[str]:
    """The texts of a field that are long enough to be searched for and not masked."""
    for part in bytes(frame[offset : offset + length]).split(b"\0"):
        text = part.decode("utf-8", "surrogateescape").strip()
        if len(text) >= _SHORTEST and set(text) != {"*"}:
            yield text


def masked(content: bytes, secrets: Secrets) -> str:
    """A recording, whoever made it, as text with everything secret masked.

    Times stay as they are; a recording without times has none afterwards. Comments of others are left out.
    """
    out: list[str] = []
    recorder: Recorder | None = None
    comments = 0
    timed = recording.has_times(content)
    now = 0
    untimed = 0
    for at, direction, data, comment in recording.entries(content):
        if at is not None:
            now = at
        elif not timed:
            untimed += len(data)
            now = untimed * 10_000 // 115_200  # as the line would need
        if comment:
            if _OURS.match(comment) is None:
                comments += 1
            elif recorder is not None and comment.startswith("# port"):
                recorder.note(comment.removeprefix("# "))
            else:
                out.append(f"{comment}\n")
        if data:
            if recorder is None:
                recorder = Recorder(out.append, now & MASK, now)
            take = recorder.sent if direction == recording.SENT else recorder.received
            take(data, now & MASK)
    if recorder is not None:
        recorder.end()
    if comments:
        out.insert(0, f"# {comments} comments were left out\n")
    lines = _without(out, secrets)
    return "".join(lines if timed else (re.sub(r"^\d+\.\d+ < ", "", line) for line in lines))


def _without(lines: list[str], secrets: Secrets) -> list[str]:
    """The lines of a masked recording with known secrets replaced, also where they run over several lines."""
    for direction in (recording.RECEIVED, recording.SENT):
        mine = [n for n, line in enumerate(lines) if line[:1] != "#" and line.split(" ", 2)[1] == direction]
        whole = bytes.fromhex("".join(lines[n].split(" ", 2)[2] for n in mine))
        clean = secrets.removed_bytes(whole)
        if clean == whole:
            continue
        at = 0
        for n in mine:
            head, way, digits = lines[n].split(" ", 2)
            length = len(bytes.fromhex(digits))
            lines[n] = f"{head} {way} {clean[at : at + length].hex(' ').upper()}\n"
            at += length
    return lines
