"""An order against what the pack says now: what would change, what speaks against it, what has to be confirmed."""

from __future__ import annotations

from dataclasses import dataclass, field

from jkbridge.change.dangers import DANGERS
from jkbridge.change.facts import Facts, raw, told, unit
from jkbridge.change.order import Order, reason, word
from jkcore.fields import codes, table
from jkcore.pack import Pack
from jkcore.writes import actions, bounds, limits, plan, rules, texts
from jkcore.writes.command import Command
from jkcore.writes.lock import ALL
from jkcore.writes.refusal import CommandError


@dataclass
class Change:
    """One field of an order, for people."""

    field: str
    old: str
    new: str
    unit: str
    same: bool


@dataclass
class Proposal:
    """What an order would do to one pack. refusal: why it cannot be carried out, "" when nothing is known against it.

    dangers: sentences; with any the order needs the confirmation word. steps: how many writes it takes.
    """

    order: Order
    facts: Facts
    changes: list[Change] = field(default_factory=list)
    dangers: list[str] = field(default_factory=list)
    refusal: str = ""
    steps: int = 1

    @property
    def word(self) -> str:
        """The confirmation word of the pack."""
        return word(self.order.pack)

    @property
    def changed(self) -> bool:
        """True when something would be different afterwards; an action always counts."""
        return bool(self.order.items)


def propose(wanted: Order, facts: Facts, level: int = ALL, one: bool = True) -> Proposal:
    """Check an order against the pack. It is not sent. What is set so already is left out of it.

    level: how much may be changed; ALL where somebody else decides. one: it must fit one command.
    """
    order = Order(wanted.pack, [], "", wanted.id)
    proposal = Proposal(order, facts)
    for name, text in wanted.items:
        r = limits.find(name)
        if r < 0:
            order.items.append((name, text))
            proposal.changes.append(Change(name, "-", "do it" if text == "PRESS" else text, "", False))
            continue
        old = facts.value(name)
        same = old is not None and raw(r, old) == raw(r, text)
        if not same:
            order.items.append((name, text))
        proposal.changes.append(Change(name, told(r, old), text, unit(r), same))
    if not facts.online:
        proposal.refusal = f"Pack {facts.pack} is offline."
        return proposal
    if not facts.address:
        proposal.refusal = f"{reason(CommandError(texts.MASTER))}."
        return proposal
    if one and not order.fits():
        proposal.refusal = "That is too much for one command: change a part of it first, the rest with another one."
        return proposal
    if not order.items:
        return proposal
    proposal.dangers = dangers(order, facts)
    try:
        for name, text in order.items:
            Order(order.pack, [(name, text)], proposal.word).command(level)
        proposal.steps = check(order, facts, level)
    except CommandError as e:
        proposal.refusal = f"{reason(e)}."
    return proposal


def whole(pack: str, items: list[tuple[str, str]], confirmed: bool = True) -> Command:
    """A Command of the core with any number of fields, whose values are in the core's own words."""
    command = Command(pack.encode(), "")
    command.confirmed = confirmed
    for name, text in items:
        r = limits.find(name)
        command.names.append(name)
        command.given.append(text)
        command.rows.append(r if r >= 0 else actions.find(name))
        command.asked.append(raw(r, text) if r >= 0 else 0)
    return command


def check(order: Order, facts: Facts, level: int = ALL) -> int:
    """How many writes the order takes, if the core finds nothing against it; CommandError else.

    Actions are left to whoever carries them out, as they are compared with
    live values; so is everything when the chemistry is known there only.
    """
    if any(limits.find(name) < 0 for name, _ in order.items):
        return 1
    pack = facts.reading()
    try:
        return len(plan.make(whole(order.pack, order.items), pack, pack, level, facts.chemistry))
    except CommandError as e:
        if e.code == texts.NO_CHEMISTRY and not facts.chemistry_known:
            return len(order.items)
        raise


def dangers(order: Order, facts: Facts) -> list[str]:
    """Why the order needs the confirmation word: one sentence per field, empty when it does not."""
    out = []
    pack = facts.reading()
    for name, text in order.items:
        try:
            Order(order.pack, [(name, text)]).command()
        except CommandError as e:
            if e.code != texts.CONFIRM:
                raise
            out.append(f"{name}: this {DANGERS[name]}.")
            continue
        r = limits.find(name)
        if r >= 0 and limits.of(r).bound == codes.CELL_VOLTAGE and _is_large(r, text, pack, facts):
            out.append(f"{name}: moves by more than 0.1 V, from {facts.told(name)} to {text} {unit(r)}.")
    return out


def _is_large(r: int, text: str, pack: Pack, facts: Facts) -> bool:
    """True when the core would take this step of a cell voltage with the confirmation word only."""
    now = pack.scaled(r) if pack.present(r) else None
    if now is None:
        return False
    # Where the chemistry is not known here, any of them tells how large a step is.
    for chemistry in [facts.chemistry] if facts.chemistry else bounds.CHEMISTRIES:
        try:
            rules.check_cell_voltage(limits.of(r), raw(r, text) or 0, now, chemistry, False, "")
        except CommandError as e:
            if e.code == texts.MOVED:
                return True
    return False


def assumed(facts: Facts, items: list[tuple[str, str]]) -> Facts:
    """The facts as they would be with these values set."""
    settings, about = dict(facts.settings), dict(facts.about)
    for name, text in items:
        (settings if table.at(limits.find(name)).frame_type == 1 else about)[name] = text
    return Facts(facts.pack, facts.address, settings, about, facts.chemistry, facts.chemistry_known)
