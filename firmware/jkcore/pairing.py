"""One battery on RS485 and on CAN: the better source for each field, and one device for Home Assistant.

Only by configuration ([[pack]] id, rs485, can): the address on CAN need not be that on RS485. RS485 is the better
source while its live frame is not stale: it has finer numbers and more of them. What only CAN has, and everything while
RS485 is silent, comes from CAN. Loaded only where packs are paired.
"""

from jkcore import texts
from jkcore.canpack import CanPack
from jkcore.clock import since
from jkcore.fields import codes, table
from jkcore.log import INFO, WARNING, say
from jkcore.pack import Pack
from jkcore.shim import const

_LASTING = const(60000)  # ms: so long two sources must contradict each other before anything is said
_LIVE = const(2)
# What both have and what changes slowly, with the difference that is none: both are read at different moments.
# Batteries of one bank may agree in all but the run time.
SAME = (
    ("pack_voltage", 1500), ("soc", 2), ("capacity_full", 3000), ("cycle_count", 1), ("current", 0),
    ("total_runtime", 20),
)  # fmt: skip
_ROWS = tuple([table.find(pair[0], _LIVE) for pair in SAME])
_FLOWS = const(2000)  # mA; from here on a current has a sign. More than that of a current cannot be compared.


class PairedPack(Pack):
    """The pack of the RS485 bus, which knows its CAN part: `can`, a CanPack on the CAN bus. `bus`: the RS485 bus."""

    def __init__(self, pack_id: bytes, address: int, name: str, can, log):
        super().__init__(pack_id, address, name)
        self.can = can
        self.owner = can.owner = self
        self.bus = None
        self._log = log
        self.heard_at = -1  # time of the last live frame over RS485
        self._lost = False  # RS485 was good once and is stale now
        self._told = self._can_told = 0  # signatures while a source was good
        self._odd_since = -1
        self._odd_said = False

    # told by the buses, through Pairing

    def heard(self, now: int) -> None:
        """A live frame came over RS485."""
        self.heard_at = now
        self._compare(now)

    def came_back(self) -> bool:
        """True, once, when RS485 was stale and is good again."""
        lost = self._lost
        self._lost = False
        return lost

    def check(self, now: int) -> bool:
        """True, once, when RS485 has become stale while CAN goes on."""
        if not self.on_rs485() or since(now, self.heard_at) <= self.bus.stale_after(self):
            return False
        super().forget_live()
        self._lost = True
        return True

    def on_rs485(self) -> bool:
        """True while values of RS485 are fresh."""
        return super().holds(_LIVE)

    def _compare(self, now: int) -> None:
        odd = self._difference() if self.can.online else -1
        if odd < 0:
            self._odd_since = -1
        elif self._odd_since < 0:
            self._odd_since = now
        elif since(now, self._odd_since) > _LASTING:
            self._odd_said = self._odd_said or self._say(odd)

    def _difference(self) -> int:
        """Index of a field on which the two contradict each other, -1: there is none."""
        for i in range(len(_ROWS)):
            r = _ROWS[i]
            if super().present(r) and self.can.present(r):
                ours = super().scaled(r)
                theirs = self.can.scaled(r)
                if ours is not None and theirs is not None and differ(ours, theirs, SAME[i][1]):
                    return i
        return -1

    def _say(self, odd: int) -> bool:
        r = _ROWS[odd]
        scale = 10 ** table.at(r).decimals
        ours = super().scaled(r)
        theirs = self.can.scaled(r)
        say(self._log, WARNING, texts.CAN_DISAGREES, self.id, SAME[odd][0], _text(ours, scale), _text(theirs, scale))
        return True

    # asked by everybody

    def holds(self, frame_type: int) -> bool:
        return super().holds(frame_type) or frame_type == _LIVE and self.can.online and self.can.holds(_LIVE)

    def cells(self) -> int:
        return super().cells() if self.on_rs485() else self.can.cells()

    def signature(self) -> int:
        """What a source that is silent now had is remembered: nothing is announced anew for that."""
        if self.on_rs485():
            self._told = super().signature()
        if self.can.online:
            self._can_told = self.can.signature()
        return (self._told * 31 ^ self._can_told) & 0x3FFFFFFF

    def present(self, r: int) -> bool:
        """What CAN says counts while it is trusted: not where two batteries send with one address."""
        return super().present(r) or self.can.online and self.can.present(r) and table.at(r).show != codes.LEVEL

    def has(self, r: int) -> bool:
        """What its last live frame over RS485 had it still has, be that silent now: no entity goes for that. The
        levels of alarms on CAN add nothing to the alarm word of RS485."""
        held = self._held
        if self.heard_at >= 0:
            self._held |= 1 << _LIVE
        found = super().present(r)
        self._held = held
        return found or self.can.has(r) and table.at(r).show != codes.LEVEL

    def scaled(self, r: int):
        return super().scaled(r) if super().present(r) else self.can.scaled(r)

    def half(self, r: int, high: bool) -> int:
        """Of CAN's word only the bits that mean the same on both buses: the first 18."""
        if super().present(r):
            return super().half(r, high)
        return self.can.half(r, high) & (3 if high else 0xFFFF)

    def more_alarms(self) -> int:
        return self.can.more_alarms() if self.can.online else 0

    def untold(self) -> int:
        """CAN's word of faults ends at bit 17 (protocol/can.md section 4.7); only CAN has more_alarms()."""
        untold = 0xFFFC if self.heard_at >= 0 and not self.on_rs485() else 0
        return untold if self.can.online else untold | 0x10000

    def put_more_alarms(self, message, more: int, comma: bool) -> None:
        self.can.put_more_alarms(message, more, comma)

    def more_words(self, more: int) -> list:
        return self.can.more_words(more)


def halve(entry: dict, buses: list, halves: dict, log) -> None:
    """Make the two halves of a battery on two buses.

    entry: of [[pack]], with its `pair`; halves: they are put here, by prefix of their bus and address.
    """
    prefix, address, can_prefix, can_address = entry["pair"]
    sign = [bus["sign"] for bus in buses if bus["prefix"] == can_prefix][0]
    pack_id = entry["id"].encode()
    name = entry["name"] or "JK pack " + entry["id"]
    half = CanPack(pack_id, can_address, name, sign == "inverted")
    halves[can_prefix, can_address] = half
    halves[prefix, address] = PairedPack(pack_id, address, name, half, log)


def differ(ours: int, theirs: int, near: int) -> bool:
    """True for a contradiction between two raw numbers; near: as in SAME, 0: only the sign is compared."""
    if near:
        return not -near <= ours - theirs <= near
    return ours >= _FLOWS and theirs <= -_FLOWS or theirs >= _FLOWS and ours <= -_FLOWS


def _text(value: int, scale: int) -> str:
    """A number, for a sentence."""
    if value < 0:
        return "-" + _text(-value, scale)
    return str(value // scale) + ("." + str(value % scale + scale)[1:] if scale > 1 else "")


class Pairing:
    """Between the buses and the publisher: what is told of one half of a pair is told of the pair."""

    def __init__(self, publisher, halves: dict, log):
        """halves: as halve() made them."""
        self._publisher = publisher
        self._halves = halves
        self._log = log
        self.new_pack = publisher.new_pack
        self.rare = publisher.rare
        self.settings_changed = publisher.settings_changed

    def join(self, bus) -> None:
        """Halves on this bus and the bus learn of each other."""
        for prefix, address in self._halves:
            if prefix == bus.config["prefix"]:
                half = self._halves[prefix, address]
                if half not in bus.packs:
                    bus.add(half)
                if half.owner is half:
                    half.bus = bus

    def live(self, pack, now: int) -> None:
        """Good live values of this pack are kept."""
        pair = pack.owner
        if pair is None:
            self._publisher.live(pack, now)
        elif pair is pack:
            pair.heard(now)
            if pair.came_back():
                say(self._log, INFO, texts.CAN_TOO, pair.id)
            self._publisher.live(pair, now)
        else:
            pack.online = True
            pair.last_live = now
            if pair.check(now):
                say(self._log, WARNING, texts.CAN_ALONE, pair.id)
            if not pair.on_rs485():
                self._publisher.live(pair, now)

    def went_offline(self, pack) -> None:
        """Nothing good comes from this pack any more; the pair stays while its other half goes on."""
        pair = pack.owner
        if pair is None:
            self._publisher.went_offline(pack)
            return
        if pair.on_rs485() or pair.can.online:
            pair.online = True
            return
        pair.online = False
        self._publisher.went_offline(pair)
