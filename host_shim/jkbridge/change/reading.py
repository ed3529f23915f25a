"""`jkbridge get`, `backup` and `diff`: nothing is changed by them."""

from __future__ import annotations

import argparse
import json
import os
import re
from datetime import datetime
from typing import Any

from jkbridge.change import backup, report
from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.facts import Facts, Number, differences, rows, setting_rows
from jkbridge.change.order import check_name
from jkbridge.change.screen import Screen
from jkbridge.change.way import Way
from jkcore.fields import table
from jkcore.modbus import ABOUT, SETTINGS


def get(args: argparse.Namespace, way: Way, screen: Screen) -> int:
    """Settings of some packs, or some of them."""
    for name in args.fields:
        check_name(name)
    packs = way.packs() if args.packs_wanted is None else args.packs_wanted
    if not packs:
        raise ChangeError(f"No pack was found on {way.name}.", UNUSABLE)
    found, failures = [], []
    for pack in packs:
        try:
            found.append(way.facts(pack))
        except ChangeError as e:
            if len(packs) == 1:
                raise
            failures.append(str(e))
    every = [r for kind in (SETTINGS, ABOUT) for r in rows(kind)]
    wanted = [r for r in every if table.name(r) in args.fields] if args.fields else setting_rows()
    if args.as_json:
        screen.raw(_json(found, wanted) + "\n")
    elif found:
        report.show_facts(screen, found, wanted)
    for text in failures:
        screen.note(text, "bold red")
    return 1 if failures else 0


def _json(packs: list[Facts], wanted: list[int]) -> str:
    """One object: pack id -> field -> value, as published."""
    members = []
    for facts in packs:
        values = {table.name(r): facts.value(table.name(r)) for r in wanted}
        body = ",".join(f"{json.dumps(name)}:{_token(value)}" for name, value in values.items() if value is not None)
        members.append(f"{json.dumps(facts.pack)}:{{{body}}}")
    return "{" + ",".join(members) + "}"


def _token(value: Any) -> str:
    return str(value) if isinstance(value, Number) else json.dumps(value)


def save(args: argparse.Namespace, way: Way, screen: Screen) -> int:
    """A backup of one pack on standard output."""
    facts = way.facts(args.pack)
    if not facts.about:
        raise ChangeError(f"Pack {args.pack} has not told its model and firmware yet: try again in a minute.")
    if not facts.online:
        raise ChangeError(f"Pack {args.pack} is offline: what it is set to now is not known.")
    screen.raw(backup.dump(facts, datetime.now().astimezone()))
    screen.note(f"Pack {facts.pack}: {facts.note}", "dim")
    if facts.chemistry is None:
        screen.note(
            f"The chemistry of pack {args.pack} is not configured ([[pack]] chemistry): this backup cannot be used to "
            "restore cell voltages.",
            "yellow",
        )
    return 0


def is_file(text: str) -> bool:
    """True when an operand of diff names a file, not a pack."""
    return "." in text or os.sep in text or not re.fullmatch(r"[A-Za-z0-9_-]*\d", text)


def diff(args: argparse.Namespace, way: Way | None, screen: Screen) -> int:
    """What differs between two packs or files. way: None when both are files."""
    found, names = [], []
    for text in (args.a, args.b):
        if is_file(text):
            found.append(backup.load(text))
            names.append(os.path.basename(text))
        else:
            assert way is not None
            found.append(way.facts(text))
            names.append(f"pack {text}")
            screen.note(f"Pack {text}: {found[-1].note}", "dim" if found[-1].online else "yellow")
    different = differences(found[0], found[1])
    if not different:
        screen.say(f"No difference between {names[0]} and {names[1]}.")
        return 0
    report.show_differences(screen, (names[0], names[1]), (found[0], found[1]), different)
    return 1
