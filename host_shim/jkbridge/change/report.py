"""Proposals, results and differences, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jkbridge.change.facts import Facts, told, unit
from jkbridge.change.proposal import Proposal
from jkbridge.change.screen import BAD, GOOD, WARN, Screen
from jkcore.fields import table
from jkcore.writes import limits

_WORDS = {
    "ok": "done, and read back",
    "refused": "refused, not sent",
    "no_answer": "no answer: not known whether it was taken",
    "unchanged": "acknowledged, but unchanged",
    "different": "the battery reads back something else",
    "exception": "refused by the battery",
    "not_sent": "not sent",
}


def show_proposal(screen: Screen, proposal: Proposal) -> None:
    """What would change."""
    changes = proposal.changes
    rows = [(c.field, c.old, "(stays)" if c.same else c.new, c.unit) for c in changes]
    screen.say(f"Pack {proposal.order.pack}:", "bold")
    screen.table(("field", "now", "new", "unit"), rows, ["dim" if c.same else "" for c in changes])
    for sentence in proposal.dangers:
        screen.note(f"Dangerous: {sentence}", WARN)
    if proposal.refusal:
        screen.note(f"Refused: {proposal.refusal}", BAD)


def show_result(screen: Screen, pack: str, result: dict[str, Any]) -> bool:
    """What became of an order; True when all of it is done."""
    status = str(result.get("status"))
    fields = [entry for entry in result.get("fields") or [] if isinstance(entry, dict)]
    rows, styles = [], []
    for entry in fields:
        name, fate = str(entry.get("field")), str(entry.get("status"))
        r = limits.find(name)
        asked, value = entry.get("asked"), entry.get("value")
        words = "done; nothing to read back" if fate == "ok" and value is None else _WORDS.get(fate, fate)
        if r >= 0:
            rows.append((name, told(r, asked), told(r, value), unit(r), words))
        else:
            rows.append((name, str(asked), "-", "", words))
        styles.append(GOOD if fate == "ok" else BAD if fate != "not_sent" else "dim")
    if rows:
        screen.say(f"Pack {pack}:", "bold")
        screen.table(("field", "asked", "read back", "unit", "result"), rows, styles)
    if reason := result.get("reason"):
        good = status == "ok"
        text = str(reason).rstrip(".")
        screen.note(f"Pack {pack}: {text}." if good else f"Pack {pack}: {_WORDS.get(status, status)}: {text}.",
                    "" if good else BAD)  # fmt: skip
    return status == "ok" and all(entry.get("status") == "ok" for entry in fields)


def show_facts(screen: Screen, packs: Sequence[Facts], rows: Sequence[int]) -> None:
    """Settings, one column per pack."""
    lines = []
    for r in rows:
        name = table.name(r)
        if any(facts.value(name) is not None for facts in packs):
            lines.append((name, *(told(r, facts.value(name)) for facts in packs), unit(r)))
    screen.table(("field", *(f"pack {facts.pack}" for facts in packs), "unit"), lines)
    for facts in packs:
        if facts.note:
            screen.note(f"Pack {facts.pack}: {facts.note}", "dim" if facts.online else WARN)


def show_differences(screen: Screen, names: tuple[str, str], facts: tuple[Facts, Facts], rows: Sequence[int]) -> None:
    """Only what differs."""
    lines = [
        (table.name(r), told(r, facts[0].value(table.name(r))), told(r, facts[1].value(table.name(r))), unit(r))
        for r in rows
    ]
    screen.table(("field", *names, "unit"), lines)
