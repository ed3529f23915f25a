"""Bus bytes on their way into a recording: what is secret or private is masked, everything else passes as it is.

Used only while something is recorded (cold; buffers are made once). The framer decides what a byte belongs to, exactly
as for the bridge itself; no byte is added, lost or moved.
  * About frame (type 3) with its ack behind it: the SECRET rows of the field table are masked, whole fields, and the
    sum is made right again. Without an ack, or damaged (sum, length, a second start inside), nobody knows where in it
    the secrets lie: everything behind its type is masked, and its sum stays wrong.
  * Its start may be what was lost: bytes that belong to no unit are held back until _BACK more have come or the line
    has been silent for a second. An about ack behind them masks them; so does an about request in the 5 s before.
  * FC03 answers from the about block and FC16 writes to its secret registers: the data is masked, the CRC made right.
  * What remains of bytes that belong to no unit (noise, other protocols) passes, but for runs of four and more
    printable characters: their shape stays (0 for digits, x for letters), which still tells one protocol from another.
Both directions are kept in one order; sent bytes are held by the same rules.
Facts: protocol/rs485.md sections 2.1-2.4, 6. Tests: tests/shared/test_core_masking.py, tests/test_core_masking_any.py.
"""

from array import array

from jkcore import framer as fr
from jkcore import modbus
from jkcore.clock import since
from jkcore.fields import codes, table
from jkcore.shim import const

RECEIVED = const(0)
SENT = const(1)
HIDDEN = const(42)  # "*": no address, no part of a magic, and no sum of a frame that holds nothing else

_MAGIC = b"\x55\xaa\xeb\x90"
_HEAD = const(5)  # magic and type
_BACK = const(320)  # an about frame, and a few bytes put into it by noise
_SIZE = const(1024)  # _BACK and all that the framer holds always fit
_OUT = const(128)
_SILENCE = const(1000)  # as rs485.py: a unit that is not complete after this silence never will be
_ASKED = const(5000)  # so long an about answer may come (exchange.py waits 3 s, and 2 s on slow lines)
_RUN = const(4)  # printable characters in a row that may be a text
_BLOCK = const(0x1400)  # register of byte 6 of an about frame (section 2.3)
_PAYLOAD = const(6)
_SUM = const(299)

_ROWS = range(table.first(modbus.ABOUT), table.last(modbus.ABOUT))
_SECRETS = [(table.at(r).offset, table.at(r).decimals) for r in _ROWS if table.at(r).who == codes.SECRET]

# What an FC03 answer was asked for
_UNKNOWN = const(0)
_HARMLESS = const(1)
_ABOUT_BLOCK = const(2)


class Masking:
    """feed() bytes of one direction, then next() until 0, and again until all are taken; tick() now and then.

    >>> at = 0
    >>> while at < count:
    ...     at = masking.feed(way, data, at, count, now)
    ...     while masking.next():
    ...         write(masking.way, masking.at, masking.out[: masking.count])
    """

    def __init__(self, pieces: int):
        """pieces: how many pieces with times of their own are kept apart while bytes are held back; beyond that a
        piece takes the time of the bytes behind it."""
        self.out = bytearray(_OUT)  # what next() answers: .count bytes of it, which came or went (.way) at .at
        self.count = 0
        self.way = RECEIVED
        self.at = 0
        self.asked_at = -1  # an about request was heard or sent at this time
        self.read = _UNKNOWN  # by the last FC03 request
        self._received = _Lane(self)
        self._sent = _Lane(self)
        self._times = array("i", [0] * pieces)
        self._counts = array("i", [0] * pieces)
        self._ways = bytearray(pieces)
        self._first = 0
        self._pieces = 0

    def feed(self, way: int, data, start: int, end: int, now: int) -> int:
        """Take data[start:end], which came or went (RECEIVED, SENT) at `now`, as far as there is room; returns where
        it stopped. Call next() until it answers 0 before anything else."""
        if way == RECEIVED:
            self._sent.flush()  # the answer begins: what we had to say is over
            lane = self._received
        else:
            lane = self._sent
            if not lane.room():
                self._received.flush()
        stop = lane.feed(data, start, end, now)
        if stop > start:
            self._note(way, stop - start, now)
        return stop

    def tick(self, now: int) -> None:
        """Give up on what is incomplete after a second of silence. Then next() until 0."""
        if self._received.silent(now):
            self._received.flush()
        if self._sent.silent(now):
            self._sent.flush()

    def flush(self) -> None:
        """Nothing will complete what is held (the port was closed, the recording ends). Then next() until 0."""
        self._received.flush()
        self._sent.flush()

    def next(self) -> int:
        """How many bytes of .out may be recorded now; .way and .at tell of them."""
        self.count = 0
        if not self._pieces:
            return 0
        first = self._first
        way = self._ways[first]
        lane = self._received if way == RECEIVED else self._sent
        count = min(self._counts[first], lane.free, _OUT)
        if not count:
            return 0
        self.way = way
        self.at = self._times[first]
        self.count = count
        lane.take(self.out, count)
        self._counts[first] -= count
        if not self._counts[first]:
            self._first = (first + 1) % len(self._times)
            self._pieces -= 1
        return count

    def _note(self, way: int, count: int, now: int) -> None:
        size = len(self._times)
        last = (self._first + self._pieces - 1) % size
        # The last free place is for a change of direction. Where there is none, bytes join the last piece of their own.
        full = self._pieces == size or self._pieces == size - 1 and self._ways[last] == way
        if self._pieces and full:
            while self._ways[last] != way:
                last = (last - 1) % size
        elif not self._pieces or self._ways[last] != way or self._times[last] != now:
            last = (last + 1) % size
            self._counts[last] = 0
            self._ways[last] = way
            self._pieces += 1
        self._times[last] = now
        self._counts[last] += count


class _Lane:
    """The bytes of one direction: held from where they may not leave yet."""

    def __init__(self, owner):
        self.free = 0  # bytes at the front that may leave
        self._owner = owner
        self._framer = fr.Framer()
        self._buf = bytearray(_SIZE)
        self._open = bytearray(_SIZE)  # 1: a byte that belongs to no unit and is not masked yet
        self._end = 0
        self._decided = 0  # bytes the framer has decided about
        self._hide = 0  # so many more bytes of no unit are masked: the rest of a broken about frame or write
        self._run = 0  # printable bytes of no unit directly in front of `free`, at most _RUN
        self._last = 0

    def room(self) -> int:
        return _SIZE - self._end

    def silent(self, now: int) -> bool:
        return self._end > self.free and since(now, self._last) >= _SILENCE

    def feed(self, data, start: int, end: int, now: int) -> int:
        if end - start > _SIZE - self._end:
            end = start + _SIZE - self._end
        self._last = now
        stop = self._framer.feed(data, start, end)
        count = stop - start
        self._buf[self._end : self._end + count] = memoryview(data)[start:stop]
        self._end += count
        self._drain()
        return stop

    def flush(self) -> None:
        if self._end > self.free:
            self._framer.flush()
            self._drain()
            self._release(self._end)

    def take(self, out, count: int) -> None:
        """Move the first `count` bytes to `out`."""
        buf = self._buf
        out[0:count] = memoryview(buf)[0:count]
        left = self._end - count
        buf[0:left] = memoryview(buf)[count : self._end]
        self._open[0:left] = memoryview(self._open)[count : self._end]
        self._end = left
        self._decided -= count
        self.free -= count

    # what the framer says

    def _drain(self) -> None:
        framer = self._framer
        event = framer.next()
        while event != fr.NONE:
            start = self._decided
            end = start + framer.length
            self._decided = end
            for i in range(start, end):
                self._open[i] = 0
            if event == fr.REJECT:
                self._no_unit(start, end)
            else:
                self._unit(event, start, end)
            self._release(end - _BACK)
            event = framer.next()

    def _unit(self, event: int, start: int, end: int) -> None:
        framer = self._framer
        if event == fr.FRAME:
            self._frame(start)
        elif event == fr.REQUEST and framer.kind == modbus.ABOUT:
            self._owner.asked_at = self._last
        elif event == fr.ACK and framer.kind == modbus.ABOUT:
            for i in range(max(0, start - _BACK), start):
                if self._open[i]:
                    self._cover(i)
        elif event == fr.WRITE and _is_secret(self._register(start), 2 * self._buf[start + 5]):
            self._cover_data(start + 7, end)
        elif event == fr.READ:
            self._read(start, end)

    def _frame(self, start: int) -> None:
        framer = self._framer
        alone = framer.address == fr.NO_ADDRESS
        if framer.kind == modbus.ABOUT and not alone:
            for offset, length in _SECRETS:
                for i in range(start + offset, start + offset + length):
                    self._cover(i)
            self._buf[start + _SUM] = sum(memoryview(self._buf)[start : start + _SUM]) & 0xFF
        elif alone and (framer.kind == modbus.ABOUT or self._is_asked()):
            for i in range(start + _HEAD, start + fr.FRAME_LENGTH):
                self._cover(i)
            self._hide = max(self._hide, _BACK + _HEAD - fr.FRAME_LENGTH)  # as behind one that is broken

    def _read(self, start: int, end: int) -> None:
        """An FC03 request (always of 8 bytes) or an answer (always of an odd number)."""
        owner = self._owner
        if end - start == modbus.ACK_LENGTH:
            first = self._register(start)
            count = 2 * (self._buf[start + 4] << 8 | self._buf[start + 5])
            about = first < _BLOCK + _SUM - _PAYLOAD and first + count > _BLOCK
            owner.read = _ABOUT_BLOCK if about else _HARMLESS
            if about:
                owner.asked_at = self._last
            return
        if owner.read == _ABOUT_BLOCK:
            self._cover_data(start + 3, end)
        elif owner.read == _UNKNOWN and self._cover_texts(start + 3, end - 2):
            self._put_crc(start, end)
        owner.read = _UNKNOWN

    def _register(self, start: int) -> int:
        return self._buf[start + 2] << 8 | self._buf[start + 3]

    def _cover_data(self, first: int, end: int) -> None:
        """Mask the data of a Modbus unit from `first` on; the unit began where the bytes decided last began."""
        for i in range(first, end - 2):
            self._cover(i)
        self._put_crc(end - self._framer.length, end)

    def _put_crc(self, start: int, end: int) -> None:
        crc = modbus.crc16(self._buf, start, end - 2)
        self._buf[end - 2] = crc & 0xFF
        self._buf[end - 1] = crc >> 8

    # bytes that belong to no unit

    def _no_unit(self, start: int, end: int) -> None:
        for i in range(start, end):
            self._open[i] = 1
        asked = self._is_asked()
        broken = self._next_broken(start, end)
        secret = self._next_secret(start, end)
        i = start
        while i < end:
            if i == broken:  # its start stays readable: it tells what was there
                i = min(end, i + _HEAD)
                for k in range(broken, i):
                    self._open[k] = 0
                self._hide = _BACK
                broken = self._next_broken(i, end)
                continue
            if i == secret:
                self._hide = max(self._hide, self._buf[i - 1])
                secret = self._next_secret(i + 1, end)
            if self._hide:
                self._hide -= 1
                self._cover(i)
            elif asked:
                self._cover(i)
            i += 1

    def _next_broken(self, start: int, end: int) -> int:
        """Where from `start` on a JK frame begins that may be an about frame (its type is no other known one); -1."""
        at = self._buf.find(_MAGIC, start, end)
        while at >= 0:
            kind = self._buf[at + 4] if at + 4 < end else modbus.ABOUT
            if kind == modbus.ABOUT or not modbus.known_kind(kind):
                return at
            at = self._buf.find(_MAGIC, at + 1, end)
        return -1

    def _next_secret(self, start: int, end: int) -> int:
        """Where from `start` on the data of a write to secret registers begins (also one with a wrong CRC); -1."""
        buf = self._buf
        at = buf.find(b"\x10\x14", max(0, start - 6), end)
        while at >= 0 and at + 6 < end:
            words = buf[at + 4]
            if at + 6 >= start and buf[at + 3] == 0 and buf[at + 5] == 2 * words:
                if _is_secret(_BLOCK | buf[at + 2], 2 * words):
                    return at + 6
            at = buf.find(b"\x10\x14", at + 1, end)
        return -1

    def _is_asked(self) -> bool:
        """True when an about answer may be under way."""
        asked = self._owner.asked_at
        if asked >= 0 and since(self._last, asked) > _ASKED:
            self._owner.asked_at = asked = -1
        return asked >= 0

    def _cover(self, i: int) -> None:
        self._buf[i] = HIDDEN
        self._open[i] = 0

    def _release(self, end: int) -> None:
        """Let bytes go whose fate cannot change any more: those of units, and those of no unit in front of `end`."""
        i = self.free
        while i < self._decided:
            if not self._open[i]:
                self._run = 0
                if self._open.find(b"\x01", i, self._decided) < 0:
                    i = self._decided
                    break
            elif i >= end:
                break
            else:
                self._pass(i)
            i += 1
        self.free = i

    def _pass(self, i: int) -> None:
        """A byte that stays, unless it is part of a text."""
        if not _printable(self._buf[i]):
            self._run = 0
            return
        if self._run < _RUN:
            ahead = 1
            while self._run + ahead < _RUN and i + ahead < self._decided:
                if not self._open[i + ahead] or not _printable(self._buf[i + ahead]):
                    break
                ahead += 1
            if self._run + ahead < _RUN:
                self._run += 1
                return
            self._run = _RUN  # from here on, whatever comes
        self._buf[i] = _shape(self._buf[i])

    def _cover_texts(self, start: int, end: int) -> bool:
        """The shape of all texts in buf[start:end]; True when there were any."""
        found = False
        run = 0
        for i in range(start, end + 1):
            if i < end and _printable(self._buf[i]):
                run += 1
                continue
            if run >= _RUN:
                found = True
                for k in range(i - run, i):
                    self._buf[k] = _shape(self._buf[k])
            run = 0
        return found


def _is_secret(register: int, count: int) -> bool:
    """True when `count` bytes of registers from this one on hold some of a SECRET row."""
    first = register - _BLOCK + _PAYLOAD
    for offset, length in _SECRETS:
        if first < offset + length and first + count > offset:
            return True
    return False


def _printable(byte: int) -> bool:
    return 32 <= byte < 127


def _shape(byte: int) -> int:
    """What stays of a character: its class. "~" begins a message of Pylontech's protocol."""
    if 48 <= byte < 58:
        return 48
    if 65 <= byte < 91 or 97 <= byte < 123:
        return 120
    return byte if byte == 32 or byte == 126 else HIDDEN
