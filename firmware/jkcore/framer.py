"""Byte stream -> units. Finds JK frames and Modbus units in whatever arrives, in whatever pieces.

Rules (protocol/rs485.md sections 2.2, 2.4)
  * A JK frame is 300 bytes: magic 55 AA EB 90, type, payload, 8-bit sum of the first 299 bytes. It is followed by the
    8-byte ack of the request that caused it, whose address says which pack it is. Some adapters put up to two 00
    between.
  * The 8-bit sum passes 1 of 256 spliced frames, so a frame with a second magic inside is refused.
  * What is decided depends on the bytes alone, never on how they were cut into reads; only `flush` (silence on the
    line) gives up on a unit whose end has not come.
  * Bytes that begin no unit are skipped one by one, so the next good unit is always found, also inside a broken frame.
    A run of skipped bytes is reported once, with the gravest reason met in it.

Use: feed() bytes, then call next() until it answers NONE.
"""

from jkcore import modbus
from jkcore.shim import const

FRAME_LENGTH = const(300)
_SUM = const(299)
_MAGIC = b"\x55\xaa\xeb\x90"
# A run of skipped bytes (reported at 300) and behind it a whole frame with padding and ack always fit.
_SIZE = const(640)

NO_ADDRESS = const(255)

# What next() answers
NONE = const(0)
FRAME = const(1)  # .kind, .address (NO_ADDRESS: no ack behind it), .register of its ack; the bytes are in .frame
REQUEST = const(2)  # a trigger request: .address, .kind
WRITE = const(3)  # a write to another register: .address
ACK = const(4)  # an ack with no frame in front of it: .address, .kind (0: of a write), .register, .words
EXCEPTION = const(5)  # .address, .code
READ = const(6)  # FC03 request or its reply: .address
REJECT = const(7)  # .reason, .length bytes

# Reasons of REJECT, from mild to grave
GARBAGE = const(0)  # bytes that begin no unit
SHORT = const(1)  # the end of a frame never came
KIND = const(2)  # a whole frame of a type nobody knows
SPLICED = const(3)  # a second magic inside a frame
SUM = const(4)  # the sum does not fit
REASONS = b"garbage short unknown_type spliced checksum"


class Framer:
    """Bytes in, units out. All buffers are made here, once."""

    def __init__(self):
        self._buf = bytearray(_SIZE)
        self.frame = memoryview(self._buf)[0:FRAME_LENGTH]
        self._summed = memoryview(self._buf)[0:_SUM]
        self._end = 0  # bytes held
        self._skip = 0  # bytes at the front already found to begin no unit
        self._flush = False  # decide now about what is incomplete
        self._unit = 0  # bytes of the unit last answered, dropped at the next call
        self._worst = GARBAGE
        self.position = 0  # stream offset of the unit last answered, 30 bits
        self._origin = 0  # stream offset of _buf[0]
        self.kind = 0
        self.address = NO_ADDRESS
        self.code = 0
        self.register = 0
        self.words = 0
        self.reason = GARBAGE
        self.length = 0

    def feed(self, data, start: int, end: int) -> int:
        """Take data[start:end] as far as there is room; returns where it stopped. Then next() until NONE, and again."""
        buf = self._buf
        at = self._end
        room = _SIZE - at
        if end - start > room:
            end = start + room
        for i in range(start, end):
            buf[at] = data[i]
            at += 1
        self._end = at
        return end

    def pending(self) -> bool:
        """True while bytes are held that are not decided yet."""
        return self._end > self._unit

    def flush(self) -> None:
        """The line has been silent: what is incomplete now will not be completed. Then call next() until NONE."""
        self._flush = True

    def reset(self) -> None:
        """Forget everything held (the port was closed)."""
        self._end = self._skip = self._unit = 0
        self._worst = GARBAGE
        self._flush = False

    def next(self) -> int:
        """The next unit: one of the codes above."""
        if self._unit:
            self._drop(self._unit)
            self._unit = 0
        while True:
            if self._skip >= FRAME_LENGTH or self._skip == self._end and self._skip and self._flush:
                return self._reject()
            if self._end == self._skip:
                self._flush = False
                return NONE
            found = self._match(self._skip)
            if found > 0:
                if self._skip:
                    return self._reject()
                self.position = self._origin
                self._unit = self.length
                return found
            if found < 0:
                if not self._flush:
                    return NONE
                if self._buf[self._skip] == 0x55 and self._worst < SHORT and self._end - self._skip > 3:
                    self._worst = SHORT
            self._skip += 1

    def _reject(self) -> int:
        """Report the run of skipped bytes at the front."""
        self.position = self._origin
        self.length = self._skip
        self.reason = self._worst
        self._worst = GARBAGE
        self._drop(self._skip)
        self._skip = 0
        return REJECT

    def _drop(self, count: int) -> None:
        """Remove `count` bytes from the front."""
        buf = self._buf
        left = self._end - count
        for i in range(left):
            buf[i] = buf[count + i]
        self._end = left
        self._origin = (self._origin + count) & 0x3FFFFFFF

    def _match(self, at: int) -> int:
        """Code of the unit at `at` (its length in .length), 0: none begins here, -1: undecided.

        A frame is only looked at from the front of the buffer (so that .frame is a fixed view): further back it counts
        as found, the run before it is reported and dropped, and next() comes again.
        """
        if self._buf[at] == 0x55:
            return self._match_frame(at)
        found = self._match_unit(at, False)
        if found > 0:
            return found
        other = self._match_unit(at, True)
        return other if other > 0 or found == 0 else found

    def _match_frame(self, at: int) -> int:
        buf = self._buf
        have = self._end - at
        for i in range(1, 4):
            if i >= have:
                return -1
            if buf[at + i] != _MAGIC[i]:
                return 0
        if at:  # an undecided or whole frame: both need the front of the buffer
            return FRAME
        if have < FRAME_LENGTH:
            return -1
        reason = self._fault()
        if reason:
            if reason > self._worst:
                self._worst = reason
            return 0
        self.kind = buf[4]
        ack = self._ack_length()
        if ack < 0:
            if not self._flush:
                return -1
            ack = 0
        if ack == 0:
            self.address = NO_ADDRESS
            self.register = 0
        self.length = FRAME_LENGTH + ack
        return FRAME

    def _fault(self) -> int:
        """Reason to refuse the whole frame at the front, 0 when it is good."""
        if sum(self._summed) & 0xFF != self._buf[_SUM]:
            return SUM
        if self._buf.find(_MAGIC, 1, FRAME_LENGTH) >= 0:
            return SPLICED
        return 0 if modbus.known_kind(self._buf[4]) else KIND

    def _ack_length(self) -> int:
        """Bytes of padding and ack behind the frame at the front; 0: no ack there, -1: undecided."""
        undecided = False
        for padding in range(3):
            found = self._ack_at(FRAME_LENGTH + padding)
            if found > 0:
                return padding + modbus.ACK_LENGTH
            if found < 0:
                undecided = True
            if FRAME_LENGTH + padding >= self._end or self._buf[FRAME_LENGTH + padding]:
                break  # only 00 is padding
        return -1 if undecided else 0

    def _ack_at(self, at: int) -> int:
        """1: an ack of this frame stands at `at` (.address set), 0: not, -1: undecided."""
        buf = self._buf
        have = self._end - at
        if have <= 0:
            return -1
        if buf[at] > modbus.MAX_ADDRESS:
            return 0
        if have > 1 and buf[at + 1] != modbus.WRITE_MULTIPLE:
            return 0
        if have > 2 and buf[at + 2] != modbus.TRIGGER_HIGH:
            return 0
        if have > 3 and not modbus.ack_belongs(buf[at + 3], buf[4]):
            return 0
        if have < modbus.ACK_LENGTH:
            return -1
        if buf[at + 4] or buf[at + 5] != 1 or not modbus.crc_fits(buf, at, modbus.ACK_LENGTH):
            return 0
        self.address = buf[at]
        self.register = modbus.TRIGGER_HIGH << 8 | buf[at + 3]
        return 1

    def _match_unit(self, at: int, ack: bool) -> int:
        """A Modbus unit at `at`: its code, 0: none, -1: undecided."""
        buf = self._buf
        length = modbus.unit_length(buf, at, self._end, ack)
        if length <= 0:
            return length
        if self._end - at < length:
            return -1
        if not modbus.crc_fits(buf, at, length):
            return 0
        self.length = length
        self.address = buf[at]
        function = buf[at + 1]
        if function & modbus.EXCEPTION_FLAG:
            self.code = buf[at + 2]
            return EXCEPTION
        if function == modbus.READ_HOLDING:
            return READ
        trigger = buf[at + 2] == modbus.TRIGGER_HIGH
        self.kind = modbus.requested_kind(buf[at + 3]) if trigger else 0
        if ack:
            self.register = buf[at + 2] << 8 | buf[at + 3]
            self.words = buf[at + 5]
            return ACK
        return REQUEST if self.kind else WRITE
