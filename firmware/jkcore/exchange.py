"""One request on the line and its answer: when it may be sent, how long to wait, what else is heard meanwhile.

Timing (protocol/rs485.md section 1.2): at least 100 ms between the end of one exchange and the next request; 0.5 s for
a live answer, 1.0 s for settings and about. Before the first request the line is listened to for 2 s, and whenever
somebody else is heard this starts again: two masters on one line garble each other.
"""

from jkcore import modbus
from jkcore.clock import after, reached, since, until
from jkcore.pack import ASKED_AT, DOUBLE, OWED, REQUESTS
from jkcore.shim import const

LISTENING = const(0)  # not sending: the line is not known to be ours
READY = const(1)
WAITING = const(2)  # for an answer

_LISTEN = const(2000)
_GAP = const(100)
_GAP_MAX = const(400)
_QUIET = const(20)  # no request this soon after any byte
_STRAY = const(4)  # so many bytes out of nowhere are somebody, not a glitch
_LATE = const(3000)  # an answer this late is still one
_PATIENCE_MAX = const(2000)
_CALM = const(2)

_LIVE = const(2)


class Exchange:
    """What the line is doing. The schedule (poll.py) is built on it."""

    def __init__(self, packs, network: bool):
        """packs: the Packs to poll; network: the line is a TCP gateway."""
        self.packs = packs
        self.state = LISTENING
        self.pack = None  # asked last
        self.kind = 0
        self.sent_at = 0
        self.gap = _GAP  # only ever grows
        self._least = 500 if network else 0
        self.patience = self._least  # added to every time-out, grows with late answers and shrinks with good ones
        self.foreign = 0  # times somebody else was heard
        self.echoes = 0
        self.answer_bytes = 0  # heard since the last request
        self._echo_due = False
        self._quiet_since = 0
        self._next = 0  # no request before this
        self._last_rx = 0
        self._stray = 0
        self._damage = 0

    def listen(self, now: int) -> None:
        """Send nothing until the line has been silent for 2 s."""
        self.state = LISTENING
        self.pack = None
        self._quiet_since = now
        self._stray = 0

    def stand_down(self, now: int) -> None:
        """Somebody else is the master here."""
        if self.state != LISTENING:
            self.foreign += 1
            self.listen(now)
        self._quiet_since = now

    def heard(self, count: int, now: int) -> bool:
        """`count` bytes came. True when they show that somebody else is talking (then we listen again)."""
        self._last_rx = now
        self.answer_bytes += count
        if self.state == LISTENING:
            self._quiet_since = now
            self._stray += count
            return self._stray >= _STRAY
        # Within the gap after an exchange bytes belong to it (padding, noise when the line changes direction).
        if self.state == READY and reached(now, self._next) and not self._late_possible(now):
            self._stray += count
            if self._stray >= _STRAY:
                self.stand_down(now)
                return True
        return False

    def may_send(self, now: int) -> bool:
        """True when the line is ours and silent. Ends the listening when that has been long enough."""
        if self.state == LISTENING:
            if since(now, self._quiet_since) < _LISTEN:
                return False
            self.state = READY
            self._next = now
            self.begin(now)
        return self.state == READY and reached(now, self._next) and since(now, self._last_rx) >= _QUIET

    def ask(self, tx, pack, kind: int, now: int) -> int:
        """Write the request for a frame type to tx; returns its length."""
        self.pack = pack
        self.kind = kind
        self.sent_at = now
        self.state = WAITING
        self._echo_due = True
        self._stray = 0
        self.answer_bytes = 0
        pack.notes[OWED + kind] = pack.notes[OWED + kind] + 1 if self._owes(pack, kind, now) else 1
        pack.notes[ASKED_AT + kind] = now
        pack.counts[REQUESTS] += 1
        return modbus.put_request(tx, pack.address, kind)

    def expects(self, address: int, kind: int, now: int) -> bool:
        """True when a frame of this type from this pack answers a request of ours, even a late one."""
        if self.state != LISTENING:
            for pack in self.packs:
                if pack.address == address:
                    return self._owes(pack, kind, now)
        return False

    def _owes(self, pack, kind: int, now: int) -> bool:
        """True when an answer of this kind may still come."""
        return pack.notes[OWED + kind] > 0 and since(now, pack.notes[ASKED_AT + kind]) <= _LATE + self.patience

    def _late_possible(self, now: int) -> bool:
        for pack in self.packs:
            for kind in range(1, 4):
                if self._owes(pack, kind, now):
                    return True
        return False

    def is_echo(self, address: int, kind: int) -> bool:
        """True when a request heard is our own, thrown back by the adapter: the first like it before the answer."""
        if self.state == WAITING and self._echo_due and address == self.pack.address and kind == self.kind:
            self._echo_due = False
            self.echoes += 1
            return True
        return False

    def doubled(self, address: int, kind: int, now: int) -> bool:
        """True when a second answer to a request just answered came: two packs have this address. Counts it."""
        pack = self.pack
        if pack is None or pack.address != address or self.kind != kind or self.state == LISTENING:
            return False
        if pack.notes[OWED + kind] or since(now, self.sent_at) > 1000 + self.patience:
            return False
        pack.counts[DOUBLE] += 1
        return True

    def accept(self, pack, kind: int, now: int) -> bool:
        """A good answer is here. True when it was waited for, False when it came after its time-out.

        Either way time-outs grow to what this line needs.
        """
        pack.notes[OWED + kind] -= 1
        if self.state == WAITING and pack is self.pack and kind == self.kind:
            late = since(now, self.sent_at) - self._usual(kind)
            if late > 0 and late + 250 > self.patience:
                self.patience = late + 250 if late + 250 < _PATIENCE_MAX else _PATIENCE_MAX
            elif late < 0 and self.patience > self._least:
                self.patience -= _CALM
            self.finish(now)
            return True
        if self.patience < _PATIENCE_MAX:
            self.patience += 250
        return False

    def spoil(self) -> None:
        """An answer arrived damaged: when this happens often, leave more time between exchanges."""
        self._damage += 1
        if self._damage % 4 == 0 and self.gap < _GAP_MAX:
            self.gap += 20

    def finish(self, now: int) -> None:
        """The exchange is over: the gap begins."""
        self.state = READY
        self._echo_due = False
        self._next = after(now, self.gap)

    def _usual(self, kind: int) -> int:
        return 500 if kind == _LIVE else 1000

    def limit(self) -> int:
        """Time-out of the request under way, ms."""
        return self._usual(self.kind) + self.patience

    def overdue(self, now: int) -> bool:
        """True when the answer waited for will not come any more (bytes that still trickle in are waited for)."""
        if self.state != WAITING:
            return False
        waited = since(now, self.sent_at)
        if waited < self.limit():
            return False
        return since(now, self._last_rx) >= 100 or waited >= 2 * self.limit()

    def rest_ms(self, now: int) -> int:
        """How long nothing can happen here unless bytes come."""
        if self.state == LISTENING:
            heard = since(now, self._quiet_since)
            return _LISTEN - heard if heard < _LISTEN else 0
        if self.state == WAITING:
            waited = since(now, self.sent_at)
            return self.limit() - waited if waited < self.limit() else 10
        wait = until(now, self._next)
        quiet = since(now, self._last_rx)
        return _QUIET - quiet if quiet < _QUIET and wait < _QUIET - quiet else wait
