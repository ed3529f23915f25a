"""One request on the line and its answer: when it may be sent, how long to wait, what else is heard meanwhile.

Timing (protocol/rs485.md section 1.2): at least 100 ms between the end of one exchange and the next request; 0.5 s for
a live answer, 1.0 s for settings and about. Before the first request the line is listened to for 2 s, and whenever
somebody else is heard this starts again: two masters on one line garble each other. A JK master asks every 0.4 s or
more often, so bytes that nothing explains hold the next request back for longer: by then he has shown himself.
"""

from jkcore import modbus
from jkcore.clock import after, reached, since, until
from jkcore.pack import ASKED_AT, DOUBLE, OWED, REQUESTS
from jkcore.shim import const

LISTENING = const(0)  # not sending: the line is not known to be ours
READY = const(1)
WAITING = const(2)  # for an answer

# What the configuration asks for
AUTO = const(0)
POLL = const(1)
LISTEN = const(2)

_LISTEN = const(2000)
# So much longer, by chance, when another master was heard: two bridges must not take over at the same moment for ever.
_YIELD = const(5000)
_YIELD_MORE = const(10000)
_YIELD_NETWORK = const(35000)  # a gateway that hangs looks like silence; it is opened anew before this ends
_HOLD = const(450)  # no request this soon after bytes that nothing explains,
_HOLD_MORE = const(150)  # and by chance so much longer: two bridges that garble each other must fall out of step
_ECHO = const(50)  # our own request heard so soon is an echo
_ECHO_NETWORK = const(500)
_GAP = const(100)
_GAP_MAX = const(400)
_QUIET = const(20)  # no request this soon after any byte
_STRAY = const(4)  # so many bytes out of nowhere are somebody, not a glitch
_LATE = const(3000)  # an answer this late is still one
_PATIENCE_MAX = const(2000)
_APART = const(1000)  # foreign frames so far apart did not wait in one gateway
_RECENT = const(60000)
_CALM = const(2)
_PRIME = const(65537)  # of the chance: 75 is a generator of all numbers below it

_LIVE = const(2)


class Exchange:
    """What the line is doing. The schedule (poll.py) is built on it."""

    def __init__(self, packs, network: bool, wanted: int, seed: int):
        """packs: the Packs to poll; network: the line is a TCP gateway; wanted: AUTO, POLL or LISTEN; seed: of chance,
        0..65535, another one for every bridge."""
        self.packs = packs
        self.wanted = wanted
        self.state = LISTENING
        self.master = False  # another master was heard since listening began
        self.pack = None  # asked last
        self.kind = 0
        self.sent_at = 0
        self.gap = _GAP  # only ever grows
        self._least = 500 if network else 0
        self.patience = self._least  # added to every time-out, grows with late answers and shrinks with good ones
        self.foreign = 0  # times somebody else was heard while the line was thought ours
        self.crossed = 0  # of these, how often a request of ours was already on its way
        self.echoes = 0
        self.answer_bytes = 0  # heard since the last request
        self._echo_ms = _ECHO_NETWORK if network else _ECHO
        self._echo_due = False
        self._turned = 0  # time of the last turn of the loop
        self._quiet_since = 0
        self.hush = _LISTEN  # so long it is listened at first; a home may ask for more
        self._calm = _LISTEN  # so long the line must be silent before it is ours
        self._next = 0  # no request before this
        self._last_rx = 0
        self._stray = 0
        self._damage = 0
        self._chance = seed % _PRIME
        self._stranger_at = -1  # when a frame nobody here asked for came first, -1: none of late

    def listen(self, now: int) -> None:
        """Send nothing until the line has been silent for 2 s (hush)."""
        self.state = LISTENING
        self.pack = None
        self.master = False
        self._calm = self.hush
        self._quiet_since = now
        self._stray = 0

    def stand_down(self, now: int, master: bool) -> None:
        """Somebody else talks on this line; master: he asks for answers, so he will go on."""
        if self.state != LISTENING:
            self.foreign += 1
            if self.state == WAITING:
                self.crossed += 1
            self.listen(now)
        self._quiet_since = now
        if master and not self.master:
            self.master = True
            self._calm = _LISTEN + _YIELD + self._draw(_YIELD_MORE, now) + (_YIELD_NETWORK if self._least else 0)

    def overheard(self, address: int, now: int) -> None:
        """A frame that nobody here asked for. It may be the answer to an earlier run of ours, or several that a stalled
        gateway held back; the bus master's own (address 0), or another one a while later, has another master behind it.
        """
        if self._stranger_at < 0 or since(now, self._stranger_at) > _RECENT:
            self._stranger_at = now
        self.stand_down(now, address == 0 or since(now, self._stranger_at) >= _APART)

    def _draw(self, most: int, now: int) -> int:
        """A number by chance, 0..most."""
        # Small steps: every product stays a small int on the device.
        self._chance = ((self._chance + (now & 0x3FF)) * 75 + 74) % _PRIME
        return self._chance % (most + 1)

    def heard(self, count: int, now: int) -> bool:
        """`count` bytes came. True when they show that somebody else is talking (then we listen again)."""
        # Counted no further than is asked for: beside a master no request of ours ever sets these back.
        self._last_rx = now
        if self.state == WAITING:
            self.answer_bytes += count
        elif self.state == LISTENING:
            self._quiet_since = now
            if self._stray < _STRAY:
                self._stray += count
            return self._stray >= _STRAY
        # Within the gap after an exchange bytes belong to it (padding, noise when the line changes direction).
        if self.state == READY and reached(now, self._next) and not self._late_possible(now):
            self._stray += count
            if self._stray >= _STRAY:
                self.stand_down(now, False)
                return True
            self.hold(now)
        return False

    def hold(self, now: int) -> None:
        """Bytes came that nothing explains: before the next request whoever sent them gets the time to go on."""
        until_then = after(self._last_rx, _HOLD + self._draw(_HOLD_MORE, now))
        if until(now, self._next) < until(now, until_then):
            self._next = until_then

    def may_send(self, now: int) -> bool:
        """True when the line is ours and silent. Ends the listening when that has been long enough."""
        self._turned = now
        if self.state == LISTENING:
            if self.wanted == LISTEN or since(now, self._quiet_since) < self._calm:
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

    def wrote(self, pack, now: int) -> None:
        """A write goes out: wait for its ack. What is asked for (kind) is then no frame: 0."""
        self.pack = pack
        self.kind = 0
        self.sent_at = now
        self.state = WAITING
        self._echo_due = True
        self._stray = 0
        self.answer_bytes = 0
        pack.counts[REQUESTS] += 1

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
        """True when a request heard is our own, thrown back by the adapter: the first like it, and soon enough.

        How soon is counted to the last turn of the loop: what a slow turn reads late may have come right behind it.
        """
        if self.state != WAITING or not self._echo_due or since(self._turned, self.sent_at) > self._echo_ms:
            return False
        if address == self.pack.address and kind == self.kind:
            self._echo_due = False
            self.answer_bytes -= modbus.REQUEST_LENGTH
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
            if self.wanted == LISTEN:
                return 1000
            return self._calm - heard if heard < self._calm else 0
        if self.state == WAITING:
            waited = since(now, self.sent_at)
            if waited <= self._echo_ms:  # then is_echo must see that time has passed
                return self._echo_ms + 1 - waited
            return self.limit() - waited if waited < self.limit() else 10
        wait = until(now, self._next)
        quiet = since(now, self._last_rx)
        return _QUIET - quiet if quiet < _QUIET and wait < _QUIET - quiet else wait
