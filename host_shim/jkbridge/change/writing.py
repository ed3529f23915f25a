"""`jkbridge set`, `restore` and `unlock`: show, ask, do, and say what was read back."""

from __future__ import annotations

import argparse

from jkbridge.change import backup, groups, report, restore
from jkbridge.change.errors import FAILED, UNUSABLE, ChangeError
from jkbridge.change.order import Order, parse
from jkbridge.change.proposal import Proposal, propose
from jkbridge.change.screen import BAD, GOOD, WARN, Screen
from jkbridge.change.stop import Stop
from jkbridge.change.way import Way
from jkcore.writes.lock import parse as parse_unlock

INTERRUPTED = 130


def change(args: argparse.Namespace, way: Way, screen: Screen) -> int:
    """Set fields of one or several packs."""
    if note := way.check_writable():
        screen.note(note, WARN)
    packs = way.packs() if args.packs_wanted is None else args.packs_wanted
    if not packs:
        raise ChangeError(f"No pack was found on {way.name}.", UNUSABLE)
    proposals = [propose(parse(pack, args.changes), way.facts(pack), way.level) for pack in packs]
    for proposal in proposals:
        report.show_proposal(screen, proposal)
    if any(proposal.refusal for proposal in proposals):
        screen.note("Nothing was changed.", BAD)
        return FAILED
    if not any(proposal.changed for proposal in proposals):
        screen.say("Everything is set so already: nothing was sent.", GOOD)
        return 0
    _confirm(args, screen, proposals)
    wanted = [proposal for proposal in proposals if proposal.changed]
    return _carry_out(way, screen, [(proposal.order, proposal.steps) for proposal in wanted])


def bring_back(args: argparse.Namespace, way: Way, screen: Screen) -> int:
    """Restore what differs from a backup."""
    wanted = backup.load(args.file)
    if note := way.check_writable():
        screen.note(note, WARN)
    now = way.facts(args.pack)
    if not now.online:
        raise ChangeError(f"Pack {args.pack} is offline: nothing is restored.")
    choice = restore.choose(wanted, now)
    for name, why in choice.left:
        screen.note(f"Left alone, although it differs: {name} ({why}).", "dim")
    if not choice.items:
        screen.say(f"Nothing to restore: pack {args.pack} is set like the backup.", GOOD)
        return 0
    proposal = propose(Order(args.pack, choice.items), now, way.level, one=False)
    orders = [] if proposal.refusal else groups.split(args.pack, choice.items, now, bool(proposal.dangers))
    report.show_proposal(screen, proposal)
    if proposal.refusal:
        screen.note("Nothing was changed.", BAD)
        return FAILED
    _confirm(args, screen, [proposal])
    return _carry_out(way, screen, [(order, len(order.items)) for order in orders])


def unlock(args: argparse.Namespace, way: Way, screen: Screen) -> int:
    """Let a bridge allow more for some minutes."""
    text = " ".join(word for word in (args.level, args.minutes) if word)
    if parse_unlock(text.encode()) is None:
        example = "Example: jkbridge unlock safe 10"
        raise ChangeError(f"'{text}' is no unlock: safe or all and 1 to 60 minutes, or off. {example}", UNUSABLE)
    result = way.unlock(text)
    if result.get("status") != "ok":
        raise ChangeError(f"Refused by the bridge: {result.get('reason')}.")
    what = "closed again" if args.level == "off" else f"open for {args.level} changes for {args.minutes} min"
    screen.say(f"The bridge is {what}.", GOOD)
    return 0


def _confirm(args: argparse.Namespace, screen: Screen, proposals: list[Proposal]) -> None:
    """Ask for everything that has to be agreed to. ChangeError when it is not."""
    asks = screen.can_ask()
    for proposal in proposals:
        if not proposal.dangers or not proposal.changed:
            continue
        if proposal.word not in args.confirm:
            if not asks:
                raise ChangeError(
                    f"This needs the confirmation word of pack {proposal.order.pack}: --confirm \"{proposal.word}\". "
                    "Nothing was changed."
                )
            if screen.ask(f"To go on, type {proposal.word} and Enter:") != proposal.word:
                raise ChangeError("Not confirmed: nothing was changed.")
        proposal.order.confirm = proposal.word
    if args.yes:
        return
    if not asks:
        raise ChangeError("There is no terminal to ask at: add --yes to go on without. Nothing was changed.")
    if screen.ask("Change it? yes/no:").lower() not in ("yes", "y"):
        raise ChangeError("Nothing was changed.")


def _carry_out(way: Way, screen: Screen, orders: list[tuple[Order, int]]) -> int:
    """Send the orders one after the other, and stop at the first that does not go well."""
    done: list[str] = []
    with Stop(screen) as stop:
        for n, (order, steps) in enumerate(orders):
            if stop.wanted:
                _say_rest(screen, done, orders[n:])
                return INTERRUPTED
            try:
                good = report.show_result(screen, order.pack, way.order(order, steps))
            except KeyboardInterrupt:
                screen.note(f"Pack {order.pack}: interrupted; what became of {_names(order)} is not known.", BAD)
                _say_rest(screen, done, orders[n + 1 :])
                return INTERRUPTED
            except ChangeError as e:
                screen.note(f"Pack {order.pack}: {e}", BAD)
                good = False
            if not good:
                _say_rest(screen, done, orders[n + 1 :])
                return INTERRUPTED if stop.wanted else FAILED
            done.append(f"{_names(order)} of pack {order.pack}")
    screen.say("Done.", GOOD)
    return 0


def _say_rest(screen: Screen, done: list[str], rest: list[tuple[Order, int]]) -> None:
    """What was applied and what was not."""
    if done:
        screen.note(f"Applied: {'; '.join(done)}.", WARN)
    if rest:
        screen.note(f"Not sent: {'; '.join(f'{_names(order)} of pack {order.pack}' for order, _ in rest)}.", WARN)


def _names(order: Order) -> str:
    return ", ".join(name for name, _ in order.items)
