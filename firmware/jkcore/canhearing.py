"""What is heard on a CAN bus, booked to the packs: the half of a bus that takes frames in (canbus.py has the other).

A frame counts when it is a data frame of JK's with all its eight bytes (protocol/can.md section 2); everything else is
counted and never looked into. A pack exists once its BATT_ST1 has come.
"""

from array import array

from jkcore import can, texts
from jkcore import pack as pk
from jkcore.clock import after, since
from jkcore.fields import codes
from jkcore.log import DEBUG, WARNING, say
from jkcore.pack import u16, u32
from jkcore.shim import const

# BATT_ST1 is the first of a pack's raw messages: these are places in the message, too
_VOLTAGE = can.byte_of("pack_voltage")
_SOC = can.byte_of("soc")
_FIRST = const(4000)  # ms: after so long values are published even if some messages have not come yet
# Values that jump back and forth are those of two packs: weight of a jump, and from where on there is no doubt. Each
# BATT_ST1 without one, ten a second, takes 1 away.
_ODD = const(30)
_TOO_OFTEN = const(120)
_JUMP = const(1)  # % of charge between two BATT_ST1
_MOST_VOLTS = const(2500)  # 0.1 V
_AMBIGUOUS = const(11)  # behind this address a standard identifier may be somebody else's
_AGAIN = const(3600000)
_KEPT = const(8)  # identifiers of others
_STANDARD = const(0x20000000)  # marks one of 11 bits

# Index into rejects
FOREIGN = const(0)
SHORT = const(1)
REMOTE = const(2)
ERRORS = const(3)
IMPLAUSIBLE = const(4)
_REJECTS = const(5)


class CanHearing:
    """Frames of the bus -> packs. CanBus is built on it."""

    def __init__(self, packs: list, log, publisher):
        """packs: CanPacks that are known to be on the bus; publisher: is told."""
        self.packs = []
        self.bytes_in = 0
        self.frames = 0  # of JK's, whole
        self.garbage = 0
        self.rejects = array("i", [0] * _REJECTS)
        self.orders = 0  # frames of another device that controls a battery
        self.others = array("i", [0] * _KEPT)  # some identifiers that are none of JK's; with _STANDARD, or of 29 bits
        self._log = log
        self._publisher = publisher
        self._by_address = [None] * 16
        self._extended = 0  # bit per address of which a 29-bit identifier was heard
        self._orders_said = -1
        self._odd_said = False
        for pack in packs:
            self.add(pack)

    def add(self, pack) -> None:
        """A pack that was not expected has been heard."""
        self.packs.append(pack)
        self._by_address[pack.address] = pack

    def find(self, address: int):
        """The pack at this address, None: there is none."""
        return self._by_address[address]

    def feed_frame(self, ident: int, flags: int, data, now: int) -> None:
        """A frame has arrived at `now`.

        ident: 11 or 29 bits; flags: its data length, and of can.py EXTENDED, REMOTE, ERROR; data: eight bytes, or more,
        of which so many count as its length says.
        """
        if flags & can.ERROR:
            self._reject(ERRORS)
            return
        kind = can.classify(ident, flags & can.EXTENDED)
        if kind < 0:
            self._foreign(ident, flags)
        elif flags & can.REMOTE:
            self._reject(REMOTE)
        elif flags & 15 < 8:
            self._reject(SHORT)
            if kind >> 4 == codes.CONTROL:  # only four of its bytes mean anything
                self._ordered(now)
        else:
            self.frames = (self.frames + 1) & 0x3FFFFFFF
            self.bytes_in = (self.bytes_in + 8) & 0x3FFFFFFF
            self._sort(kind >> 4, kind & 15, data, now)

    def _reject(self, reason: int) -> None:
        self.rejects[reason] = (self.rejects[reason] + 1) & 0x3FFFFFFF

    def _foreign(self, ident: int, flags: int) -> None:
        if not flags & can.EXTENDED:
            ident |= _STANDARD
        others = self.others
        for i in range(_KEPT):
            if others[i] == ident:
                break
        else:
            others[self.rejects[FOREIGN] & _KEPT - 1] = ident
        self._reject(FOREIGN)

    def _sort(self, message: int, address: int, data, now: int) -> None:
        """A whole frame of JK's."""
        if message >= codes.CONTROL:
            if message == codes.CONTROL:
                self._ordered(now)
            return
        if message >= codes.BATT_ST2:
            self._extended |= 1 << address
        elif address > _AMBIGUOUS and not self._extended >> address & 1:
            self._reject(FOREIGN)
            return
        pack = self._by_address[address]
        if message == codes.BATT_ST1 and not _is_plausible(data):
            self._reject(IMPLAUSIBLE)
            if pack is not None:
                pack.counts[pk.IMPLAUSIBLE] += 1
                say(self._log, DEBUG, texts.DROPPED, pack.id, 1)
            return
        if pack is None:
            if message:
                return  # it will say who it is within a tenth of a second
            pack = self._appear(address)
        self._take(pack, message, data, now)

    def _appear(self, address: int):
        if address > _AMBIGUOUS and not self._odd_said:
            self._odd_said = True
            say(self._log, WARNING, texts.CAN_ADDRESS, address)
        return self._publisher.new_pack(self, address)

    def _take(self, pack, message: int, data, now: int) -> None:
        pack.counts[pk.ANSWERS] = (pack.counts[pk.ANSWERS] + 1) & 0x3FFFFFFF
        if message >= codes.BATT_ST2:
            pack.version = 2
        if not message:
            self._battery(pack, data, now)
            return
        pack.keep(data, message, now)
        if message == codes.ALM_INFO or message == codes.BMSERR_INFO:
            if pack.note_words() and pack.online:
                self._publisher.live(pack, now)
        elif message == codes.BATT_ST2:
            pack.unwrap()
        elif message == codes.BMS_INFO:
            self._watch_runtime(pack, now)

    def _battery(self, pack, data, now: int) -> None:
        """The message that shows that a pack is there."""
        if pack.fresh & 1:
            jump = data[_SOC] - pack.raw[_SOC]
            self._weigh(pack, jump > _JUMP or jump < -_JUMP, now)
        elif pack.due < 0:
            pack.due = after(now, _FIRST)
        pack.keep(data, codes.BATT_ST1, now)
        pack.last_live = now

    def _watch_runtime(self, pack, now: int) -> None:
        """A pack's run time only grows; one that goes back again and again belongs to two packs."""
        runtime = u32(pack.raw, 8 * codes.BMS_INFO)
        if runtime is None:
            return
        if runtime < pack.counts[pk.RUNTIME]:
            self._weigh(pack, True, now)
            self._weigh(pack, True, now)  # it comes ten times less often than what it is weighed against
        pack.counts[pk.RUNTIME] = runtime

    def _weigh(self, pack, odd: bool, now: int) -> None:
        """Values that jump back and forth are those of two packs with one address."""
        counts = pack.counts
        if odd:
            counts[pk.BACKWARDS] += _ODD
            if counts[pk.BACKWARDS] >= _TOO_OFTEN:
                counts[pk.BACKWARDS] = 0
                self._conflict(pack, now)
        elif counts[pk.BACKWARDS]:
            counts[pk.BACKWARDS] -= 1

    def _conflict(self, pack, now: int) -> None:
        """There is proof of a second pack at this address: nobody can tell whose values came."""
        pack.counts[pk.DOUBLE] = (pack.counts[pk.DOUBLE] + 1) & 0x3FFFFFFF
        if pack.notes[pk.CONFLICT] < 0:
            say(self._log, WARNING, texts.CAN_CONFLICT, pack.address)
        pack.notes[pk.CONFLICT] = now
        if pack.online:
            pack.online = False
            self._publisher.went_offline(pack)

    def _ordered(self, now: int) -> None:
        self.orders = (self.orders + 1) & 0x3FFFFFFF
        if self._orders_said < 0 or since(now, self._orders_said) > _AGAIN:
            self._orders_said = now
            say(self._log, WARNING, texts.CAN_ORDERS)


def _is_plausible(data) -> bool:
    """False for a BATT_ST1 no battery can send: no voltage, more than 250 V, more than 100 %."""
    return 0 < u16(data, _VOLTAGE) <= _MOST_VOLTS and data[_SOC] <= 100
