"""One RS485 bus: what the homes drive. Bytes and time go in, packs come out (hearing.py), requests go the other way.

A frame is used only with magic, length, sum, the ack of a pack behind it, and (live) plausible values; settings and
about frames only when two in a row agree. Everything refused is counted, at the pack it was asked of.

Roles: `poll` asks the packs (and stands down while somebody else does), `listen` only hears what another master makes
them say, `auto` listens first and asks when the line is silent.
"""

from jkcore import modbus, texts
from jkcore import pack as pk
from jkcore.clock import since
from jkcore.exchange import LISTEN, LISTENING, POLL, READY, WAITING
from jkcore.hearing import Hearing
from jkcore.log import DEBUG, INFO, WARNING, say
from jkcore.poll import Poller
from jkcore.shim import const

_STALE_MIN = const(10000)
_STALE_UNKNOWN = const(40000)  # listening, before a pack's cycle is known: the slowest JK master takes 12.8 s for one
_IDLE = const(1000)  # a unit that is not complete after this silence never will be
_PIECES = const(450)  # and on a gateway, which may cut it in two, so long it may still become a master's request
_ECHO = const(16)  # with so few bytes heard nobody has answered: an echo of the request, a glitch
_LONG_JOB = const(3000)  # from then on a command and the other packs take turns
_OTHERS = const(4)
_UNHEARD = const(40000)  # listening: a configured pack should have been heard by then
WANTED = ("auto", "poll", "listen")  # by exchange.AUTO, POLL, LISTEN


class Rs485Bus(Hearing):
    """Feed it received bytes, call tick() every turn of the loop, send what it leaves in `tx`."""

    def __init__(self, config: dict, packs: list, interval: int, log, publisher, seed: int):
        """config: one bus of the configuration; packs: its Packs; interval: ms; publisher: told of new frames;
        seed: of chance, 0..65535."""
        self._network = "://" in (config.get("port") or "")
        poller = Poller([], interval, self._network, WANTED.index(config["role"]), seed)
        super().__init__(packs, poller, log, publisher)
        for pack in packs:
            if pack.address:  # the bus master answers nobody
                poller.packs.append(pack)
        self.config = config
        self.tx = bytearray(16)
        self.is_open = False
        self.reason = "not opened yet"
        self.told = ""  # state() that bridge/health has told
        self.role_told = self.role_said = ""  # role() that bridge/info and the log have told
        self.openings = 0
        self.interval = interval
        if self._network:
            self._watch_gateway()
        if config["ask_about"]:
            self.use_gaps()
        self._last_rx = 0
        self._led_since = 0  # when another master began to set the pace
        self._found_said = False
        self._job_since = -1  # when the command under way first had the line
        self._job_served = 0  # requests to the others since its last one

    def use_gaps(self) -> None:
        """Something may be sent beside another master: learn when."""
        from jkcore.gaps import Gaps

        self.gaps = Gaps(self.packs, self.config["ask_about"], self._network)

    def _watch_gateway(self) -> None:
        from jkcore.gateway import Gateway

        self.gateway = Gateway(self.config["port"], self._log)

    # the port

    def opened(self, now: int) -> None:
        """The port is open (again)."""
        self.is_open = True
        self.reason = ""
        self.openings += 1
        self._led_since = now
        self._framer.reset()
        poller = self.poller
        led = poller.state == LISTENING and poller.master
        poller.listen(now)
        if led:  # he has not gone because we were away
            poller.stand_down(now, True)
        if self.gateway is not None:
            self.gateway.opened(now)
        self.evidence.opened(self, now)

    def closed(self, now: int, reason: str) -> None:
        """The port cannot be used; reason: a sentence for people."""
        self.is_open = False
        self.reason = reason
        self._framer.reset()
        if self.gateway is not None:
            self.gateway.closed(now)

    def wants_reopen(self, now: int) -> str:
        """Why the port is to be closed and opened again (nothing comes over the network any more), "" for no wish."""
        if self.gateway is None or not self.is_open or self.accept_unasked:
            return ""
        return self.gateway.wants_reopen(self.poller.state != LISTENING, now)

    def add(self, pack) -> None:
        """A pack that was not expected has been heard."""
        self.packs.append(pack)
        if pack.address:
            self.poller.packs.append(pack)

    def idle(self, now: int) -> bool:
        """True when no answer is awaited: the moment for work that blocks."""
        return not self.is_open or self.poller.state != WAITING

    def feed(self, data, count: int, now: int) -> None:
        """The first `count` bytes of data have arrived at `now`."""
        self.bytes_in = (self.bytes_in + count) & 0x3FFFFFFF
        self._last_rx = now
        self.evidence.heard(data, count)
        if self.gateway is not None:
            self.gateway.heard(data, count, now)
        asking = not self.listening()
        foreign = not self.accept_unasked and self.poller.heard(count, now) and asking
        at = 0
        while at < count:
            at = self._framer.feed(data, at, count)
            self._drain(now)
        if foreign and not self.poller.master:
            self._say_foreign(texts.FOREIGN_BYTES, 0, now)

    def tick(self, now: int) -> int:
        """Number of bytes of `tx` to send now."""
        if self.job is not None:
            self.job.tick(now)
        if not self.is_open:
            return 0
        pending = self._framer.pending()
        if pending and since(now, self._last_rx) >= _IDLE:
            self._framer.flush()
            self._drain(now)
        if self.accept_unasked:
            return 0
        poller = self.poller
        if poller.overdue(now):
            self._framer.flush()
            self._drain(now)
            if poller.overdue(now):  # the flush may have found the answer, or that it was damaged
                if not poller.kind:
                    poller.finish(now)
                elif poller.answer_bytes > _ECHO:
                    self._count(pk.DAMAGED)
                    self._damage(now)
                else:
                    self._no_answer(now)
        if pending and self._network and poller.state == READY and since(now, self._last_rx) < _PIECES:
            return 0
        count = poller.tick(self.tx, now) if self.job is None else self._serve_job(now)
        if count and self.gateway is not None:
            self.gateway.sent(now)
        if not count and self.gaps is not None and self.job is None and self.listening():
            count = self.gaps.ask(self.tx, self._last_rx, now)
        return count

    def sleep_ms(self, now: int) -> int:
        """How long nothing needs to be done unless bytes come."""
        if not self.is_open:
            return 1000
        wait = 1000 if self.accept_unasked else self.poller.sleep_ms(now)
        if self.job is not None and wait > 10 or self.gaps is not None and self.listening() and self.gaps.left(now):
            return 10 if wait > 10 else wait
        if self._framer.pending():
            quiet = since(now, self._last_rx)
            left = _IDLE - quiet if quiet < _IDLE else 0
            return left if left < wait else wait
        return wait

    def check_stale(self, now: int) -> None:
        """Take packs offline whose last live frame is too old; say what has changed on the line."""
        for pack in self.packs:
            if pack.online and since(now, pack.last_live) > self.stale_after(pack):
                pack.online = False
                pack.forget_live()
                self._publisher.went_offline(pack)
                age = since(now, pack.last_live) // 1000
                say(self._log, WARNING, texts.OFFLINE, pack.id, age, self._why_silent(pack), pack.address)
        if self.is_open and not self.accept_unasked:
            self._say_role()
            if not self.poller.master or not self.listening():
                self._led_since = now
            elif not self.config["scan"] and since(now, self._led_since) >= _UNHEARD:
                self._say_unheard()

    def stale_after(self, pack) -> int:
        """ms after which this pack's live frame is no value any more: max(3 x interval, 3 x measured turn, 10 s).

        Listening, the turn is the cycle heard from this pack; before two of its frames were heard it is not known.
        """
        turn = self.poller.turn
        if self.listening():
            turn = pack.turn
            if not turn:
                return 3 * self.interval if 3 * self.interval > _STALE_UNKNOWN else _STALE_UNKNOWN
        longest = self.interval if self.interval > turn else turn
        return 3 * longest if 3 * longest > _STALE_MIN else _STALE_MIN

    # what it does and why

    def role(self) -> str:
        """What this bridge does on the line: poll, listen, auto (not decided yet), replay."""
        if self.accept_unasked:
            return "replay"
        poller = self.poller
        if poller.wanted:
            return WANTED[poller.wanted]
        if poller.state != LISTENING:
            return WANTED[POLL]
        return WANTED[LISTEN] if poller.master else WANTED[0]

    def state(self) -> str:
        """One word for bridge/health."""
        if not self.is_open:
            return "closed"
        if self.accept_unasked:
            return "replay"
        return "listening" if self.poller.state == LISTENING else "polling"

    def _say_role(self) -> None:
        """One sentence for every change of role."""
        role = self.role()
        if role == self.role_said or role == WANTED[0] or role == WANTED[POLL] and self.poller.state == LISTENING:
            return
        before = self.role_said
        self.role_said = role
        if role == WANTED[LISTEN]:
            say(self._log, INFO, texts.ROLE_LISTEN if self.poller.wanted != LISTEN else texts.ROLE_LISTEN_ONLY)
        else:
            say(self._log, INFO, texts.ROLE_POLL_AGAIN if before else texts.ROLE_POLL)

    def _say_unheard(self) -> None:
        """Listening beside a master: packs that are configured and have never been heard, each once."""
        for pack in self.packs:
            if pack.misses == 1 and not pack.counts[pk.ANSWERS]:
                pack.misses = 2
                say(self._log, WARNING, texts.UNHEARD, pack.id, pack.address)

    def _why_silent(self, pack):
        if not self.is_open:
            return self.reason
        if self.listening() or not pack.address:  # the bus master is never asked
            return texts.WHY_UNHEARD
        if self.poller.state == LISTENING:
            return texts.WHY_FOREIGN
        return texts.WHY_SILENT if pack.counts[pk.TIMEOUTS] and pack.misses else texts.WHY_DAMAGED

    # asking

    def start(self, job) -> None:
        """Carry out a command (a Transaction of jkcore.writes) before anything else is asked; `job` shows when it is
        done."""
        job.patience = self.poller.patience
        if self.gaps is None:
            self.use_gaps()
        self.job = job
        self._job_since = -1
        self._job_served = 0

    def _serve_job(self, now: int) -> int:
        """What the command under way needs next, written to tx. Nothing else is asked meanwhile, but when it takes long
        (its pack is silent, say) the other packs get some turns in between, so that they do not go stale.
        """
        from jkcore.writes.transaction import WRITE

        job = self.job
        # First, for it ends the listening when the line has been silent for long enough.
        ours = self.poller.may_send(now)
        listening = not ours and self.listening()
        if not ours and not (listening and self.gaps.free(self._last_rx, now)):
            job.crowded = listening and self.poller.master
            return 0
        if self._job_since < 0:
            self._job_since = now
        if ours and self._job_served < _OTHERS and since(now, self._job_since) > _LONG_JOB:
            self._job_served += 1
            count = self.poller.tick(self.tx, now)
            if count:
                return count
        want = job.wants(now)
        self._job_served = 0
        if want == WRITE:
            count = job.request(self.tx, now)
            if count and not listening:
                self.poller.wrote(job.pack, now)
        elif not want:
            return 0
        elif listening:
            count = modbus.put_request(self.tx, job.pack.address, want)
        else:
            count = self.poller.ask_once(self.tx, job.pack, want, now)
        if count and listening:
            self.gaps.sent(job.pack.address, now)
        return count

    def _no_answer(self, now: int) -> None:
        poller = self.poller
        pack = poller.pack
        poller.gave_up(now)
        if pack.misses == 2 and not pack.online and not pack.counts[pk.ANSWERS] and not self.config["scan"]:
            say(self._log, WARNING, texts.SILENT, pack.id, pack.address)
        else:
            say(self._log, DEBUG, texts.NO_ANSWER, pack.id)
        if self.config["scan"] and not self._found_said and self._all_asked():
            self._found_said = True
            self._say_found()

    def _all_asked(self) -> bool:
        """True when every address has answered or has been asked twice."""
        for pack in self.poller.packs:
            if pack.misses == 1:
                return False
        return True

    def _say_found(self) -> None:
        """All addresses have been asked once."""
        found = [str(pack.address) for pack in self.poller.packs if pack.counts[pk.ANSWERS]]
        if found:
            say(self._log, INFO, texts.FOUND, ", ".join(found))
        else:
            say(self._log, WARNING, texts.NOBODY)
