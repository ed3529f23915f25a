"""Whether the doctor's next request may be sent, and when all packs have been asked often enough."""

from __future__ import annotations

from typing import Any

from jkbridge.clock import since
from jkcore import doctor
from jkcore import pack as pk
from jkcore.modbus import ABOUT, LIVE
from jkcore.rs485 import Rs485Bus

SILENCE_MS = 10_000
"""Silent for so long means that nobody leads the line: a JK master pauses 0.4 s, others ask every few seconds."""
_BURST_MS = 1_000
_EACH = 10
"""Requests to a pack that answers."""
_ABOUT_MS = 30_000
_ABOUT_INTERVAL = 4_000
_HOLDS = 2


class Asking:
    """Decides whether the next request may be sent, and when all have been asked."""

    def __init__(self, bus: Rs485Bus, configured: list[int]) -> None:
        self.stranger = False
        """Somebody else talks on this line: nothing may be sent any more."""
        self._bus = bus
        self._configured = configured
        self._explained = 0
        self._holds = 0
        self._held: int | None = None
        self._bytes = 0

    def may_send(self, now: int) -> bool:
        """False while it is not known that the line is ours."""
        if self._held is not None:
            passed = since(now, self._held)
            if passed < _BURST_MS:
                self._bytes = self._bus.bytes_in
            elif self._bus.bytes_in != self._bytes:
                self.stranger = True
            elif passed >= _BURST_MS + SILENCE_MS:
                self._held = None
                self._explained = self._riddles()
            return False
        if self._riddles() > self._explained:
            self._held = now
            self._holds += 1
            return False
        return True

    def enough(self, bus: Rs485Bus, passed: int) -> bool:
        """Every address has been asked, and those that answer often enough; or asking has to end."""
        asked = bus.evidence.gained(bus, doctor.REQUESTS)
        evidence = bus.evidence
        if bus.poller.foreign or any(evidence.asked) or evidence.counts[doctor.OTHER] or bus.bytes_in and not asked:
            self.stranger = True
        if self.stranger:
            return True
        # First the rare frames of all packs, then live ones as fast as they come.
        known = all(pack.holds(ABOUT) for pack in bus.packs if pack.counts[pk.ANSWERS])
        bus.poller.interval = 0 if known or passed >= _ABOUT_MS else _ABOUT_INTERVAL
        return self._held is None and (self._holds > _HOLDS or all(self._done(pack) for pack in bus.packs))

    def _done(self, pack: Any) -> bool:
        counts = pack.counts
        if counts[pk.ANSWERS]:
            whole = pack.holds(LIVE) and pack.holds(ABOUT)
            return bool(counts[pk.REQUESTS] >= (_EACH if whole else 3 * _EACH))
        if counts[pk.REQUESTS] >= _EACH:
            return True
        # A pack somebody counts on gets a second chance.
        return bool(counts[pk.REQUESTS] > (1 if pack.address in self._configured else 0) and pack.misses != 1)

    def _riddles(self) -> int:
        """Grows with what nobody can explain: addresses that gave no whole answer, bytes that are not our own echo."""
        bus = self._bus
        if bus.evidence.gained(bus, doctor.ANSWERS):
            return 0  # packs are there, and damage is theirs
        damaged = sum(1 for pack in bus.packs if pack.counts[pk.DAMAGED])
        return damaged or int(bus.garbage > 0 and not doctor.is_echo(bus))
