"""What is heard on an RS485 line, booked to the packs: the half of a bus that takes bytes in (rs485.py has the other).

Asking, a frame counts when it answers a request of ours. Listening beside another master, a frame belongs to the pack
named by the ack behind it, which is right for the bus master's own unasked frames too (protocol/rs485.md section 3.4);
a settings frame that lost its ack names its pack itself, a live frame does not and is dropped.
"""

from jkcore import framer as fr
from jkcore import modbus, texts
from jkcore import pack as pk
from jkcore.clock import since
from jkcore.evidence import Evidence
from jkcore.exchange import LISTENING, POLL, WAITING
from jkcore.fields import table
from jkcore.intake import REFUSED, Intake
from jkcore.log import DEBUG, TRACE, WARNING, say
from jkcore.shim import const

_SETTINGS = const(1)
_LIVE = const(2)
_ABOUT = const(3)
_PADDING = const(4)  # so many stray bytes are the adapter's
_SUSPECT = const(6)  # damaged answers in a row before something is said
_FORGOTTEN = const(600000)  # ms: a pack not heard for so long starts to be measured anew
_ADDRESS = table.offset_of("device_address", _SETTINGS)


class Hearing:
    """Units of the line -> packs. Rs485Bus is built on it."""

    def __init__(self, packs: list, poller, log, publisher):
        """packs: what is known to be on the line; poller: asks them; publisher: is told."""
        self.packs = packs
        self.poller = poller
        self.gaps = None  # where something may be sent beside another master: the gaps between its requests
        self.accept_unasked = False  # True: nothing is ever sent, and frames are booked as when listening (replay)
        self.bytes_in = 0
        self.frames = 0
        self.garbage = 0  # bytes that belonged to nothing
        self.rejects = [0, 0, 0, 0, 0]  # pieces, by framer.reason
        self.gateway = None  # what watches a gateway, on a network port
        self.evidence = Evidence()
        self._framer = fr.Framer()
        self._log = log
        self._publisher = publisher
        self._intake = Intake(log, publisher)
        self._foreign_said = [-1, -1]  # when: about bytes, about frames and requests
        self.job = None  # the command being carried out: a Transaction of jkcore.writes
        self._asked = None  # the pack another master asked last
        self._unsure = fr.NO_ADDRESS  # the pack a settings frame without an ack named last

    def listening(self) -> bool:
        """True while frames are booked that nobody here asked for."""
        poller = self.poller
        return self.accept_unasked or poller.state == LISTENING and poller.wanted != POLL

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

    # frames

    def _frame(self, now: int) -> None:
        framer = self._framer
        kind = framer.kind
        address = framer.address
        self.frames = (self.frames + 1) & 0x3FFFFFFF
        if kind > _ABOUT:
            return
        self.evidence.frame(framer.frame, address, kind)
        pack = self._find(address)
        if self.listening():
            self._unasked(pack, address, kind, now)
        elif address == fr.NO_ADDRESS:
            self._count(pk.NO_ACK)
            say(self._log, DEBUG, texts.NO_ACK)
            self._damage(now)
        elif self.job is not None and pack is self.job.pack and self._ends_write(kind):
            self.poller.finish(now)
            self._intake.take(pack, kind, framer.frame, now)
            self.job.heard_ack(framer.register, 1, now)
            self.job.heard_frame(kind, framer.frame, now)
        elif pack is not None and self.poller.expects(address, kind, now):
            self._take(pack, kind, now)
        elif self.poller.doubled(address, kind, now):
            self._intake.conflict(pack, now)
        else:
            self._count(pk.WRONG_ADDRESS)
            if self.poller.wanted == POLL:
                self.poller.overheard(address, now)
                self._tell_gateway(False, address, now)
                self._say_foreign(texts.FOREIGN_FRAMES, address, now)
            else:
                self._unasked(pack, address, kind, now)

    def _ends_write(self, kind: int) -> bool:
        """True for the settings frame that a preset is answered with (protocol/rs485.md section 8.4): the ack behind
        it is the one of the preset. An old settings frame that comes late has another."""
        waiting = self.poller.state == WAITING and not self.poller.kind
        return kind == _SETTINGS and waiting and modbus.is_preset(self._framer.register)

    def _find(self, address: int):
        for pack in self.packs:
            if pack.address == address:
                return pack
        return None

    def _unasked(self, pack, address: int, kind: int, now: int) -> None:
        """Book a frame nobody here asked for to its pack, which may be a new one."""
        if address == fr.NO_ADDRESS and kind == _SETTINGS:
            address = self._named(self._framer.frame)
            pack = self._find(address)
        if address > modbus.MAX_ADDRESS:
            if self._asked is not None:
                self._asked.counts[pk.NO_ACK] += 1
            say(self._log, DEBUG, texts.NO_ACK)
            return
        if self.gaps is not None and self.gaps.asks(address):
            self.gaps.answered()
        elif not self.accept_unasked:
            self.poller.overheard(address, now)
            if self.gaps is not None:
                self.gaps.answered()
            self._tell_gateway(False, address, now)
        if pack is None:
            pack = self._publisher.new_pack(self, address)
            pack.notes[pk.DUE + _ABOUT] = now
        self._take(pack, kind, now)

    def _named(self, frame) -> int:
        """The pack a settings frame says it is from; NO_ADDRESS when none, or one never heard of is named once only.

        Behind the 8-bit sum alone a damaged frame could make up a pack.
        """
        address = frame[_ADDRESS]
        if address > modbus.MAX_ADDRESS or frame[_ADDRESS + 1] or frame[_ADDRESS + 2] or frame[_ADDRESS + 3]:
            return fr.NO_ADDRESS
        before = self._unsure
        self._unsure = address
        return address if address == before or self._find(address) is not None else fr.NO_ADDRESS

    def _take(self, pack, kind: int, now: int) -> None:
        """A frame of this pack, whole. The poller learns what it was worth."""
        pack.counts[pk.BROKEN] = 0
        was_online = pack.online
        verdict = self._intake.take(pack, kind, self._framer.frame, now)
        asked = not self.listening()
        job = self.job
        if job is not None and pack is job.pack and self._framer.address != fr.NO_ADDRESS:
            job.heard_ack(self._framer.register, 1, now)  # of a preset, written beside another master
            job.heard_frame(kind, self._framer.frame, now)
        if verdict == REFUSED:
            if asked:
                self.poller.damaged(now)
            return
        self.evidence.taken(pack, now)
        pack.counts[pk.ANSWERS] += 1
        if self.gateway is not None:
            self.gateway.good(now)
        if asked:
            self.poller.answered(pack, kind, now, verdict)
        elif kind == _LIVE:
            pack.misses = 0
            if not was_online:  # what it is may have changed (and old times do not compare)
                pack.notes[pk.DUE + _ABOUT] = now
            self._learn_cycle(pack, was_online, now)
        elif kind == _ABOUT and self.gaps is not None:
            self.gaps.came(pack, verdict, now)

    def _learn_cycle(self, pack, was_online: bool, now: int) -> None:
        """Time between two live frames of a pack when another master sets the pace: at once when it is somewhat shorter
        than known, by halves when it is longer, so that a lost frame does not double it. Far shorter ones only count
        slowly: after a stall of the network several frames of a pack are read at one moment."""
        before = pack.notes[pk.LIVE_ASKED]
        pack.notes[pk.LIVE_ASKED] = now
        if pack.turn and not was_online:  # how long it was away says little of the pace: it is measured anew
            pack.turn = 0
        elif before >= 0 and since(now, before) <= _FORGOTTEN:
            cycle = since(now, before)
            if cycle > pack.turn > 0:
                pack.turn = (pack.turn + cycle) // 2
            elif 2 * cycle < pack.turn:
                pack.turn -= pack.turn // 8
            else:
                pack.turn = cycle

    # units without a frame

    def _unit(self, event: int, now: int) -> None:
        """A Modbus unit without a frame."""
        framer = self._framer
        if self.accept_unasked:
            self.evidence.foreign(event, framer.address, now)
            return
        poller = self.poller
        ours = poller.state == WAITING and poller.pack.address == framer.address
        if (event == fr.REQUEST or event == fr.WRITE) and self._is_echo(now):
            return
        if self.job is not None and framer.address == self.job.pack.address and self._answers_job(event, ours, now):
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
            poller.stand_down(now, event != fr.EXCEPTION)
            self._tell_gateway(True, framer.address, now)
            if not self.listening():
                self._say_foreign(texts.FOREIGN_REQUESTS, framer.address, now)
            elif event == fr.REQUEST:
                self._asked = self._find(framer.address)
                if self.gaps is not None:
                    self.gaps.asked(now)

    def _is_echo(self, now: int) -> bool:
        """True when the request or write just heard is our own."""
        framer = self._framer
        if self.listening():
            return self.gaps is not None and self.gaps.is_echo(framer.address, now)
        return self.poller.is_echo(framer.address, framer.kind)

    def _answers_job(self, event: int, ours: bool, now: int) -> bool:
        """Tell the command under way of an ack or exception of its pack. True: that was all about it."""
        framer = self._framer
        self.gaps.answered()
        if event == fr.EXCEPTION:
            self.job.heard_exception(framer.code, now)
            return self.listening()
        if event != fr.ACK or framer.kind:
            return False
        if ours and not self.poller.kind:
            self.poller.finish(now)
        self.job.heard_ack(framer.register, framer.words, now)
        return True

    def _rejected(self, now: int) -> None:
        framer = self._framer
        self.garbage = (self.garbage + framer.length) & 0x3FFFFFFF
        self.rejects[framer.reason] += 1
        say(self._log, TRACE, texts.REJECTED, framer.length, framer.reason)
        if framer.length > _PADDING and self.gaps is not None:
            self.gaps.noise()
        if not framer.reason:
            return
        if not self.listening():
            self._count(pk.DAMAGED)
            self._damage(now)
        elif self._asked is not None:
            self._asked.counts[pk.DAMAGED] += 1

    def _count(self, counter: int) -> None:
        """Count at the pack that was asked last."""
        if self.poller.pack is not None:
            self.poller.pack.counts[counter] += 1

    def _damage(self, now: int) -> None:
        pack = self.poller.pack
        if self.gateway is not None:
            self.gateway.damaged()
        if pack is not None:
            pack.counts[pk.BROKEN] += 1
            if pack.counts[pk.BROKEN] == _SUSPECT:
                say(self._log, WARNING, texts.DAMAGED, pack.id, pack.address)
        self.poller.damaged(now)

    def _tell_gateway(self, request: bool, address: int, now: int) -> None:
        """A frame or request was heard that is none of ours."""
        if self.gateway is not None:
            self.gateway.foreign(request, address, now)

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
