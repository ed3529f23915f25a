"""The cell voltages of one pack on CAN: four in a message, up to seven messages one behind the other, every 1.5 s.

What is shown is one whole burst; or, where the controller loses frames and none has come for a while, the newest
message of each group, if none of them is older than 3 s. How many groups there are is learnt: a cell of 0 V cannot be
told from one that does not exist, so the count is the highest place that was not 0 in several bursts
(protocol/can.md section 4.10). Cells that do not make up the pack voltage are not all of them, and are not shown
either; what the lowest cell lacks (a broken sense wire) is no cell that is missing.
"""

from array import array

from jkcore import can
from jkcore.clock import since
from jkcore.pack import u16
from jkcore.shim import const

# Of the raw messages in front of the cells
_VOLTAGE = can.byte_of("pack_voltage")
_HIGHEST = can.byte_of("cell_voltage_max")
_LOWEST = can.byte_of("cell_voltage_min")
GROUPS = const(7)
_MOST = const(25)  # cells
_APART = const(700)  # ms: a message so long after the first of a burst belongs to the next one
_ENOUGH = const(1)  # bursts before the one in which the number of cells is believed
_JOIN = const(3000)  # no group may be older than this when several bursts are joined
_MISSED = const(2500)  # without a whole burst for so long groups are joined
_STARVED = const(7500)  # 5 x the measured period


class Cells:
    """One per pack. `shown` holds the voltages in mV, little-endian words, of `count` cells."""

    def __init__(self):
        self.shown = bytearray(8 * GROUPS)
        self.count = 0
        self.mean = 0  # mV
        self.at = 0  # when `shown` was taken
        self.cut = 0  # bursts that were not whole
        self.joined = 0  # times `shown` was put together from several bursts
        self.starved = 0  # times nothing could be shown for long although cells came
        self._times = array("i", [0] * GROUPS)
        self._since = 0  # when the first cells came, or `shown` was taken
        self.reset()

    def reset(self) -> None:
        """The pack is gone: another one may come in its place."""
        self.good = False  # something is shown
        self._seen = 0  # groups that were ever heard, a bit each
        self._burst = 0  # those of the burst that is coming
        self._began = 0
        self._bursts = 0
        self._highest = 0
        self._hungry = False

    def heard(self, group: int, raw, start: int, now: int) -> bool:
        """Group 0..6 came; its eight bytes are in raw, where group 0 is at `start` and the others follow. True when
        `shown` is new."""
        if self._burst >> group & 1 or self._burst and since(now, self._began) > _APART:
            self._ended()
        if not self._burst:
            self._began = now
            if not self._seen:
                self._since = now
        self._times[group] = now
        self._burst |= 1 << group
        self._seen |= 1 << group
        self._learn(group, raw, start + 8 * group)
        if self._bursts < _ENOUGH:
            return False
        if self._burst == self._seen:
            return self._show(raw, start, now)
        if since(now, self._since) >= _MISSED and self._young(now) and self._show(raw, start, now):
            self.joined = (self.joined + 1) & 0x3FFFFFFF
            return True
        return False

    def _ended(self) -> None:
        if self._burst != self._seen:
            self.cut = (self.cut + 1) & 0x3FFFFFFF
        self._burst = 0
        if self._bursts < _ENOUGH:
            self._bursts += 1

    def _learn(self, group: int, raw, start: int) -> None:
        for i in range(4):
            if (raw[start + 2 * i] or raw[start + 2 * i + 1]) and 4 * group + i >= self._highest:
                if 4 * group + i < _MOST:
                    self._highest = 4 * group + i + 1

    def _young(self, now: int) -> bool:
        """True when no group is missing and none is too old."""
        for group in range(GROUPS):
            if self._seen >> group & 1:
                if since(now, self._times[group]) >= _JOIN:
                    return False
            elif self._seen >> group:  # one behind it was heard
                return False
        return True

    def _show(self, raw, start: int, now: int) -> bool:
        total = 0
        for i in range(start, start + 2 * self._highest, 2):
            total += raw[i] | raw[i + 1] << 8
        # Cells in mV, the pack in 0.1 V. A 25th of the pack is the least a missing cell takes away.
        spread = u16(raw, _HIGHEST) - u16(raw, _LOWEST)
        if not total or 30 * (total + spread) < 2900 * u16(raw, _VOLTAGE):
            return False
        shown = self.shown
        for i in range(8 * GROUPS):
            shown[i] = raw[start + i]
        self.count = self._highest
        self.mean = (total + self.count // 2) // self.count
        self.at = self._since = now
        self.good = True
        self._hungry = False
        return True

    def old(self, now: int) -> bool:
        """True when what is shown is no value any more."""
        return self.good and since(now, self.at) > _STARVED

    def starving(self, now: int) -> bool:
        """True when it is to be said that cells came but for long not all of them: at first, then ever more seldom."""
        if self._hungry or not self._seen or since(now, self._since) <= _STARVED or since(now, self._began) > _STARVED:
            return False
        self._hungry = True
        self.starved = (self.starved + 1) & 0x3FFFFFFF
        return not self.starved & self.starved - 1
