"""What is wanted of one pack: fields and values, as the group command that goes to the bridge or to the core."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field

from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.facts import rows
from jkcore.config import distance
from jkcore.fields import codes, table
from jkcore.modbus import ABOUT, SETTINGS
from jkcore.writes import actions, decimals, jsonobject, limits
from jkcore.writes.command import LONGEST, Command
from jkcore.writes.lock import ALL
from jkcore.writes.refusal import CommandError
from jkcore.writes.texts import sentence


@dataclass
class Order:
    """Fields of one pack. items: (field, value in the core's own words); confirm: the word that goes along."""

    pack: str
    items: list[tuple[str, str]]
    confirm: str = ""
    id: str = field(default_factory=lambda: os.urandom(6).hex())

    def payload(self) -> bytes:
        """The JSON object for <base>/<pack>/set."""
        members = [f'"{name}":{_token(name, text)}' for name, text in self.items]
        more = (("confirm", self.confirm), ("id", self.id))
        members += [f'"{name}":{json.dumps(value)}' for name, value in more if value]
        return ("{" + ",".join(members) + "}").encode()

    def fits(self) -> bool:
        """True when it is short enough for one command, with the confirmation word."""
        payload = Order(self.pack, self.items, word(self.pack), self.id).payload()
        if len(payload) > LONGEST:
            return False
        try:
            jsonobject.read(payload)
        except CommandError:
            return False
        return True

    def command(self, level: int = ALL) -> Command:
        """The core's Command, checked. CommandError with the reason to refuse it."""
        command = Command(self.pack.encode(), "")
        command.read(self.payload(), level)
        return command


def word(pack: str) -> str:
    """The confirmation word of a pack."""
    return str(Command(pack.encode(), "x").word)


def reason(error: CommandError) -> str:
    """Its sentence."""
    return str(sentence(error.code, error.values))


def parse(pack: str, words: list[str]) -> Order:
    """The order that "field=value" words mean, with values in the core's own form. ChangeError with a sentence."""
    items: list[tuple[str, str]] = []
    for text in words:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not name or not equals or not value:
            raise ChangeError(f"'{text}' is not understood: field=value is wanted, such as balance_switch=ON", UNUSABLE)
        check_name(name, changeable=True)
        if name in (known for known, _ in items):
            raise ChangeError(f"{name} is named twice: once is enough.", UNUSABLE)
        if not value.isascii() or not value.isprintable() or '"' in value or "\\" in value:
            raise ChangeError(f"{name}: a value of plain letters, digits, point and minus is wanted.", UNUSABLE)
        items.append((name, _canonical(pack, name, value)))
    return Order(pack, items)


def check_name(name: str, changeable: bool = False) -> None:
    """ChangeError with the nearest name when there is no such field."""
    if limits.find(name) >= 0 or changeable and actions.find(name) >= 0:
        return
    known = [table.name(r) for kind in (SETTINGS, ABOUT) for r in rows(kind)]
    if changeable:
        known = [known_name for known_name in known if limits.of(limits.find(known_name)) is not None] + actions.names()
    near = min(known, key=lambda other: distance(name, other))
    raise ChangeError(f"There is no field {name}. Did you mean {near}? All of them: jkbridge get 1", UNUSABLE)


def _canonical(pack: str, name: str, value: str) -> str:
    """The value as the core understood it: 3.6 -> 3.60, on -> ON."""
    command = Command(pack.encode(), "")
    try:
        command.read(json.dumps({name: value, "confirm": word(pack)}).encode(), ALL)
    except CommandError as e:
        raise ChangeError(f"{reason(e)}.") from None
    r, asked = command.rows[0], command.asked[0]
    if r >= actions.FIRST:
        _, _, words_wide, places, _, _ = actions.entry(r)
        return "PRESS" if words_wide == 1 else str(decimals.plain(asked, places))
    return str(limits.told(r, asked))


def _token(name: str, text: str) -> str:
    """A value in JSON: numbers bare, the rest in quotes."""
    r = limits.find(name)
    if r >= 0:
        row = table.at(r)
        bare = row.show == codes.NUMBER
    else:
        bare = text != "PRESS"
    return text if bare else json.dumps(text)
