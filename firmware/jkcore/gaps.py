"""The gaps between a master's requests, for the few questions of our own while listening (protocol/rs485.md 3.5).

A JK master starts a unit every 400 ms (14.20, 15.30) or 220 ms (15.41, 19.x); behind an answer the line is free until
the next one. Model and firmware are never asked for by a JK master, so with `ask_about` we ask the packs ourselves,
one after the other and every quarter of an hour, right behind an answer, where the room that is left is known to be
enough. Collisions cannot be excluded.
"""

from jkcore import modbus
from jkcore.clock import after, reached, since
from jkcore.intake import AGAIN
from jkcore.pack import ABOUT_FAILS, DUE, REQUESTS
from jkcore.shim import const

_ABOUT = const(3)
_FASTEST = const(150)  # ms between two requests of a master; what is shorter is two masters, or bytes read in a heap
_SLOWEST = const(1500)
_SURE = const(8)  # so many requests in a row in the same step before a gap is trusted
_QUIET = const(8)  # behind the last byte
_UNANSWERED = const(100)  # a pack that has not begun to answer by then is not there
_ROOM = const(110)  # request, a slow answer, and some rest in front of the master's next request
_ROOM_NETWORK = const(250)
_AGAIN = const(10000)
_LATER = const(900000)
_FAILS = const(3)


class Gaps:
    """Knows the master's step, and whose about frame is wanted. One per bus."""

    def __init__(self, packs: list, wanted: bool, network: bool):
        """wanted: the configuration allows to ask; network: a gateway's delay makes the gaps smaller."""
        self.packs = packs
        self.wanted = wanted
        self._room = _ROOM_NETWORK if network else _ROOM
        self._asked_at = -1  # the master's last request
        self._answered = False  # and whether its answer has been heard
        self._room_silent = self._room + 40  # behind a request that nobody answered: to be sure
        self._open_to = -1  # whom a request of ours in this gap went to that has not been answered, -1: nobody
        self._sent_at = 0  # our own last request, for its echo
        self._sent_to = -1  # and to whom, -1: the echo was heard
        self._echo_ms = 500 if network else 50
        self._step = 0  # ms from one request to the next
        self._steady = 0  # how many requests in a row kept to it

    def asked(self, now: int) -> None:
        """The master asked somebody."""
        step = since(now, self._asked_at) if self._asked_at >= 0 else 0
        self._asked_at = now
        self._answered = False
        self._open_to = -1
        if not _FASTEST <= step <= _SLOWEST:
            self._steady = 0
        elif not self._step or not self._fits(step):
            if not self._steady:
                self._step = step
            self._steady = 0
        elif step < 2 * self._step - self._step // 2:
            self._steady += 1

    def _fits(self, step: int) -> bool:
        """One step, or, behind the master's own two frames, three."""
        off = (step + self._step // 2) % self._step - self._step // 2
        return abs(off) * 8 <= self._step <= step + step // 8

    def noise(self) -> None:
        """Bytes came between the units: some masters fill their pauses with junk, and then there is no gap."""
        self._steady = 0

    def answered(self) -> None:
        """A frame or ack was heard: the line is free until the master's next request."""
        self._answered = True
        self._open_to = -1

    def left(self, now: int) -> int:
        """ms until the master may ask again; 0 while that is not known or an answer may still come."""
        if self._steady < _SURE:
            return 0
        passed = since(now, self._asked_at)
        left = self._step - passed
        if left <= 0 or self._answered:
            return left if left > 0 else 0
        return left if passed >= _UNANSWERED and left >= self._room_silent else 0

    def free(self, last_rx: int, now: int) -> bool:
        """True when a request of ours and its answer fit before the master's next one. last_rx: time of the last byte
        heard."""
        return self._open_to < 0 and since(now, last_rx) >= _QUIET and self.left(now) >= self._room

    def sent(self, address: int, now: int) -> None:
        """A request or write of ours goes out in this gap."""
        self._sent_at = now
        self._sent_to = self._open_to = address

    def asks(self, address: int) -> bool:
        """True while an answer of this pack is one to a request of ours."""
        return self._open_to == address

    def is_echo(self, address: int, now: int) -> bool:
        """True when a request heard is our own, thrown back by the adapter."""
        if address != self._sent_to or since(now, self._sent_at) > self._echo_ms:
            return False
        self._sent_to = -1
        return True

    def ask(self, tx, last_rx: int, now: int) -> int:
        """The request for an about frame to send in this gap (written to tx), 0 for none."""
        if not self.wanted or not self.free(last_rx, now):
            return 0
        for pack in self.packs:
            if pack.address and pack.online and reached(now, pack.notes[DUE + _ABOUT]):
                fails = pack.notes[ABOUT_FAILS]
                pack.notes[ABOUT_FAILS] = fails + 1 if fails < _FAILS else 0
                pack.notes[DUE + _ABOUT] = after(now, _AGAIN if fails < _FAILS else _LATER)
                pack.counts[REQUESTS] += 1
                self.sent(pack.address, now)
                self._steady = 0  # one question, then the master is watched for a while again
                return modbus.put_request(tx, pack.address, _ABOUT)
        return 0

    def came(self, pack, verdict: int, now: int) -> None:
        """An about frame was heard and taken; verdict: what the intake said of it."""
        pack.notes[ABOUT_FAILS] = 0
        pack.notes[DUE + _ABOUT] = now if verdict == AGAIN else after(now, _LATER)
