"""One CAN bus: what the homes drive. Frames and time go in, packs come out. Nothing ever goes the other way.

There is no way to send: no buffer, no identifier to send with; tick() is 0 for ever.
"""

from array import array

from jkcore import pack as pk
from jkcore import texts
from jkcore.canhearing import CanHearing
from jkcore.clock import after, reached, since
from jkcore.log import INFO, WARNING, say
from jkcore.shim import const

_OFFLINE = const(5000)  # without BATT_ST1, which comes ten times a second
_FRESH = const(1000)
_FASTEST = const(1000)
_CONFLICT = const(60000)  # so long after the last sign of a second pack an address is trusted again
_UNHEARD = const(30000)  # after the first frame of another
_REJECTS = b"foreign short remote errors implausible"


class CanEvidence:
    """What is wrong with the bus, where the port or a doctor says so: verdict, for bridge/health."""

    def __init__(self):
        self.verdict = None
        self.code = -1

    def overdue(self, bus, now: int) -> bool:
        """The port judges a CAN bus by itself."""
        return False


class CanBus(CanHearing):
    """Feed it frames with feed_frame, call check_stale() a few times a second."""

    # What an RS485 bus has and this has not
    poller = gateway = job = None

    def __init__(self, config: dict, packs: list, interval: int, log, publisher):
        """config: one bus of the configuration; packs: its CanPacks, as far as they are known; interval: ms between
        two live messages of a pack; publisher: is told of new values."""
        super().__init__(packs, log, publisher)
        self.config = config
        self.is_open = False
        self.reason = "not opened yet"
        self.told = ""  # state() that bridge/health has told
        self.role_told = ""
        self.openings = 0
        self._nothing_at = 0  # when nothing had been heard yet
        self.accept_unasked = False  # True: a recording is played
        self.interval = interval if interval > _FASTEST else _FASTEST
        self.evidence = CanEvidence()
        self._port = array("i", [0, 0, 0])  # what the port counts: errors, overflows, times off the bus

    # the port

    def opened(self, now: int) -> None:
        """The port is open (again)."""
        self.is_open = True
        self.reason = ""
        self.openings += 1
        self.evidence.verdict = None

    def closed(self, now: int, reason: str) -> None:
        """The port cannot be used; reason: a sentence for people."""
        self.is_open = False
        self.reason = reason

    def troubled(self, reason: str) -> None:
        """The port is open, but says what is wrong with the bus, a sentence; "": nothing any more."""
        self.evidence.verdict = reason or None

    def measured(self, errors: int, overflows: int, bus_off: int) -> None:
        """What the port has counted: error frames, times frames were lost, times it was off the bus."""
        port = self._port
        port[0] = errors & 0x3FFFFFFF
        port[1] = overflows & 0x3FFFFFFF
        port[2] = bus_off & 0x3FFFFFFF

    def wants_reopen(self, now: int) -> str:
        """Never: the port knows by itself."""
        return ""

    def recall(self, pack_id: bytes, makers) -> None:
        """An earlier run knew this pack: it exists, although nothing has been heard of it."""
        for address in range(16 if self.config["scan"] else 0):
            if pack_id == (self.config["prefix"] + str(address)).encode() and self.find(address) is None:
                self.add(makers.pack(self.config, address))

    def idle(self, now: int) -> bool:
        """True: nothing is awaited."""
        return True

    def tick(self, now: int) -> int:
        """Number of bytes to send: none, ever."""
        return 0

    def sleep_ms(self, now: int) -> int:
        """How long nothing needs to be done unless frames come."""
        return 250 if self.is_open else 1000

    def state(self) -> str:
        """One word for bridge/health."""
        if not self.is_open:
            return "closed"
        return "replay" if self.accept_unasked else "listening"

    def role(self) -> str:
        """What this bridge does on the bus: listen, replay."""
        return "replay" if self.accept_unasked else "listen"

    def put(self, message) -> None:
        """Append the counters for bridge/health."""
        message.numbers(b"openings frames orders", (self.openings, self.frames, self.orders))
        message.numbers(b"errors overflows bus_off", self._port)
        message.key(b"rejected")
        message.open()
        message.numbers(_REJECTS, self.rejects)
        message.close()

    # time

    def check_stale(self, now: int) -> None:
        """A few times a second: values that are due, values that are too old, packs that are gone."""
        if not self.frames:
            self._nothing_at = now
        for pack in self.packs:
            if pack.fresh & 1:
                self._check(pack, now)
            elif pack.misses == 1 and since(now, self._nothing_at) > _UNHEARD:
                self._missed(pack)

    def _missed(self, pack) -> None:
        """Something of others has come, but nothing of this pack: said once, where the configuration names it."""
        pack.misses = 2
        if (pack.owner is not None or not self.config["scan"]) and not pack.counts[pk.ANSWERS]:
            say(self._log, WARNING, texts.CAN_UNHEARD, pack.id, pack.address)

    def _check(self, pack, now: int) -> None:
        if since(now, pack.last_live) > _OFFLINE:
            was_online = pack.online
            pack.online = False
            pack.forget_live()
            if was_online:
                self._publisher.went_offline(pack)
                if pack.owner is not None and pack.owner.online:
                    say(self._log, WARNING, texts.CAN_LOST, pack.id)
                    return
                why = texts.WHY_UNHEARD if self.is_open else self.reason
                say(self._log, WARNING, texts.OFFLINE, pack.id, since(now, pack.last_live) // 1000, why, pack.address)
            return
        ended = pack.age(now)
        if pack.notes[pk.CONFLICT] >= 0:
            if since(now, pack.notes[pk.CONFLICT]) < _CONFLICT:
                return
            pack.notes[pk.CONFLICT] = -1
            say(self._log, INFO, texts.TRUSTED, pack.address)
            pack.forget_live()  # what was learnt of cells and cycles is of both
            return
        if pack.burst.starving(now):
            say(self._log, WARNING, texts.CAN_STARVED, pack.id)
        if since(now, pack.last_live) > _FRESH:
            return  # nothing old is told as live
        if reached(now, pack.due) or pack.complete() and not pack.online:
            pack.due = after(now, self.interval)
            self._publisher.live(pack, now)
        elif ended and pack.online:
            self._publisher.live(pack, now)
