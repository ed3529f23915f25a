"""What somebody ordered: topic and payload -> fields and numbers, or a reason to refuse it.

On <base>/<pack>/set/<field> the payload is the value, and behind a blank the confirmation word if it takes one: `3.60`,
`OFF CONFIRM 1`. On <base>/<pack>/set it is a JSON object: {"cell_overvoltage_protection": 3.60, "confirm": "CONFIRM 1",
"id": "anything"}; `id` comes back in the result. The confirmation word is CONFIRM and the id of the pack, so that a
command sent to the wrong pack does not hold it.
"""

from jkcore.fields import codes, table
from jkcore.shim import const
from jkcore.writes import actions, decimals, jsonobject, limits, lock, texts
from jkcore.writes.refusal import CommandError

LONGEST = const(512)
_SETTLED = const(2000)  # what arrives sooner after subscribing may be an old command a broker had kept
_ON = ("on", "true", "1")
_OFF = ("off", "false", "0")


class Command:
    """Fields and numbers of one command, syntax, ranges and `writes` checked; nothing has been sent."""

    def __init__(self, pack_id: bytes, field: str):
        """field: last part of the topic, "" for a group."""
        self.word = "CONFIRM " + pack_id.decode()
        self.group = not field
        self.names = [] if self.group else [field]
        self.given = [] if self.group else [""]  # the values as they came
        self.rows = []  # row numbers, or one action
        self.asked = []  # scaled integers
        self.confirmed = False
        self.least = lock.OFF  # level it takes
        self.id = ""

    def read(self, payload, level: int) -> None:
        """level: how much may be changed now (lock.py).

        Raises CommandError; what was understood until then stands in the lists.
        """
        for name, value in self._members(payload):
            if self.group and name == "confirm":
                self.confirmed = value == self.word
            elif self.group and name == "id":
                self.id = decimals.shown(value)
            elif self.group:
                self.names.append(name)
                self.given.append(value)
            else:
                self.given[0] = value
        if not self.names:
            raise CommandError(texts.EMPTY)
        for i in range(len(self.names)):
            try:
                self._understand(self.names[i], self.given[i], level)
            except CommandError as why:
                why.field = self.names[i]
                raise

    def _members(self, payload) -> list:
        if self.group:
            return jsonobject.read(payload)
        text = "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in payload.strip()])
        blank = text.find(" ")
        if blank > 0 and text[blank:].strip() == self.word:
            self.confirmed = True
            text = text[:blank]
        return [(self.names[0], text)]

    def _understand(self, name: str, text: str, level: int) -> None:
        if not name:
            raise CommandError(texts.EMPTY)
        action = actions.find(name)
        if action >= 0:
            self._allow(name, codes.DANGEROUS, level)
            self._take(action, _action_value(action, text))
            return
        r = limits.find(name)
        if r < 0:
            raise CommandError(texts.NO_FIELD, decimals.shown(name))
        limit = limits.of(r)
        if limit is None:
            raise CommandError(texts.READ_ONLY, name)
        value = value_of(limit, text)
        tier = limit.tier
        if limit.bound == codes.ON_IS_SAFE and value or limit.bound == codes.CURRENT_LIMIT:
            tier = codes.TIER_SAFE  # raising a current limit is looked at when the present one is known
        self._allow(name, tier, level)
        self._take(r, value)

    def _allow(self, name: str, tier: int, level: int) -> None:
        least = codes.TIER_ALL if tier == codes.DANGEROUS else tier
        if level < least:
            raise CommandError(texts.TIER, name, lock.WORDS[least], lock.WORDS[level])
        self.least = max(self.least, least)
        if tier == codes.DANGEROUS and not self.confirmed:
            raise CommandError(texts.CONFIRM, name, self.word)

    def _take(self, r: int, value: int) -> None:
        if self.rows and (r >= actions.FIRST or self.rows[0] >= actions.FIRST):
            raise CommandError(texts.ALONE, self.names[0 if self.rows[0] >= actions.FIRST else -1])
        self.rows.append(r)
        self.asked.append(value)


def admit(payload, retained: bool, dup: bool, subscribed_ms: int, ours: bool) -> None:
    """Refuse a message that may not be an order given just now. payload None: over 512 bytes, thrown away by the
    session; subscribed_ms: time since the subscription; ours: no other bridge may have the topics."""
    if payload is None or len(payload) > LONGEST:
        raise CommandError(texts.TOO_LONG)
    if retained:
        raise CommandError(texts.RETAINED)
    if dup:
        raise CommandError(texts.DUPLICATE)
    if subscribed_ms < _SETTLED:
        raise CommandError(texts.TOO_EARLY)
    if not ours:
        raise CommandError(texts.NOT_OURS)


def value_of(limit, text: str) -> int:
    """The number that `text` is for a row, within its range."""
    row = table.at(limit.row)
    name = table.name(limit.row)
    if row.show == codes.SWITCH:
        return _switch(name, text)
    options = table.options(row)
    if options and text.encode() in options:
        return list(options).index(text.encode())
    decimals_of_row = row.decimals
    try:
        value = decimals.scaled(text, decimals_of_row, limit.step, name)
    except CommandError:
        if options:
            raise CommandError(texts.NO_OPTION, name, decimals.shown(text), b", ".join(options).decode())
        raise
    if not limit.low <= value <= limit.high:
        low, high = decimals.plain(limit.low, decimals_of_row), decimals.plain(limit.high, decimals_of_row)
        raise CommandError(texts.OUT_OF_RANGE, name, decimals.shown(text), low, high)
    return value


def _switch(name: str, text: str) -> int:
    word = text.lower()
    if word not in _ON and word not in _OFF:
        raise CommandError(texts.NO_SWITCH, name, decimals.shown(text))
    return 1 if word in _ON else 0


def _action_value(action: int, text: str) -> int:
    name, _, words, places, low, high = actions.entry(action)
    if words == 1:
        if text != "PRESS":
            raise CommandError(texts.PRESS, name, decimals.shown(text))
        return 0
    value = decimals.scaled(text, places, 1, name)
    if not low <= value <= high:
        low, high = decimals.plain(low, places), decimals.plain(high, places)
        raise CommandError(texts.OUT_OF_RANGE, name, decimals.shown(text), low, high)
    return value
