"""A backup of what a pack is set to: a JSON file with everything it tells of settings and about, without secrets."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.facts import Facts, Number, compared_rows, members, raw
from jkcore.fields import codes, table
from jkcore.version import VERSION
from jkcore.writes.refusal import CommandError

KIND = "jkbridge settings backup"
SCHEMA = 1
_LARGEST = 65536


def dump(facts: Facts, date: datetime) -> str:
    """The text of the file. date: of now, with its time zone."""
    head: dict[str, Any] = {
        "kind": KIND,
        "schema": Number(SCHEMA),
        "jkbridge": VERSION,
        "date": date.isoformat(timespec="seconds"),
        "pack": facts.pack,
        "address": Number(facts.address),
        "model": facts.about.get("model"),
        "firmware": facts.about.get("software_version"),
        "chemistry": facts.chemistry,
        "settings": facts.settings,
        "about": facts.about,
    }
    return _object(head, "") + "\n"


def _object(values: dict[str, Any], indent: str) -> str:
    """A JSON object; the numbers as the texts they are."""
    inner = indent + "  "
    lines = [f"{inner}{json.dumps(name)}: {_value(value, inner)}" for name, value in values.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}" if lines else "{}"


def _value(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        return _object(value, indent)
    return str(value) if isinstance(value, Number) else json.dumps(value)


def load(name: str) -> Facts:
    """What a backup says. ChangeError with a sentence when it is none, or damaged."""
    path = Path(name)
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST + 1)
    except OSError as e:
        raise ChangeError(f"{name} cannot be read: {e.strerror}.", UNUSABLE) from None
    found = members(text) if len(text) <= _LARGEST else {}
    if found.get("kind") != KIND:
        raise ChangeError(f"{name} is no backup of a pack: make one with jkbridge backup 1 > pack1.json", UNUSABLE)
    if found.get("schema") != str(SCHEMA):
        raise ChangeError(
            f"{name} was made by another version of jkbridge ({found.get('jkbridge')}) in a form this one "
            f"({VERSION}) does not know.",
            UNUSABLE,
        )
    settings, about, chemistry = found.get("settings"), found.get("about"), found.get("chemistry")
    if not isinstance(settings, dict) or not isinstance(about, dict) or not settings:
        raise ChangeError(f"{name} holds no settings: it is damaged.", UNUSABLE)
    facts = Facts(str(found.get("pack")), 0, settings, about, chemistry if isinstance(chemistry, str) else None)
    _check(name, facts)
    return facts


def _check(name: str, facts: Facts) -> None:
    """Every value must be one: a file may have been edited."""
    for r in compared_rows():
        field = table.name(r)
        value = facts.value(field)
        if value is None or table.at(r).kind == codes.TEXT:
            continue
        try:
            good = isinstance(value, str) and raw(r, value) is not None
        except CommandError:
            good = False
        if not good:
            raise ChangeError(f"{name}: {field} has the value {value!r}, which is none of this field.", UNUSABLE)
