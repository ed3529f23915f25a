"""One battery on CAN: the last message of each kind as it came, and the same two questions: present and scaled.

A value is present while its message is not older than five of its periods, or 5 s (protocol/can.md section 2). Alarms
and faults are told by messages that come only while there are any: their silence, while the battery is still heard, is
that there are none.
"""

from array import array

from jkcore import can
from jkcore import pack as pk
from jkcore.cells import Cells
from jkcore.clock import since
from jkcore.fields import codes, table
from jkcore.pack import Pack, power_mw, s16, u16, u32
from jkcore.shim import const

_MESSAGES = const(19)
_VOLTAGE = can.byte_of("pack_voltage")
_CURRENT = can.byte_of("current")
_HIGHEST = can.byte_of("cell_voltage_max")
_LOWEST = can.byte_of("cell_voltage_min")
_FULL = can.byte_of("capacity_full")
_CYCLED = can.byte_of("cycle_capacity")
_CYCLES = can.byte_of("cycle_count")
_STALE = const(5000)
_SILENCE = const(3000)  # of alarms and faults: they are gone
_ALIVE = const(1000)  # while BATT_ST1 is not older than this
_V1 = const(3000)  # no 29-bit identifier for so long: the older protocol
_MOST_CYCLED = const(10000000)  # 0.1 Ah; more would leave the small ints as mAh
_WRAP = const(65536)
_NEAR = const(1000)  # 0.1 Ah: more is not cycled between two messages, nor forgotten when the battery restarts
_MOST_CURRENT = const(2000000)  # mA
_INTRODUCED = const(8000)  # after its first values a pack has shown all it has: the slowest message comes every 1.5 s
_ALWAYS = const(0x048)  # bits of ALM_INFO and BMSERR_INFO
_COMPLETE = const(0x5B7)  # of all others but CHARGER
_COMPLETE_V1 = const(0x007)
# Alarms of ALM_INFO as bits of the alarm word, which both buses have; 255: it has none for them
_SAME = b"\x04\x0b\x05\x0c\xff\x0d\x06\xff\xff\xff\xff\xff\xff\xff\x0a"
_ALARMS = const(15)
_LAST_ALARM = const(11)  # address; behind it ALM_INFO has no identifier, and its silence says nothing
_FIRST_ALARM = table.find("alarm_cell_overvoltage", 0)
_PREFIX = const(6)  # alarm_
_SENSOR_ROWS = array("H", [table.find(name, 2) for name in (
    "temperature_1", "temperature_2", "mos_temperature", "temperature_4", "temperature_5")])  # fmt: skip


class CanPack(Pack):
    """One pack on one CAN bus. inverted: it counts discharging as positive; plain: numbers are wanted as they stand in
    the message, for decoding one alone."""

    asks = False
    named = 18  # those behind are on CAN whatever a maker took them for (protocol/can.md section 4.7)

    def __init__(self, pack_id: bytes, address: int, name: str, inverted: bool, plain: bool = False):
        super().__init__(pack_id, address, name, False)
        self.raw = bytearray(8 * _MESSAGES)
        self.times = array("i", [0] * (codes.CELLS + 1))
        self.fresh = 0  # bit per message that is no older than it may be; CELLS: that cells are shown
        self.heard = 0  # bit per message that came since the pack came
        self.version = 0  # of the protocol: 1, 2; 0: not known yet
        self.burst = Cells()
        self.due = -1  # when its values are to be published
        self._inverted = inverted
        self._plain = plain
        self._words = array("i", [0, 0, 0])  # alarms: low and high half of the alarm word, and what it has no bit for
        self._wraps = -1  # how often the cycled Ah went over the 16 bits; -1: not known
        self._cycled = 0
        self._began = 0

    # told by the bus

    def keep(self, data, message: int, now: int = 0) -> None:
        """A message came: its eight bytes."""
        raw = self.raw
        at = 8 * message
        for i in range(8):
            raw[at + i] = data[i]
        if message < codes.CELLS:
            if not self.heard:
                self._began = now
            self.times[message] = now
            self.fresh |= 1 << message
            self.heard |= 1 << message
        elif message < codes.CELLS + 7 and not self._plain:
            if self.burst.heard(message - codes.CELLS, raw, 8 * codes.CELLS, now):
                self.fresh |= 1 << codes.CELLS
                self.heard |= 1 << codes.CELLS

    def forget_live(self) -> None:
        """Nothing of it is heard any more."""
        self.fresh = self.heard = self.version = 0
        self._wraps = self.due = -1
        self.burst.reset()
        for i in range(8 * _MESSAGES):
            self.raw[i] = 0
        self.note_words()

    def age(self, now: int) -> bool:
        """Time has passed. True when an alarm ended by it."""
        fresh = self.fresh
        changed = False
        for message in range(codes.CELLS):
            if fresh >> message & 1:
                quiet = since(now, self.times[message])
                if _ALWAYS >> message & 1:
                    if quiet > _SILENCE and since(now, self.times[codes.BATT_ST1]) < _ALIVE:
                        self._silent(message)
                        changed = True
                elif quiet > _STALE and message:  # BATT_ST1 is the pack itself: the bus takes it offline
                    self.fresh &= ~(1 << message)
        if fresh >> codes.CELLS & 1 and self.burst.old(now):
            self.fresh &= ~(1 << codes.CELLS)
        if not self.version and self.heard and since(now, self._began) > _V1:
            self.version = 1
        return changed and self.note_words()

    def _silent(self, message: int) -> None:
        self.fresh &= ~(1 << message)
        for i in range(8 * message, 8 * message + 8):
            self.raw[i] = 0

    def note_words(self) -> bool:
        """Put both kinds of alarms together. True when they are not what they were."""
        raw = self.raw
        low = u16(raw, 8 * codes.BMSERR_INFO)
        more = 0
        for i in range(_ALARMS):
            if raw[8 * codes.ALM_INFO + (i >> 2)] >> 2 * (i & 3) & 3:
                if _SAME[i] < 32:
                    low |= 1 << _SAME[i]
                else:
                    more |= 1 << i
        return self._set_words(low, u16(raw, 8 * codes.BMSERR_INFO + 2), more)

    def _set_words(self, low: int, high: int, more: int) -> bool:
        words = self._words
        if words[0] == low and words[1] == high and words[2] == more:
            return False
        words[0] = low
        words[1] = high
        words[2] = more
        return True

    def unwrap(self) -> None:
        """A BATT_ST2 came: how often has the 16-bit count of cycled Ah begun again (section 4.5)? What cycles and full
        capacity say is believed until they fit no more; from then on it is counted."""
        full = u16(self.raw, _FULL)
        cycled = u16(self.raw, _CYCLED)
        cycles = u16(self.raw, _CYCLES)
        back = self._cycled - cycled
        if self._wraps >= 0 and back > _NEAR:
            # Where the 16 bits had not reached their end, its history was wiped, or this is another battery's.
            self._wraps = self._wraps + 1 if back > _WRAP - _NEAR else -1
        self._cycled = cycled
        if not full or cycles >= _MOST_CYCLED // full:
            return
        least = cycles * full
        wraps = (least - cycled + _WRAP - 1) // _WRAP if least > cycled else 0
        if cycled + _WRAP * wraps < least + full and (self._wraps < 0 or wraps > self._wraps):
            self._wraps = wraps

    # asked by everybody

    def holds(self, frame_type: int) -> bool:
        """True for live values while the pack is heard; CAN has neither settings nor an about frame."""
        return frame_type == 2 and self.fresh & 1 == 1

    def introduced(self, waited: int) -> bool:
        """True when it is known what this pack has, `waited` ms after its first values."""
        return waited >= _INTRODUCED

    def complete(self) -> bool:
        """True when every message that comes unasked was heard."""
        wanted = _COMPLETE_V1 if self.version == 1 else _COMPLETE
        return self.heard & wanted == wanted

    def cells(self) -> int:
        return self.burst.count if self.fresh >> codes.CELLS & 1 else 0

    def signature(self) -> int:
        value = (self.heard | _ALWAYS) << 2 | self.version
        value = value << 5 | (self.burst.count if self.heard >> codes.CELLS & 1 else 0)
        for r in _SENSOR_ROWS:
            value = (value << 1 | self.has(r)) & 0x3FFFFFFF
        return value

    def present(self, r: int) -> bool:
        return self._is_in(r, self.fresh)

    def has(self, r: int) -> bool:
        """True when this pack has field `r`, be it a little old."""
        return self._is_in(r, self.heard)

    def _is_in(self, r: int, messages: int) -> bool:
        place = can.PLACES[r]
        if not place:
            return False
        message = can.MESSAGES[place]
        if message > codes.CELLS or not messages >> (0 if _ALWAYS >> message & 1 else message) & 1:
            return False
        if message == codes.ALM_INFO and self.address > _LAST_ALARM:
            return False
        kind = can.KINDS[place]
        if kind == codes.DEGREES:
            byte = self.raw[8 * message + (can.BITS[place] >> 3)]
            return byte != 0 and byte != 255
        row = table.at(r)
        if kind == codes.CELL16:
            return row.suffix <= self.burst.count
        return row.when != codes.ON_CAN_V1 or self.version == 1

    def scaled(self, r: int):
        place = can.PLACES[r]
        kind = can.KINDS[place]
        if kind == codes.CELL16:
            return self._cell(r)
        if kind == codes.POWER:
            return self._power()
        value = self._number(8 * can.MESSAGES[place] + (can.BITS[place] >> 3), can.BITS[place] & 7, kind)
        if value is None:
            return self._counted(None)
        value = (value + can.SUMMANDS[place]) * can.FACTORS[place]
        if kind == codes.CURRENT:
            if value >= _MOST_CURRENT and not self._plain:
                return self._counted(None)  # below -400 A the 16 bits begin again, perhaps; no pack gives that much
            return -value if self._inverted else value
        return value

    def _number(self, at: int, bit: int, kind: int):
        """The number at a place of the raw messages."""
        raw = self.raw
        if kind == codes.U16 or kind == codes.CURRENT:
            return raw[at] | raw[at + 1] << 8
        if kind == codes.U8 or kind == codes.DEGREES:
            return raw[at]
        if kind == codes.BITS2:
            return raw[at] >> bit & 3
        if kind == codes.BIT:
            return raw[at] >> bit & 1
        if kind == codes.CYCLED:
            value = raw[at] | raw[at + 1] << 8
            wraps = 0 if self._plain or self._wraps < 0 else self._wraps
            return value + wraps * _WRAP if wraps * _WRAP < _MOST_CYCLED else None
        if kind == codes.U16_BE:
            return raw[at] << 8 | raw[at + 1]
        if kind == codes.IS_ZERO:
            return 0 if raw[at] else 1
        if kind == codes.U32:
            return u32(raw, at)
        return s16(raw, at) if kind == codes.S16 else self._formula(kind)

    def _formula(self, kind: int):
        if kind == codes.CELL_COUNT:
            return self.burst.count
        if kind == codes.CELL_MEAN:
            return self.burst.mean
        delta = u16(self.raw, _HIGHEST) - u16(self.raw, _LOWEST)
        return delta if delta >= 0 else None

    def _cell(self, r: int) -> int:
        at = 2 * (table.at(r).suffix - 1)
        return u16(self.raw, 8 * codes.CELLS + at) if self._plain else u16(self.burst.shown, at)

    def _power(self):
        voltage = 100 * u16(self.raw, _VOLTAGE)
        current = 100 * (u16(self.raw, _CURRENT) - 4000)
        if voltage > 250000 or not -_MOST_CURRENT < current < _MOST_CURRENT:
            return self._counted(None)
        return power_mw(voltage, -current if self._inverted else current)

    def half(self, r: int, high: bool) -> int:
        """Upper or lower half of the alarm word: faults, and alarms that have a bit there."""
        if self._plain:
            return u16(self.raw, 8 * codes.BMSERR_INFO + (2 if high else 0))
        return self._words[1 if high else 0]

    def more_alarms(self) -> int:
        """Alarms the alarm word has no bit for, by their place in ALM_INFO."""
        return self._words[2]

    def put_counts(self, message) -> None:
        """Append the counters for the link message."""
        counts = self.counts
        burst = self.burst
        message.numbers(b"messages implausible double overflows", (
            counts[pk.ANSWERS], counts[pk.IMPLAUSIBLE], counts[pk.DOUBLE], counts[pk.OVERFLOWS]))  # fmt: skip
        message.numbers(b"cells_cut cells_joined cells_starved protocol", (
            burst.cut, burst.joined, burst.starved, self.version or None))  # fmt: skip

    def put_more_alarms(self, message, more: int, comma: bool) -> None:
        """Append the keys of alarms of more_alarms() to a JSON list: the names of their rows."""
        for i in range(_ALARMS):
            if more >> i & 1:
                message.put(b',"' if comma else b'"')
                comma = True
                at = table.STARTS[_FIRST_ALARM + i] + _PREFIX
                while table.NAMES[at] < 128:
                    message.put_byte(table.NAMES[at])
                    at += 1
                message.put_byte(table.NAMES[at] & 127)
                message.put_byte(34)

    def more_words(self, more: int) -> list:
        """The same for a log line."""
        return [table.name(_FIRST_ALARM + i)[_PREFIX:].replace("_", " ") for i in range(_ALARMS) if more >> i & 1]
