"""What a bus was heard to say, for the doctor: counts in fixed arrays, and the last bytes while nothing good comes.

One per bus. The bus tells it what it hears; all of it counts from the beginning of a window: when the port was first
opened, when good frames stopped coming, or when the doctor looked last. Nothing here takes heap, and while frames come
a call costs next to nothing.
"""

from array import array

from jkcore import framer as fr
from jkcore import modbus
from jkcore import pack as pk
from jkcore.clock import after, since
from jkcore.fields import table
from jkcore.shim import const

_SAMPLE = const(96)  # last bytes kept: eight requests, or a third of a frame

# Index into Evidence.counts, and what is counted elsewhere: named for others in doctor.py, because each name that does
# not begin with _ stays in a device's memory.
_FAST = const(0)  # requests of somebody else that came one slot of the newer masters after the one before
_SLOW = const(1)  # ... of the older masters
_NO_ACK = const(2)  # frames of which nobody knows whose they are
_OTHER = const(3)  # Modbus units of others that ask no pack for a frame
_MARKS = const(4)

# For gained()
_BYTES = const(0)
_GARBAGE = const(1)  # bytes that belonged to nothing
_DAMAGED = const(2)  # pieces of frames
_ECHOES = const(3)
_REQUESTS = const(4)  # of ours
_ANSWERS = const(5)
_TIMEOUTS = const(6)
_TOTALS = const(7)

# Slots of the bus master, ms: 220 or 400 (protocol/rs485.md section 1.2), as they look through a port with a delay.
_SLOT_MIN = const(150)
_SLOT_SPLIT = const(310)
_SLOT_MAX = const(500)

_SETTINGS = const(1)
_ADDRESS = table.offset_of("device_address", _SETTINGS)
_PATIENCE = const(20000)  # without a good frame for so long the doctor is called
_AGAIN = const(30000)  # and again after this
_WELL = const(30000)  # good frames without a pause for so long: whatever comes then is a new trouble
_STALL = const(2000)  # between two turns of the loop
_MOST = const(0xFFFF)


class Evidence:
    """Lists by address (0..15): `asked` requests of others, `frames` whole frames of anybody, `lost` requests of others
    without an answer, as far as a later one was answered (a pack that has left loses nothing).
    """

    def __init__(self):
        # No halfwords: two of them can look like an address to the collector, which then keeps what is dead there.
        self.asked = array("i", [0] * (modbus.MAX_ADDRESS + 1))
        self.frames = array("i", [0] * (modbus.MAX_ADDRESS + 1))
        self.lost = array("i", [0] * (modbus.MAX_ADDRESS + 1))
        self._open = array("i", [0] * (modbus.MAX_ADDRESS + 1))  # requests of others not answered yet
        self.counts = array("i", [0] * _MARKS)
        self.buf = bytearray(_SAMPLE)  # the last bytes of a window without a frame, a ring
        self.end = 0  # bytes put into it in this window; counted on from 2 x its size to 1 x
        self.verdict = None  # what the doctor said, short, for bridge/health; None: all is well
        self.code = -1  # of the verdict the log was told last
        self.told = 0  # and when
        self.judged = False  # the doctor has looked since the last good frame
        self._base = array("i", [0] * _TOTALS)
        self._sampling = True
        self._waiting = True  # no good frame since the window began
        self._good_at = 0
        self._back_at = 0  # first good frame behind a silence
        self._looked_at = 0
        self._turned_at = 0
        self._asked_at = 0

    # told by the bus

    def opened(self, bus, now: int) -> None:
        """The port is open. Opened again it is the same line: what was found there holds until frames come."""
        if bus.openings == 1:
            self._good_at = self._turned_at = now
            self.reset(bus, now)

    def heard(self, data, count: int) -> None:
        """Bytes came."""
        if self._sampling:
            buf = self.buf
            at = self.end
            for i in range(0 if count < _SAMPLE else count - _SAMPLE, count):
                buf[at % _SAMPLE] = data[i]
                at += 1
            self.end = at if at < 2 * _SAMPLE else at % _SAMPLE + _SAMPLE

    def frame(self, frame, address: int, kind: int) -> None:
        """A whole frame came; address: of the ack behind it."""
        if self._sampling:
            self._sampling = False
            self.end = 0
            _clear(self.buf)
        if address == fr.NO_ADDRESS:
            _count(self.counts, _NO_ACK)
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
            _count(self.counts, _OTHER)
            return
        _count(self.asked, address)
        _count(self._open, address)
        gap = since(now, self._asked_at)
        self._asked_at = now
        if _SLOT_MIN <= gap <= _SLOT_MAX:
            _count(self.counts, _FAST if gap < _SLOT_SPLIT else _SLOW)

    def taken(self, pack, now: int) -> None:
        """A good frame of this pack was used."""
        if pack.notes[pk.CONFLICT] < 0:  # else nobody knows whose it is
            if self._waiting:
                self._waiting = False
                self._back_at = now
            self._good_at = now
            self.verdict = None
            self.judged = False

    # asked by the bridge

    def overdue(self, bus, now: int) -> bool:
        """True when no good frame has come for so long that the doctor should look (again)."""
        passed = since(now, self._turned_at)
        self._turned_at = now
        if passed > _STALL or not bus.is_open:  # nobody looked at the line meanwhile: no wonder that nothing came
            self._good_at = after(self._good_at, passed)
        quiet = since(now, self._good_at)
        patience = 3 * bus.interval if 3 * bus.interval > _PATIENCE else _PATIENCE
        if not self._waiting:
            if 2 * quiet < patience:
                return False
            self._waiting = True
            if since(self._good_at, self._back_at) >= _WELL:  # else this is the same trouble, with a few frames in it
                self.code = -1
            self.reset(bus, now)
        if not bus.is_open or quiet < patience or bus.role() == "replay":  # a recording may end
            return False
        return not self.judged or since(now, self._looked_at) >= _AGAIN

    # asked by the doctor

    def reset(self, bus, now: int) -> None:
        """A new window begins."""
        self._looked_at = now
        _clear(self.asked)
        _clear(self.frames)
        _clear(self.lost)
        _clear(self._open)
        _clear(self.counts)
        self.end = 0
        self._sampling = True
        for i in range(_TOTALS):
            self._base[i] = _total(bus, i)

    def gained(self, bus, which: int) -> int:
        """How much of _BYTES, _GARBAGE, ... came in this window."""
        return (_total(bus, which) - self._base[which]) & 0x3FFFFFFF


def _count(counts, index: int) -> None:
    if counts[index] < _MOST:
        counts[index] += 1


def _clear(counts) -> None:
    for i in range(len(counts)):
        counts[i] = 0


def _total(bus, which: int) -> int:
    """The counter of the bus or the sum over its packs."""
    if which == _BYTES:
        return bus.bytes_in
    if which == _GARBAGE:
        return bus.garbage
    if which == _ECHOES:
        return bus.poller.echoes
    total = 0
    if which == _DAMAGED:
        for reason in range(fr.SHORT, len(bus.rejects)):
            total += bus.rejects[reason]
        return total & 0x3FFFFFFF
    counter = pk.REQUESTS if which == _REQUESTS else pk.ANSWERS if which == _ANSWERS else pk.TIMEOUTS
    for pack in bus.packs:
        total += pack.counts[counter]
    return total & 0x3FFFFFFF
