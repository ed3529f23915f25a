"""What Home Assistant is offered to change: a number, switch or select instead of the read-only entity of a field.

What is offered follows from the configuration (`writes`, chemistry) and the rows, never from an unlock: entities must
not come and go. Dangerous rows stay read-only, because no entity can send the confirmation word; of the discharge
switch the safe half is a button. A pack at address 0 is the bus master, which takes no commands: nothing is offered.

Leftovers: <base>/<pack>/offered (retained) says with which terms a pack was announced. A run with other terms finds it
and removes what is not offered any more; one that finds its own, or none and writes = off, has nothing to remove.

Loaded while a pack is announced by a bridge that takes commands, or while leftovers are removed; then forgotten.
"""

from jkcore.fields import codes, table
from jkcore.version import VERSION
from jkcore.writes import limits, rules

# As in words.py; # is the topic of the pack.
EXTRAS = """\
sensor~setting_result~Last setting result~result~{{ ([value_json.status|default('?'), \
value_json.reason or value_json.field|default('several fields')]|join(': '))[:250] }}~\
"json_attr_t":"#/result","ic":"mdi:clipboard-text-outline","ent_cat":"diagnostic"
button~discharge_on~Switch discharge on~set/discharge_switch~~\
"pl_prs":"ON","ic":"mdi:battery-arrow-down-outline","ent_cat":"config"
"""
# Hidden as sensors, but what people do set.
_WANTED = (
    "balance_start_voltage", "balance_trigger_voltage", "max_balance_current", "rcv_time", "rfv_time"
)  # fmt: skip
CHANGING = b"changing"  # in place of terms, while entities are exchanged


class Offers:
    """Decides for each pack and row; holds the modules it needs, whatever is forgotten meanwhile."""

    def __init__(self, desk):
        """desk: of the bridge; None: it takes no commands, nothing is offered."""
        self._desk = desk
        self._level = desk.configured if desk is not None else 0

    def limit(self, pack, r: int):
        """Limits of row `r` when it is offered for this pack, else None."""
        limit = limits.of(r)
        if limit is None or not pack.address or not self._level:
            return None
        # Of a current limit the safe half is lowering it; raising is refused by the command.
        least = codes.TIER_SAFE if limit.bound == codes.CURRENT_LIMIT else limit.tier
        if least > self._level or limit.bound == codes.CELL_VOLTAGE and not self._desk.chemistry(pack):
            return None
        return limit

    def known(self, r: int) -> bool:
        """True for a row that some configuration, or another version, lets people change."""
        return limits.of(r) is not None

    def component(self, r: int) -> str:
        """What row `r` is when it can be changed."""
        return component(table.at(r))

    def wanted(self, row, name: str) -> bool:
        """False for what few people set."""
        return row.ha & codes.GROUP_MASK != codes.HIDDEN or name in _WANTED

    def extras(self) -> str:
        """Entities that are no row: see words.py."""
        return EXTRAS

    def count(self) -> int:
        """How many these are."""
        return EXTRAS.count("\n")

    def extra(self, pack, topic: str):
        """True when an entity of EXTRAS is there, False when it is not, None when this is not known yet."""
        if self._desk is None or not pack.address:
            return False
        if not topic.startswith("set/"):
            return True
        r = limits.find(topic[4:])
        if self._level < codes.TIER_SAFE or limits.of(r).bound != codes.ON_IS_SAFE:
            return False
        return True if pack.present(r) else None

    def reach(self, pack, limit) -> list:
        """[lowest, highest] a number is announced with: narrow, but what the pack holds lies inside, because Home
        Assistant shows no state outside."""
        span = rules.span(limit, pack, self._desk.chemistry(pack))
        now = pack.scaled(limit.row)
        if now is not None:
            span[0] = min(span[0], now)
            span[1] = max(span[1], now)
        return span

    def put(self, message, pack, limit, topic: str) -> None:
        """The members that make a number, switch or select of row `limit.row`. topic: takes its commands."""
        row = table.at(limit.row)
        message.string(b"cmd_t", topic)
        message.put(b',"opt":false')
        if component(row) == "number":
            span = self.reach(pack, limit)
            for key, value in ((b"min", span[0]), (b"max", span[1]), (b"step", limit.step)):
                message.key(key)
                message.put_fixed(value, row.decimals)
            message.string(b"mode", b"box")
            if row.unit == codes.DEGC:  # in a house of Fahrenheit what comes does not lie on the grid
                message.string(b"cmd_tpl", "{{ '%%.%df'|format(value) }}" % row.decimals)


def component(row) -> str:
    """What a row is when it can be changed."""
    if row.show == codes.SWITCH:
        return "switch"
    return "select" if table.options(row) else "number"


def terms(desk, pack) -> bytes:
    """What a pack is announced with, for <base>/<pack>/offered; empty when nothing of it can be changed."""
    if desk is None or not pack.address:
        return b""
    return ("%s %s %s" % (VERSION, desk.terms, desk.chemistry(pack) or "-")).encode()


def widened(desk, pack) -> int:
    """A number that changes with the values a pack holds outside the narrow limits; 0: there are none."""
    offers = Offers(desk)
    value = 0
    for limit in limits.every():
        if offers.limit(pack, limit.row) and component(table.at(limit.row)) == "number" and pack.present(limit.row):
            now = pack.scaled(limit.row)
            low, high = rules.span(limit, pack, desk.chemistry(pack))
            if now is not None and not low <= now <= high:
                value = (31 * value + limit.row + now) & 0x3FFFFFF
    return value
