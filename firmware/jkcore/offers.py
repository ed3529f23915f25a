"""What Home Assistant is offered to change: a number, switch or select instead of the read-only entity of a field.

What is offered follows from the configuration (`writes`, chemistry) and the rows, never from an unlock: entities must
not come and go. Dangerous rows stay read-only, because no entity can send the confirmation word; of the discharge
switch the safe half is a button. A pack at address 0 is the bus master, which takes no commands: nothing is offered.

Loaded while a pack is announced by a bridge that takes commands, or while leftovers are removed; then forgotten.
"""

from jkcore import leftovers
from jkcore import pack as pk
from jkcore.fields import codes, table
from jkcore.outbox import ANNOUNCE, REACH, SWEEP
from jkcore.writes import bounds, limits

# As in words.py; # is the topic of the pack.
EXTRAS = """\
sensor~setting_result~Last setting result~result~{{ ([value_json.status|default('?'), \
value_json.reason or value_json.field|default('several fields')]|join(': '))[:250] }}~\
"json_attr_t":"#/result","ic":"mdi:clipboard-text-outline","ent_cat":"diagnostic"
button~discharge_on~Switch discharge on~set/discharge_switch~~\
"pl_prs":"ON","ic":"mdi:battery-arrow-down-outline","ent_cat":"config"
"""
# Hidden as sensors, but what people do set.
_WANTED = ("balance_start_voltage", "balance_trigger_voltage", "max_balance_current", "rcv_time", "rfv_time")
# How much may be changed just now, of the bridge.
LOCK = """\
sensor~writes~Changes allowed~health~{{ value_json.writes|default(none) }}~\
"dev_cla":"enum","ops":["off","safe","all"],"ic":"mdi:lock-outline","ent_cat":"diagnostic"
"""
_DISCHARGE = table.find("discharge_switch", 1)


class Offers:
    """Decides for each pack and row; holds the modules it needs, whatever is forgotten meanwhile."""

    def __init__(self, discovery, desk):
        """discovery: writes the messages; desk: of the bridge, None: it takes no commands, nothing is offered."""
        self._discovery = discovery
        self._desk = desk
        self._level = desk.configured if desk is not None else 0

    # steps before everything else about a pack, or the bridge (None)

    def steps(self, pack) -> int:
        """How many there are: a note, the extra entities, the rows."""
        return 1 if pack is None else 1 + EXTRAS.count("\n") + table.rows()

    def put_step(self, message, pack, step: int, flags: int) -> int:
        """Write the first message at or behind a step; returns the step behind it, 0 when there is none."""
        if pack is None:
            self._put_extra(message, None, LOCK, 0, self._desk is not None)
            return 1
        for i in range(step, self.steps(pack)):
            if self._put_step(message, pack, i, flags):
                return i + 1
        return 0

    def _put_step(self, message, pack, step: int, flags: int) -> bool:
        if step == 0:
            started = self._desk is not None and flags & SWEEP and flags & ANNOUNCE
            if started:
                self._discovery.put_note(message, pack, leftovers.CHANGING)
            return bool(started)
        extras = EXTRAS.count("\n")
        if step > extras:
            return flags & SWEEP > 0 and self._sweep(message, pack, step - 1 - extras, flags & ANNOUNCE > 0)
        there = self._has(pack, step - 1)
        if there is None or not flags & (ANNOUNCE if there else SWEEP):
            return False
        self._put_extra(message, pack, EXTRAS, step - 1, there)
        return True

    def put_end(self, message, pack, flags: int) -> bool:
        """Everything else has been told: the note for the next run, if it is due.

        While a frame of the pack is missing, not all that it decides about is done.
        """
        if pack is not None:
            due = flags & ANNOUNCE and pack.holds(1) and pack.holds(3) or self._desk is None
            if not flags & SWEEP or not due:
                return False
            pack.notes[pk.STALE] = 0
        self._discovery.put_note(message, pack, leftovers.terms(self._desk, pack))
        return True

    def _put_extra(self, message, pack, lines: str, number: int, there: bool) -> None:
        from jkcore import words

        extra = words.extra(lines, number)
        if there:
            self._discovery.put_extra(message, pack, extra)
        else:
            self._discovery.put_topic(message, pack, extra[0], extra[1])

    def _has(self, pack, number: int):
        """True when an entity of EXTRAS is there, False when it is not, None when this is not known yet."""
        if self._desk is None or not pack.address:
            return False
        if number == 0:
            return True
        # The button: only with a row whose ON is safe.
        if self._level < codes.TIER_SAFE or limits.of(_DISCHARGE).bound != codes.ON_IS_SAFE:
            return False
        return True if pack.present(_DISCHARGE) else None

    def _sweep(self, message, pack, r: int, announced: bool) -> bool:
        """Remove what row `r` was when it could be changed and now cannot, or the other way round."""
        if limits.of(r) is None:
            return False
        row = table.at(r)
        gone = component(row)
        if self._limit(pack, r) is not None:
            if not announced or not pack.present(r):
                return False
            from jkcore.discovery import reader

            gone = reader(row)
        self._discovery.put_topic(message, pack, gone, table.name(r))
        return True

    # rows

    def offered(self, pack, r: int) -> bool:
        """True when row `r` of this pack may be changed."""
        return self._limit(pack, r) is not None

    def component(self, r: int) -> str:
        """What row `r` is when it may be changed."""
        return component(table.at(r))

    def group(self, row, name: str) -> int:
        """HIDDEN for what few people set."""
        return codes.HIDDEN if row.ha & codes.GROUP_MASK == codes.HIDDEN and name not in _WANTED else codes.DIAGNOSTIC

    def _limit(self, pack, r: int):
        """Limits of row `r` when it is offered for this pack, else None."""
        limit = limits.of(r)
        if limit is None or not pack.address or not self._level:
            return None
        # Of a current limit the safe half is lowering it; raising is refused by the command.
        least = codes.TIER_SAFE if limit.bound == codes.CURRENT_LIMIT else limit.tier
        if least > self._level or limit.bound == codes.CELL_VOLTAGE and not self._desk.chemistry(pack):
            return None
        return limit

    def _reach(self, pack, limit) -> list:
        """[lowest, highest] a number is announced with: narrow, but what the pack holds lies inside, because Home
        Assistant shows no state outside."""
        span = bounds.span(limit, pack, self._desk.chemistry(pack))
        now = pack.scaled(limit.row)
        if now is not None:
            span[0] = min(span[0], now)
            span[1] = max(span[1], now)
        return span

    def put(self, message, pack, r: int, base: str) -> None:
        """The members that make a number, switch or select of row `r`."""
        limit = self._limit(pack, r)
        row = table.at(r)
        message.string(b"cmd_t", base + "/" + pack.id.decode() + "/set/" + table.name(r))
        message.put(b',"opt":false,"ent_cat":"config"')
        if component(row) == "number":
            span = self._reach(pack, limit)
            for key, value in ((b"min", span[0]), (b"max", span[1]), (b"step", limit.step)):
                message.key(key)
                message.put_fixed(value, row.decimals)
            message.string(b"mode", b"box")
            if row.unit == codes.DEGC:  # in a house of Fahrenheit what comes does not lie on the grid
                message.string(b"cmd_tpl", "{{ '%%.%df'|format(value) }}" % row.decimals)

    def widened(self, pack) -> int:
        """A number that changes with the values a pack holds outside the narrow limits; 0: there are none."""
        value = 0
        for limit in limits.every():
            r = limit.row
            if self.offered(pack, r) and self.component(r) == "number" and pack.present(r):
                now = pack.scaled(r)
                low, high = bounds.span(limit, pack, self._desk.chemistry(pack))
                if now is not None and not low <= now <= high:
                    value = 31 * (value & 0xFFFFFF) + r + (now & 0xFFFFFF)
        return value


def look(desk, pack, discovery) -> None:
    """What this pack is set to is new: the limits Home Assistant knows may be too narrow for it.

    discovery: what is announcing just now, or None; its offers are used, because a second set takes 7 kB.
    """
    pack.pending &= ~REACH
    offers = discovery.offers if discovery is not None else None
    pack.notes[pk.WIDENED] = (offers or Offers(None, desk)).widened(pack)


def component(row) -> str:
    """What a row is when it can be changed."""
    if row.show == codes.SWITCH:
        return "switch"
    return "select" if table.options(row) else "number"
