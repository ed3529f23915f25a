"""What a bus was heard to say, for the doctor: counts in fixed arrays, and the last bytes while nothing good comes.

One per bus. The bus tells it what it hears; all of it counts from the beginning of a window: when the port was opened,
when good frames stopped coming, or when the doctor looked last. Nothing here takes heap, and while frames come a call
costs next to nothing.
"""

from array import array

from jkcore import framer as fr
from jkcore import modbus
from jkcore import pack as pk
from jkcore.clock import since
from jkcore.fields import table
from jkcore.shim import const

SAMPLE = const(96)  # last bytes kept: eight requests, or a third of a frame

# Index into Evidence.marks
FAST = const(0)  # requests of somebody else that came one slot of the newer masters after the one before
SLOW = const(1)  # ... of the older masters
NO_ACK = const(2)  # frames of which nobody knows whose they are
OTHER = const(3)  # Modbus units of others that ask no pack for a frame
_MARKS = const(4)

# What is counted elsewhere, for gained()
BYTES = const(0)
GARBAGE = const(1)  # bytes that belonged to nothing
DAMAGED = const(2)  # pieces of frames
ECHOES = const(3)
REQUESTS = const(4)  # of ours
ANSWERS = const(5)
TIMEOUTS = const(6)
_TOTALS = const(7)

# Slots of the bus master, ms: 220 or 400 (protocol/rs485.md section 1.2), as they look through a port with a delay.
_SLOT_MIN = const(150)
_SLOT_SPLIT = const(310)
_SLOT_MAX = const(500)

_SETTINGS = const(1)
_ADDRESS = table.offset_of("device_address", _SETTINGS)
_PATIENCE = const(20000)  # without a good frame for so long the doctor is called
_AGAIN = const(30000)  # and again after this
_MOST = const(0xFFFF)


class Evidence:
    """Lists by address (0..15): `asked` requests of others, `frames` whole frames of anybody, `lost` requests of others
    without an answer, as far as a later one was answered (a pack that has left loses nothing).
    """

    def __init__(self):
        self.asked = array("H", [0] * (modbus.MAX_ADDRESS + 1))
        self.frames = array("H", [0] * (modbus.MAX_ADDRESS + 1))
        self.lost = array("H", [0] * (modbus.MAX_ADDRESS + 1))
        self._open = array("H", [0] * (modbus.MAX_ADDRESS + 1))  # requests of others not answered yet
        self.marks = array("H", [0] * _MARKS)
        self.sample = bytearray(SAMPLE)  # a ring; see recent()
        self.sampled = 0  # bytes put into it in this window
        self.verdict = None  # what the doctor said, short, for bridge/health; None: all is well
        self.code = -1  # and its code
        self.said_at = 0
        self._base = array("i", [0] * _TOTALS)
        self._sampling = True
        self._waiting = True  # no good frame since the window began
        self._good_at = 0
        self._looked_at = 0
        self._asked_at = 0

    # told by the bus

    def opened(self, bus, now: int) -> None:
        """The port is open."""
        self.verdict = None
        self.code = -1
        self._good_at = self._looked_at = now
        self._waiting = True
        self.renew(bus, now)

    def heard(self, data, count: int) -> None:
        """Bytes came."""
        if self._sampling:
            sample = self.sample
            at = self.sampled
            for i in range(0 if count < SAMPLE else count - SAMPLE, count):
                sample[at % SAMPLE] = data[i]
                at += 1
            self.sampled = at if at < 2 * SAMPLE else at % SAMPLE + SAMPLE

    def frame(self, frame, address: int, kind: int) -> None:
        """A whole frame came; address: of the ack behind it."""
        self._sampling = False
        if address == fr.NO_ADDRESS:
            _count(self.marks, NO_ACK)
            if kind == _SETTINGS:
                address = frame[_ADDRESS]
        if address <= modbus.MAX_ADDRESS:
            _count(self.frames, address)
            if self._open[address] > 1:
                lost = self.lost[address] + self._open[address] - 1
                self.lost[address] = lost if lost < _MOST else _MOST
            self._open[address] = 0

    def foreign(self, event: int, address: int, now: int) -> None:
        """A Modbus unit of somebody else came; event: its code of the framer."""
        if event == fr.ACK:  # its frame was damaged, and is counted as such
            return
        if event != fr.REQUEST:
            _count(self.marks, OTHER)
            return
        _count(self.asked, address)
        _count(self._open, address)
        gap = since(now, self._asked_at)
        self._asked_at = now
        if _SLOT_MIN <= gap <= _SLOT_MAX:
            _count(self.marks, FAST if gap < _SLOT_SPLIT else SLOW)

    def taken(self, pack, now: int) -> None:
        """A good frame of this pack was used."""
        if pack.notes[pk.CONFLICT] < 0:  # else nobody knows whose it is
            self._good_at = now
            self._waiting = False
            self.verdict = None
            self.code = -1

    # asked by the bridge

    def due(self, bus, now: int) -> bool:
        """True when no good frame has come for so long that the doctor should look (again)."""
        quiet = since(now, self._good_at)
        patience = 3 * bus.interval if 3 * bus.interval > _PATIENCE else _PATIENCE
        if not self._waiting:
            if 2 * quiet < patience:
                return False
            self._waiting = True
            self._looked_at = self._good_at
            self.renew(bus, now)
        if not bus.is_open or quiet < patience:
            return False
        return self.code < 0 or since(now, self._looked_at) >= _AGAIN

    # asked by the doctor

    def renew(self, bus, now: int) -> None:
        """A new window begins."""
        self._looked_at = now
        _clear(self.asked)
        _clear(self.frames)
        _clear(self.lost)
        _clear(self._open)
        _clear(self.marks)
        self.sampled = 0
        self._sampling = True
        for i in range(_TOTALS):
            self._base[i] = _total(bus, i)

    def gained(self, bus, which: int) -> int:
        """How much of BYTES, GARBAGE, ... came in this window."""
        return (_total(bus, which) - self._base[which]) & 0x3FFFFFFF

    def recent(self) -> bytes:
        """The last bytes of the window that came while there was no frame, oldest first."""
        if self.sampled <= SAMPLE:
            return bytes(self.sample[: self.sampled])
        at = self.sampled % SAMPLE
        return bytes(self.sample[at:]) + bytes(self.sample[:at])


def _count(counts, index: int) -> None:
    if counts[index] < _MOST:
        counts[index] += 1


def _clear(counts) -> None:
    for i in range(len(counts)):
        counts[i] = 0


def _total(bus, which: int) -> int:
    """The counter of the bus or the sum over its packs."""
    if which == BYTES:
        return bus.bytes_in
    if which == GARBAGE:
        return bus.garbage
    if which == ECHOES:
        return bus.poller.echoes
    total = 0
    if which == DAMAGED:
        for reason in range(fr.SHORT, len(bus.rejects)):
            total += bus.rejects[reason]
        return total & 0x3FFFFFFF
    counter = pk.REQUESTS if which == REQUESTS else pk.ANSWERS if which == ANSWERS else pk.TIMEOUTS
    for pack in bus.packs:
        total += pack.counts[counter]
    return total & 0x3FFFFFFF
