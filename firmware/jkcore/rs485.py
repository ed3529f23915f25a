"""One RS485 bus: bytes -> framer -> checks -> packs, and the poller's requests the other way.

A frame is used only with magic, length, sum, the ack of the pack that was asked behind it, and (live) plausible values;
settings and about frames only when two in a row agree. Everything refused is counted, at the pack it was asked of.
"""

from jkcore import framer as fr
from jkcore import modbus, texts
from jkcore import pack as pk
from jkcore.clock import since
from jkcore.evidence import Evidence
from jkcore.exchange import LISTENING, WAITING
from jkcore.fields import table
from jkcore.intake import REFUSED, Intake
from jkcore.log import DEBUG, INFO, TRACE, WARNING, say
from jkcore.poll import Poller
from jkcore.shim import const

_SETTINGS = const(1)
_LIVE = const(2)
_ABOUT = const(3)
_STALE_MIN = const(10000)
_IDLE = const(1000)  # a unit that is not complete after this silence never will be
_SUSPECT = const(6)  # damaged answers in a row before something is said
_ADDRESS = table.offset_of("device_address", _SETTINGS)
_ECHO = const(16)  # with so few bytes heard nobody has answered: an echo of the request, a glitch


class Rs485Bus:
    """Feed it received bytes, call tick() every turn of the loop, send what it leaves in `tx`."""

    def __init__(self, config: dict, packs: list, interval: int, log, publisher):
        """config: one bus of the configuration; packs: its Packs; interval: ms; publisher: told of new frames."""
        self.config = config
        self.packs = packs
        self.tx = bytearray(16)
        self.accept_unasked = False  # True: nothing is sent, frames are booked by the ack behind them (replay)
        self.is_open = False
        self.reason = "not opened yet"
        self.bytes_in = 0
        self.frames = 0
        self.garbage = 0  # bytes that belonged to nothing
        self.rejects = [0, 0, 0, 0, 0]  # pieces, by framer.reason
        self.told = ""  # state() that bridge/health has told
        self.openings = 0
        self.interval = interval
        self._framer = fr.Framer()
        self.poller = Poller(packs, interval, _is_network(config))
        self._log = log
        self._publisher = publisher
        self._intake = Intake(log, publisher)
        self.evidence = Evidence()
        self._last_rx = 0
        self._foreign_said = [-1, -1]  # when: about bytes, about frames and requests

    # the port

    def opened(self, now: int) -> None:
        """The port is open (again)."""
        self.is_open = True
        self.reason = ""
        self.openings += 1
        self._framer.reset()
        self.poller.listen(now)
        self.evidence.opened(self, now)

    def closed(self, now: int, reason: str) -> None:
        """The port cannot be used; reason: a sentence for people."""
        self.is_open = False
        self.reason = reason
        self._framer.reset()

    def idle(self, now: int) -> bool:
        """True when no answer is awaited: the moment for work that blocks."""
        return not self.is_open or self.poller.state != WAITING

    def feed(self, data, count: int, now: int) -> None:
        """The first `count` bytes of data have arrived at `now`."""
        self.bytes_in = (self.bytes_in + count) & 0x3FFFFFFF
        self._last_rx = now
        self.evidence.heard(data, count)
        foreign = not self.accept_unasked and self.poller.heard(count, now)
        at = 0
        while at < count:
            at = self._framer.feed(data, at, count)
            self._drain(now)
        if foreign:
            self._say_foreign(texts.FOREIGN_BYTES, 0, now)

    def tick(self, now: int) -> int:
        """Number of bytes of `tx` to send now."""
        if not self.is_open:
            return 0
        if self._framer.pending() and since(now, self._last_rx) >= _IDLE:
            self._framer.flush()
            self._drain(now)
        if self.accept_unasked:
            return 0
        poller = self.poller
        if poller.overdue(now):
            self._framer.flush()
            self._drain(now)
            if poller.overdue(now):  # the flush may have found the answer, or that it was damaged
                if poller.answer_bytes > _ECHO:
                    self._count(pk.DAMAGED)
                    self._damage(now)
                else:
                    self._no_answer(now)
        return poller.tick(self.tx, now)

    def sleep_ms(self, now: int) -> int:
        """How long nothing needs to be done unless bytes come."""
        if not self.is_open:
            return 1000
        wait = 1000 if self.accept_unasked else self.poller.sleep_ms(now)
        if self._framer.pending():
            quiet = since(now, self._last_rx)
            left = _IDLE - quiet if quiet < _IDLE else 0
            return left if left < wait else wait
        return wait

    def check_stale(self, now: int) -> None:
        """Take packs offline whose last live frame is too old."""
        for pack in self.packs:
            if pack.online and since(now, pack.last_live) > self.stale_after(pack):
                pack.online = False
                pack.forget_live()
                self._publisher.went_offline(pack)
                age = since(now, pack.last_live) // 1000
                say(self._log, WARNING, texts.OFFLINE, pack.id, age, self._why_silent(pack), pack.address)

    def stale_after(self, pack) -> int:
        """ms after which this pack's live frame is no value any more: max(3 x interval, 3 x measured turn, 10 s)."""
        turn = pack.turn if self.accept_unasked else self.poller.turn
        longest = self.interval if self.interval > turn else turn
        return 3 * longest if 3 * longest > _STALE_MIN else _STALE_MIN

    def role(self) -> str:
        """What this bridge does on the line."""
        return "replay" if self.accept_unasked else "poll"

    def state(self) -> str:
        """One word for bridge/health."""
        if not self.is_open:
            return "closed"
        if self.accept_unasked:
            return "replay"
        return "listening" if self.poller.state == LISTENING else "polling"

    def _why_silent(self, pack):
        if not self.is_open:
            return self.reason
        if self.poller.state == LISTENING and not self.accept_unasked:
            return texts.WHY_FOREIGN
        return texts.WHY_SILENT if pack.counts[pk.TIMEOUTS] and pack.misses else texts.WHY_DAMAGED

    # units

    def _drain(self, now: int) -> None:
        framer = self._framer
        while True:
            event = framer.next()
            if event == fr.NONE:
                return
            if event == fr.FRAME:
                self._frame(now)
            elif event == fr.REJECT:
                self._rejected(now)
            else:
                self._unit(event, now)

    def _frame(self, now: int) -> None:
        framer = self._framer
        kind = framer.kind
        address = framer.address
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        if kind > _ABOUT:
            return
        self.evidence.frame(framer.frame, address, kind)
        pack = self._find(address)
        if self.accept_unasked:
            self._unasked(pack, address, kind, now)
        elif address == fr.NO_ADDRESS:
            self._count(pk.NO_ACK)
            say(self._log, DEBUG, texts.NO_ACK)
            self._damage(now)
        elif pack is not None and self.poller.expects(address, kind, now):
            self._take(pack, kind, now)
        elif self.poller.doubled(address, kind, now):
            self._intake.conflict(pack, now)
        else:
            self._count(pk.WRONG_ADDRESS)
            self.poller.stand_down(now)
            self._say_foreign(texts.FOREIGN_FRAMES, address, now)

    def _find(self, address: int):
        for pack in self.packs:
            if pack.address == address:
                return pack
        return None

    def _unasked(self, pack, address: int, kind: int, now: int) -> None:
        """Replay: who sent a frame is told by its ack, or, in settings, by its own address field."""
        if address == fr.NO_ADDRESS and kind == _SETTINGS:
            address = self._framer.frame[_ADDRESS]
            pack = self._find(address)
        if address > modbus.MAX_ADDRESS:
            say(self._log, DEBUG, texts.NO_ACK)
            return
        if pack is None:
            pack = self._publisher.new_pack(self, address)
        self._take(pack, kind, now)

    def _take(self, pack, kind: int, now: int) -> None:
        """A frame of this pack, whole and asked for. The poller learns what it was worth."""
        pack.counts[pk.BROKEN] = 0
        before = pack.last_live
        verdict = self._intake.take(pack, kind, self._framer.frame, now)
        if verdict == REFUSED:
            self.poller.damaged(now)
            return
        self.evidence.taken(pack, now)
        pack.counts[pk.ANSWERS] += 1
        if not self.accept_unasked:
            self.poller.answered(pack, kind, now, verdict)
        elif kind == _LIVE and pack.online:
            pack.turn = since(now, before)

    def _unit(self, event: int, now: int) -> None:
        """A Modbus unit without a frame."""
        framer = self._framer
        if self.accept_unasked:
            self.evidence.foreign(event, framer.address, now)
            return
        poller = self.poller
        ours = poller.state == WAITING and poller.pack.address == framer.address
        if event == fr.REQUEST and poller.is_echo(framer.address, framer.kind):
            return
        if ours and event == fr.EXCEPTION:
            poller.pack.counts[pk.EXCEPTIONS] += 1
            say(self._log, DEBUG, texts.EXCEPTION, framer.address, framer.code)
            poller.damaged(now)
        elif ours and event == fr.ACK:  # its frame was damaged or lost
            self._count(pk.DAMAGED)
            self._damage(now)
        elif event != fr.ACK:
            self.evidence.foreign(event, framer.address, now)
            poller.stand_down(now)
            self._say_foreign(texts.FOREIGN_REQUESTS, framer.address, now)

    def _rejected(self, now: int) -> None:
        framer = self._framer
        self.garbage = (self.garbage + framer.length) & 0x3FFFFFFF
        self.rejects[framer.reason] += 1
        say(self._log, TRACE, texts.REJECTED, framer.length, framer.reason)
        if framer.reason and not self.accept_unasked:
            self._count(pk.DAMAGED)
            self._damage(now)

    def _count(self, counter: int) -> None:
        """Count at the pack that was asked last."""
        if self.poller.pack is not None:
            self.poller.pack.counts[counter] += 1

    def _damage(self, now: int) -> None:
        pack = self.poller.pack
        if pack is not None:
            pack.counts[pk.BROKEN] += 1
            if pack.counts[pk.BROKEN] == _SUSPECT:
                say(self._log, WARNING, texts.DAMAGED, pack.id, pack.address)
        self.poller.damaged(now)

    def _no_answer(self, now: int) -> None:
        poller = self.poller
        pack = poller.pack
        poller.gave_up(now)
        if pack.misses == 2 and not pack.online and not pack.counts[pk.ANSWERS] and not self.config["scan"]:
            say(self._log, WARNING, texts.SILENT, pack.id, pack.address)
        else:
            say(self._log, DEBUG, texts.NO_ANSWER, pack.id)
        if pack is self.packs[-1] and pack.misses == 2 and self.config["scan"]:
            self._say_found()

    def _say_found(self) -> None:
        """All addresses have been asked once."""
        found = [str(pack.address) for pack in self.packs if pack.counts[pk.ANSWERS]]
        if found:
            say(self._log, INFO, texts.FOUND, ", ".join(found))
        else:
            say(self._log, WARNING, texts.NOBODY)

    def _say_foreign(self, code: int, address: int, now: int) -> None:
        """Once at first, then at most once a minute; bytes do not hide a frame or request that tells more."""
        said = self._foreign_said
        bare = code == texts.FOREIGN_BYTES
        if said[1] >= 0 and since(now, said[1]) < 60000:
            return
        if bare and said[0] >= 0 and since(now, said[0]) < 60000:
            return
        said[0 if bare else 1] = now
        if bare:
            say(self._log, WARNING, code)
        else:
            say(self._log, WARNING, code, address)


def _is_network(config: dict) -> bool:
    return "://" in (config.get("port") or "")
