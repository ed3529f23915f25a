"""What a battery says it is set to, read for one command and apart from what is published."""

from jkcore import pack as pk
from jkcore.clock import since
from jkcore.pack import Pack
from jkcore.shim import const

_ABOUT = const(3)


class Reading(Pack):
    """A copy of a pack into which frames come anew; a frame counts when two in a row say the same."""

    def __init__(self, pack, kinds):
        """kinds: frame types that will be read anew; what else the pack knows of itself is taken over."""
        super().__init__(pack.id, pack.address, pack.name)
        self._at = [-1, -1, -1, -1]  # when a frame of each type last agreed
        if pack.holds(_ABOUT):
            self.keep(pack.frame(_ABOUT), _ABOUT)  # the firmware is known from it even if it is read again
            if _ABOUT in kinds:
                self.restart(_ABOUT)

    def restart(self, kind: int) -> None:
        """What was read of this type does not count any more."""
        self._held &= ~(1 << kind)
        self.notes[pk.CANDIDATE + kind] = -1
        self._at[kind] = -1

    def heard(self, kind: int, frame, now: int) -> bool:
        """A whole frame of this pack came. True when it says the same as the one before it."""
        if kind == _ABOUT:
            pk.blank_private(frame)
        verdict = self.agreed(frame, kind)
        if verdict == pk.WAITING:
            self._at[kind] = -1  # one that differs puts what is known in doubt
            return False
        if verdict == pk.AGREED:
            self.keep(frame, kind)
        self._at[kind] = now
        return True

    def fresh(self, kind: int, most: int, now: int) -> bool:
        """True when what is known of this type is at most `most` ms old."""
        return self._at[kind] >= 0 and since(now, self._at[kind]) <= most
