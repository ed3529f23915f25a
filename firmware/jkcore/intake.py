"""Is a frame good enough to be kept? The last door before values are published.

Live frames pass the plausibility gate; settings and about frames count only when two in a row agree. Two packs that
share a DIP address are found out by what they say: two answers to one request, or a run time that jumps back and forth.
While that lasts the address is offline, because nobody can tell whose values came.
"""

from jkcore import gate, texts
from jkcore import pack as pk
from jkcore.clock import since
from jkcore.fields import table
from jkcore.log import DEBUG, INFO, WARNING, say
from jkcore.shim import const

REFUSED = const(0)  # not a good answer: ask again
TAKEN = const(1)
AGAIN = const(2)  # good, but it has to come once more, the same, before it is used
LATER = const(3)  # it did come once more, but not the same

_SETTINGS = const(1)
_LIVE = const(2)
_ABOUT = const(3)
_CONFLICT = const(60000)  # so long after the last sign of a second pack an address is trusted again
_BACK = const(3)  # weight of a run time that went back, against 1 for one that went on
_TOO_OFTEN = const(5)

_RUNTIME = table.offset_of("total_runtime", _LIVE)


class Intake:
    """Checks frames and keeps the good ones. One per bus."""

    def __init__(self, log, publisher):
        self._log = log
        self._publisher = publisher

    def take(self, pack, kind: int, frame, now: int) -> int:
        """A whole frame (300 bytes) of this pack: REFUSED, TAKEN, AGAIN or LATER."""
        if kind == _LIVE:
            return TAKEN if self._take_live(pack, frame, now) else REFUSED
        return self._take_rare(pack, kind, frame)

    def _take_live(self, pack, frame, now: int) -> bool:
        if not self._plausible(pack, frame):
            return False
        self._watch_runtime(pack, frame, now)
        if pack.notes[pk.CONFLICT] >= 0:
            if since(now, pack.notes[pk.CONFLICT]) < _CONFLICT:
                return True  # a good answer, but whose? Nothing of it is used.
            pack.notes[pk.CONFLICT] = -1
            say(self._log, INFO, texts.TRUSTED, pack.address)
        pack.keep(frame, _LIVE)
        pack.last_live = now
        self._publisher.live(pack, now)
        return True

    def _plausible(self, pack, frame) -> bool:
        counts = pack.counts
        reason = gate.judge(frame)
        if not reason:
            counts[pk.DOUBT] = counts[pk.DOUBTS] = 0
            return True
        counts[pk.DOUBTS] = counts[pk.DOUBTS] + 1 if reason == counts[pk.DOUBT] else 1
        counts[pk.DOUBT] = reason
        if reason == gate.IMPOSSIBLE or counts[pk.DOUBTS] < gate.HABIT:
            counts[pk.IMPLAUSIBLE] += 1
            say(self._log, DEBUG, texts.DROPPED, pack.id, reason)
            return False
        if counts[pk.DOUBTS] == gate.HABIT:
            say(self._log, WARNING, texts.CONTRADICTS, pack.id, reason)
        elif counts[pk.DOUBTS] > 1000:
            counts[pk.DOUBTS] = gate.HABIT + 1
        return True

    def _watch_runtime(self, pack, frame, now: int) -> None:
        """A pack's run time only grows; one that goes back again and again belongs to two packs."""
        runtime = pk.u32(frame, _RUNTIME)
        if runtime is None:
            return
        counts = pack.counts
        if runtime < counts[pk.RUNTIME]:
            counts[pk.BACKWARDS] += _BACK
            if counts[pk.BACKWARDS] >= _TOO_OFTEN:
                counts[pk.BACKWARDS] = 0
                self.conflict(pack, now)
        elif counts[pk.BACKWARDS]:
            counts[pk.BACKWARDS] -= 1
        counts[pk.RUNTIME] = runtime

    def conflict(self, pack, now: int) -> None:
        """There is proof of a second pack at this address: take it offline, and say so once."""
        if pack.notes[pk.CONFLICT] < 0:
            say(self._log, WARNING, texts.CONFLICT, pack.address)
        pack.notes[pk.CONFLICT] = now
        if pack.online:
            pack.online = False
            pack.forget_live()
            self._publisher.went_offline(pack)

    def _take_rare(self, pack, kind: int, frame) -> int:
        if kind == _ABOUT:
            pk.blank_private(frame)
        first = pack.notes[pk.CANDIDATE + kind] < 0
        verdict = pack.agreed(frame, kind)
        if verdict == pk.WAITING:
            pack.counts[pk.UNCONFIRMED] += 1
            return AGAIN if first else LATER
        if verdict == pk.AGREED:
            if kind == _SETTINGS and pack.holds(_SETTINGS):
                self._publisher.settings_changed(pack, frame)
            pack.keep(frame, kind)
            self._publisher.rare(pack, kind)
        return TAKEN
