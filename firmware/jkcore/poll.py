"""The master's schedule on one RS485 bus: whom to ask for what, when, and what the answer means for the next turn.

Order: packs that answer are asked for live values when due, the longest overdue first. Everything else (silent packs,
settings, about) comes when no live value is due, and at the latest once per round, so that an overloaded bus starves
nobody. One retry for a pack that answers. A silent pack is asked after 5, 6, 10, 20 and then every 29 s, once and with
a short time-out, which costs it 2 % of the bus; now and then with a long one, in case it only answers late.
"""

from jkcore.clock import after, reached, since, until
from jkcore.exchange import READY, WAITING, Exchange
from jkcore.intake import AGAIN, LATER
from jkcore.pack import DUE, LATE, LIVE_ASKED, OWED, RETRIES, TIMEOUTS
from jkcore.shim import const

_LADDER = b"\x05\x05\x06\x0a\x14\x1d"  # seconds from one question to the next, by misses in a row
_SHORT = const(300)  # time-out of a silent pack
_LONG = const(1500)  # and of every eighth question to it
_SETTINGS_EVERY = const(60000)
_ABOUT_EVERY = const(900000)
_SLIP = const(500)  # a delay that is made up for
_SOON = const(1000)  # after a damaged answer, at least
_AGAIN = const(10000)  # settings or about did not come, or never agree: try again then

_SETTINGS = const(1)
_LIVE = const(2)
_ABOUT = const(3)


class Poller(Exchange):
    """The bus tells it what was heard; tick() tells whom to ask."""

    def __init__(self, packs, interval: int, network: bool, wanted: int, seed: int):
        """packs: the Packs to poll; interval: ms between live values; the rest: see Exchange."""
        super().__init__(packs, network, wanted, seed)
        self.interval = interval
        self.turn = 0  # ms a round of live readings takes, measured
        self._retry = False  # the last question is to be asked once more
        self._retried = False
        self._credit = 0  # live requests since the last other one
        self._unsure_next = True

    def listen(self, now: int) -> None:
        super().listen(now)
        for pack in self.packs:  # another master has another pace
            pack.turn = 0
            pack.notes[LIVE_ASKED] = -1
            pack.notes[DUE + _ABOUT] = now

    def begin(self, now: int) -> None:
        """The line is ours (again): everything is due. (Older times would not compare any more.)"""
        self._retry = self._retried = False
        for pack in self.packs:
            pack.turn = 0
            pack.notes[LIVE_ASKED] = -1
            for kind in range(1, 4):
                pack.notes[DUE + kind] = now
                pack.notes[OWED + kind] = 0

    def tick(self, tx, now: int) -> int:
        """Bytes to send now (written to tx), 0 for none."""
        if not self.may_send(now):
            return 0
        if self._retry:
            self._retry = False
            self._retried = True
            self.pack.counts[RETRIES] += 1
            return self.ask(tx, self.pack, self.kind, now)
        self._retried = False
        # Packs nobody knows of yet, or that failed once, take every second turn: they must not starve the known ones.
        if self._unsure_next and self._find_unsure(now):
            self._unsure_next = False
            return self.ask(tx, self.pack, _LIVE, now)
        if self._find_live(now):
            self._unsure_next = True
            self._measure(self.pack, now)
            return self.ask(tx, self.pack, _LIVE, now)
        self._unsure_next = True
        kind = self._find_other(now)
        if kind:
            self._credit = 0
            return self.ask(tx, self.pack, kind, now)
        if self._find_unsure(now):
            return self.ask(tx, self.pack, _LIVE, now)
        return 0

    def ask_once(self, tx, pack, kind: int, now: int) -> int:
        """A question of somebody else's, who repeats it himself: bytes to send, written to tx."""
        self._retry = False
        self._retried = True
        return self.ask(tx, pack, kind, now)

    def wrote(self, pack, now: int) -> None:
        """A write goes out. A question lost before it is not asked once more: its kind is forgotten now."""
        super().wrote(pack, now)
        self._retry = self._retried = False

    def _measure(self, pack, now: int) -> None:
        """Length of a round: time between two live requests to the same answering pack, the longest of all packs."""
        if pack.notes[LIVE_ASKED] >= 0:
            pack.turn = since(now, pack.notes[LIVE_ASKED])
        pack.notes[LIVE_ASKED] = now
        longest = 0
        for other in self.packs:
            if other.misses == 0 and other.turn > longest:
                longest = other.turn
        self.turn = longest

    def _find_live(self, now: int) -> bool:
        """Choose the answering pack whose live value is most overdue (self.pack)."""
        best = None
        overdue = 0
        answering = 0
        for pack in self.packs:
            if pack.misses == 0:
                answering += 1
                if reached(now, pack.notes[DUE + _LIVE]):
                    late = since(now, pack.notes[DUE + _LIVE])
                    if best is None or late > overdue:
                        best = pack
                        overdue = late
        if best is None or self._credit >= answering and self._other_due(now):
            return False
        self._credit += 1
        self.pack = best
        return True

    def _find_unsure(self, now: int) -> bool:
        """Choose a pack that was not asked yet, or whose last answer failed (self.pack)."""
        for pack in self.packs:
            if pack.misses == 1 and reached(now, pack.notes[DUE + _LIVE]):
                self.pack = pack
                return True
        return False

    def _other_due(self, now: int) -> bool:
        for pack in self.packs:
            if pack.misses > 1:
                if reached(now, pack.notes[DUE + _LIVE]):
                    return True
            elif pack.misses == 0 and self._rare_due(pack, now):
                return True
        return False

    def _rare_due(self, pack, now: int) -> int:
        """Settings or about, when due; 0: neither."""
        for kind in (1, 3):
            if reached(now, pack.notes[DUE + kind]):
                return kind
        return 0

    def _find_other(self, now: int) -> int:
        """Choose what is most overdue of the rest (self.pack): a silent pack, settings, about; 0: nothing is due."""
        found = 0
        overdue = 0
        for pack in self.packs:
            kind = 0
            if pack.misses > 1:
                kind = _LIVE if reached(now, pack.notes[DUE + _LIVE]) else 0
            elif pack.misses == 0:
                kind = self._rare_due(pack, now)
            if kind:
                late = since(now, pack.notes[DUE + kind])
                if not found or late > overdue:
                    found = kind
                    overdue = late
                    self.pack = pack
        return found

    def answered(self, pack, kind: int, now: int, verdict: int) -> None:
        """A good answer came; verdict: what the intake said of it."""
        if self.accept(pack, kind, now):
            self._retried = False
        else:
            pack.counts[LATE] += 1
        if kind == _LIVE:
            if pack.misses > 1:  # back after a silence: what it is may have changed (and old times do not compare)
                pack.notes[DUE + 1] = pack.notes[DUE + 3] = now
            pack.misses = 0
            self._due_again(pack, self.sent_at if pack is self.pack else now)
        elif verdict == AGAIN:
            pack.notes[DUE + kind] = now
        elif verdict == LATER:
            pack.notes[DUE + kind] = after(now, _AGAIN)
        else:
            pack.notes[DUE + kind] = after(now, _SETTINGS_EVERY if kind == _SETTINGS else _ABOUT_EVERY)

    def _due_again(self, pack, asked: int) -> None:
        """Live values of a pack that was asked for them then. Small delays do not add up; on a line that cannot keep
        the pace, the interval counts from the question, else some packs would get more than others."""
        due = pack.notes[DUE + _LIVE]
        small = self.interval and since(asked, due) < _SLIP
        pack.notes[DUE + _LIVE] = after(due if small else asked, self.interval)

    def damaged(self, now: int) -> None:
        """An answer came, but not a good one: the pack is there, so it is asked again soon."""
        self.spoil()
        if self.state == WAITING and not self.kind:  # to a write: whoever ordered it reads back what it did
            self.finish(now)
        elif self.state == WAITING and not self._ask_again(now):
            pack = self.pack
            if pack.misses > 1:
                pack.misses = 1
            pack.notes[DUE + _LIVE] = after(self.sent_at, self.interval if self.interval > _SOON else _SOON)

    def gave_up(self, now: int) -> None:
        """No answer in time."""
        pack = self.pack
        pack.counts[TIMEOUTS] += 1
        if self._ask_again(now):
            return
        pack.turn = 0
        pack.notes[LIVE_ASKED] = -1
        if pack.misses < 1000:
            pack.misses += 1
        pause = 1000 * _LADDER[pack.misses if pack.misses < len(_LADDER) else len(_LADDER) - 1]
        if self.interval < pause and pack.misses < 2:
            pause = self.interval
        pack.notes[DUE + _LIVE] = after(self.sent_at, pause)

    def _ask_again(self, now: int) -> bool:
        """The exchange failed. True when no more has to be decided: there is a retry, or it was not for live values."""
        self.finish(now)
        if self.answer_bytes > 0:
            self.hold(now)
        if self.pack.misses == 0 and not self._retried:
            self._retry = True
        elif self.kind != _LIVE:
            self.pack.notes[DUE + self.kind] = after(now, _AGAIN)
        else:
            return False
        return True

    def limit(self) -> int:
        """Time-out of the request under way, ms."""
        misses = self.pack.misses
        if misses > 1:
            return (_LONG if misses % 8 == 5 else _SHORT) + self.patience
        return super().limit()

    def sleep_ms(self, now: int) -> int:
        """How long nothing needs to be done here unless bytes come."""
        wait = self.rest_ms(now)
        if self.state != READY or self._retry:
            return wait
        nearest = 0x1FFFFFFF
        for pack in self.packs:
            for kind in range(1, 4):
                if kind == _LIVE or pack.misses == 0:
                    left = until(now, pack.notes[DUE + kind])
                    if left < nearest:
                        nearest = left
        return wait if wait > nearest else nearest
