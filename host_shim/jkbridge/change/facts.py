"""What a pack says it is set to: texts as they come in JSON, and the same as frames the core can check against."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jkcore import words
from jkcore.fields import codes, table
from jkcore.modbus import ABOUT, SETTINGS
from jkcore.pack import Pack
from jkcore.writes import decimals, limits

_LENGTH = 300
_WIDTHS = {codes.U8: 1, codes.S8: 1, codes.U16: 2, codes.S16: 2, codes.U32: 4, codes.S32: 4}
# What tells packs apart or counts by itself, and `controls`, whose bits stand beside it: no difference of settings.
_OWN = ("device_address", "controls", "odd_run_time", "power_on_count", "manufacture_date")


class Number(str):
    """A JSON number as the text it came as: a float would lose digits."""

    __slots__ = ()


def parse(text: str | bytes) -> Any:
    """JSON with its numbers as Number. ValueError when it is none."""
    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=Number)


def members(text: str | bytes) -> dict[str, Any]:
    """A JSON object; {} for anything else."""
    try:
        found = parse(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@dataclass
class Facts:
    """One pack. settings, about: field -> value as published: Number, text ("ON", an option), None when unknown."""

    pack: str
    address: int
    settings: dict[str, Any]
    about: dict[str, Any] = field(default_factory=dict)
    chemistry: str | None = None
    chemistry_known: bool = True
    """False: whoever carries the command out knows it, and does not tell."""
    note: str = ""
    """How fresh this is; a sentence."""
    online: bool = True

    def value(self, name: str) -> Any:
        """Value of a field of settings or about, None when there is none."""
        return self.settings[name] if name in self.settings else self.about.get(name)

    def told(self, name: str) -> str:
        """The same for people, without unit."""
        return told(limits.find(name), self.value(name))

    def reading(self) -> Pack:
        """A Pack of the core that holds the same as frames, for the core's checks."""
        pack = Pack(self.pack.encode(), self.address, "")
        for kind, values in ((ABOUT, self.about), (SETTINGS, self.settings)):
            if values:
                pack.keep(_frame(kind, values), kind)
        return pack


def raw(r: int, value: Any) -> int | None:
    """The scaled integer of row `r` for a published value; None: unknown. CommandError when it is no value of it."""
    row = table.at(r)
    if value is None or row.kind == codes.TEXT:
        return None
    text = str(value)
    options = table.options(row)
    if row.show == codes.SWITCH:
        return {"ON": 1, "OFF": 0}.get(text)
    if options:
        return list(options).index(text.encode()) if text.encode() in options else None
    found: int = decimals.scaled(text, row.decimals, 1, table.name(r))
    return found


def told(r: int, value: Any) -> str:
    """A published value of row `r` for people, without unit."""
    if value is None:
        return "-"
    row = table.at(r)
    if row.kind == codes.TEXT or row.kind == codes.MASK32:
        return str(value)
    number = raw(r, value)
    return str(value) if number is None else str(limits.told(r, number))


def unit(r: int) -> str:
    """Unit of row `r`, "" for none."""
    return str(words.unit(table.at(r))[0])


def label(name: str) -> str:
    """What a field is called in Home Assistant."""
    return str(words.label(name))


def rows(kind: int) -> Iterator[int]:
    """Rows of settings or about frames that are published."""
    for r in range(table.first(kind), table.last(kind)):
        if table.at(r).who not in (codes.SECRET, codes.DECODED):
            yield r


def setting_rows() -> list[int]:
    """What a pack is set to: all of the settings frame, and what can be changed of the about frame."""
    changeable = [r for r in rows(ABOUT) if limits.of(r) is not None]
    return [r for r in rows(SETTINGS) if table.name(r) != "controls"] + changeable


def compared_rows() -> list[int]:
    """What two packs are compared by: what they are set to, and what they are; not what counts or is unique."""
    return [r for kind in (SETTINGS, ABOUT) for r in rows(kind) if table.name(r) not in _OWN]


def differences(a: Facts, b: Facts) -> list[int]:
    """Rows that differ, in the order of the table."""
    return [r for r in compared_rows() if not same(r, a.value(table.name(r)), b.value(table.name(r)))]


def same(r: int, a: Any, b: Any) -> bool:
    """True when two published values of row `r` mean the same (3.45 and 3.450)."""
    if a is None or b is None:
        return a is b
    numbers = raw(r, a), raw(r, b)
    return numbers[0] == numbers[1] if None not in numbers else str(a) == str(b)


def _frame(kind: int, values: Mapping[str, Any]) -> bytearray:
    """The frame whose fields have these values; what is not told is 0."""
    frame = bytearray(_LENGTH)
    for r in rows(kind):
        value = values.get(table.name(r))
        row = table.at(r)
        if row.kind == codes.TEXT:
            text = str(value or "").encode("ascii", "replace")[: row.decimals]
            frame[row.offset : row.offset + len(text)] = text
            continue
        number = raw(r, value)
        row = table.at(r)
        if number is None:
            continue
        if row.kind == codes.BIT:
            at, bit = row.offset >> 4, row.offset & 15
            word = int.from_bytes(frame[at : at + 2], "little") & ~(1 << bit) | number << bit
            frame[at : at + 2] = word.to_bytes(2, "little")
        elif row.kind in _WIDTHS:
            width = _WIDTHS[row.kind]
            frame[row.offset : row.offset + width] = (number & (1 << 8 * width) - 1).to_bytes(width, "little")
    return frame
