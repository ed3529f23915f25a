"""One battery: the last good frame of each type as it came, and the two questions everything else asks of it.

`present(row)` and `scaled(row)` are the only way to a value; both take a row number of the field table.
"""

from array import array

from jkcore import modbus
from jkcore.fields import codes, table
from jkcore.shim import const

_LENGTH = const(300)
_UNANNOUNCED = const(30000)  # a pack without an about frame is announced after this
_ABSENT = const(-2000)  # raw value of a temperature input without a sensor (protocol/rs485.md section 5)

# Counters of a pack, index into Pack.counts; names as in the link JSON
REQUESTS = const(0)
ANSWERS = const(1)
RETRIES = const(2)
TIMEOUTS = const(3)
NO_ACK = const(4)
WRONG_ADDRESS = const(5)
EXCEPTIONS = const(6)
DAMAGED = const(7)  # checksum, spliced, cut short: an answer came, but not a whole one
IMPLAUSIBLE = const(8)
UNCONFIRMED = const(9)
LATE = const(10)
DOUBLE = const(11)
OVERFLOWS = const(12)  # numbers of 2**30 or more met (published as null)
COUNT_NAMES = (
    b"requests answers retries timeouts no_ack wrong_address exceptions damaged implausible unconfirmed late double "
    b"overflows"
)
# Not in the link JSON
DOUBT = const(13)  # reason the gate gave for the last live frame
DOUBTS = const(14)  # how often in a row
BROKEN = const(15)  # damaged answers in a row
RUNTIME = const(16)  # total run time it said last, s
BACKWARDS = const(17)  # how much its run time goes back (intake.py)
_COUNTS = const(18)

# Times and notes of the bus and of the publisher, index into Pack.notes: one array is a third of ten attributes.
# The first three hold one number per frame type (DUE + LIVE, ...).
DUE = const(-1)  # when to ask for it
ASKED_AT = const(2)  # when it was asked for last
OWED = const(5)  # answers asked for and not come yet
CANDIDATE = const(8)  # CRC of a settings or about frame that waits for a second like it, -1: none
LIVE_ASKED = const(12)  # time of the last live request (listening: live frame), -1: none since it was silent
CONFLICT = const(13)  # time of the last proof that two packs share this address, -1: none
FIRST_LIVE = const(14)  # time of the first good live frame since it was offline
LINK_AT = const(15)  # when the next link message is due
ALARMS_SEEN = const(16)  # halves of the alarm word last seen, low first, then more_alarms(); -1: none yet
RAISED_ALARMS = const(19)  # the same three of the alarms raised since the last event
CLEARED_ALARMS = const(22)
FLAT_ROW = const(25)  # next row to be sent as a topic of its own
ABOUT_FAILS = const(26)  # questions for its about frame in a master's gaps without an answer
STALE = const(27)  # 1: what of it can be changed may be announced otherwise than it is now (offers.py)
WIDENED = const(28)  # which limits had to be widened for what it holds
_NOTES = const(29)

WAITING = const(0)  # what agreed() answers
SAME = const(1)
AGREED = const(2)

_LIVE = const(2)
_ABOUT = const(3)

_MASK = table.offset_of("cell_mask", modbus.LIVE)
_CELLS = table.offset_of("cell_voltage_1", modbus.LIVE)
_VOLTAGE = table.offset_of("pack_voltage", modbus.LIVE)
_CURRENT = table.offset_of("current", modbus.LIVE)
_SENSORS = table.offset_of("temp_sensor_present", modbus.LIVE)
_RUNTIME = table.offset_of("odd_run_time", modbus.ABOUT)
_VERSION = table.find("software_version", modbus.ABOUT)
_LIVE_ROWS = range(table.first(modbus.LIVE), table.last(modbus.LIVE))
_SENSOR_ROWS = bytes([r for r in _LIVE_ROWS if codes.CELL < table.at(r).when < codes.HAS_CELLS])


def u16(buf, at: int) -> int:
    return buf[at] | buf[at + 1] << 8


def s16(buf, at: int) -> int:
    high = buf[at + 1]
    return buf[at] | (high - 256 if high & 0x80 else high) << 8


def s32(buf, at: int):
    """Signed 32 bits; None from 2**30 on, which would not be a small int on the device."""
    high = buf[at + 3]
    if high & 0x80:
        high -= 256
    if high < -64 or high > 63:
        return None
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | high << 24


def u32(buf, at: int):
    """Unsigned 32 bits; None from 2**30 on."""
    high = buf[at + 3]
    if high > 63:
        return None
    return buf[at] | buf[at + 1] << 8 | buf[at + 2] << 16 | high << 24


def popcount32(buf, at: int) -> int:
    """Number of bits set in the four bytes at `at`."""
    count = 0
    for i in range(at, at + 4):
        byte = buf[i]
        while byte:
            byte &= byte - 1
            count += 1
    return count


def power_mw(voltage: int, current: int) -> int:
    """mV x mA in mW, rounded, with the sign of the current; every step stays a small int (30 bits)."""
    size = -current if current < 0 else current
    power = voltage * (size // 1000) + (voltage * (size % 1000) + 500) // 1000
    return -power if current < 0 else power


class Pack:
    """One pack on one bus."""

    asks = True  # it is asked over the bus, and the link message counts that
    owner = None  # the pair it is a half of, see pairing.py
    named = 32  # bits of its alarm word that alarms.py may name

    def __init__(self, pack_id: bytes, address: int, name: str, frames: bool = True):
        """pack_id: part of topics and unique ids; address: its DIP address; name: what people call it; frames: it has
        RS485 frames."""
        self.id = pack_id
        self.address = address
        self.name = name
        # By frame type
        self._raw = (None, bytearray(_LENGTH), bytearray(_LENGTH), bytearray(_LENGTH)) if frames else None
        self._held = 0  # bit per frame type whose _raw is good
        self.firmware = 0  # software version, major * 100 + minor; 0 until an about frame came
        self.counts = array("i", [0] * _COUNTS)
        self.notes = array("i", [0] * _NOTES)
        for note in (CANDIDATE + 1, CANDIDATE + 3, LIVE_ASKED, CONFLICT, ALARMS_SEEN):
            self.notes[note] = -1

        # What the bus knows of it (poll.py, rs485.py)
        self.online = False  # a good live frame came in this run and is not stale
        self.last_live = 0  # time of the last good live frame
        self.turn = 0  # ms between the last two live readings, 0: not known
        self.misses = 1  # live requests in a row without a good answer; 0: it answers

        # What is to be published (publish.py, events.py)
        self.pending = 0
        self.event = None  # the settings frame before somebody changed it
        self.announced = -1  # signature of what Home Assistant has been told this pack has

    def holds(self, frame_type: int) -> bool:
        """True when a good frame of this type is kept."""
        return bool(self._held >> frame_type & 1)

    def forget_live(self) -> None:
        """The live frame is stale: it is no value any more."""
        self._held &= ~(1 << _LIVE)

    def frame(self, frame_type: int) -> bytearray:
        """The kept frame of this type."""
        return self._raw[frame_type]

    def keep(self, frame, frame_type: int) -> None:
        """Keep a copy of a good frame (300 bytes)."""
        self._raw[frame_type][0:_LENGTH] = frame
        self._held |= 1 << frame_type
        if frame_type == _ABOUT:
            self.firmware = parse_firmware(frame)

    def agreed(self, frame, frame_type: int) -> int:
        """Settings and about frames are used only when two in a row say the same, counters and byte 5 aside.

        Returns SAME (as the kept one), AGREED (as the one before: may be kept now), WAITING (for a second one like it).
        """
        if self._same(frame, frame_type):
            self.notes[CANDIDATE + frame_type] = -1
            return SAME
        crc = modbus.crc16(frame, 6, _LENGTH - 1)
        if frame_type == _ABOUT:  # without the run time, which counts by itself
            crc = modbus.crc16(frame, 6, _RUNTIME) ^ modbus.crc16(frame, _RUNTIME + 4, _LENGTH - 1)
        if self.notes[CANDIDATE + frame_type] == crc:
            self.notes[CANDIDATE + frame_type] = -1
            return AGREED
        self.notes[CANDIDATE + frame_type] = crc
        return WAITING

    def _same(self, frame, frame_type: int) -> bool:
        if not self._held >> frame_type & 1:
            return False
        raw = self._raw[frame_type]
        for i in range(6, _LENGTH - 1):
            if raw[i] != frame[i] and not (frame_type == _ABOUT and _RUNTIME <= i < _RUNTIME + 4):
                return False
        return True

    def introduced(self, waited: int) -> bool:
        """True when it can be announced, `waited` ms after its first values: its about frame is there, or late."""
        return self.holds(_ABOUT) or waited >= _UNANNOUNCED

    def signature(self) -> int:
        """A number that changes when the set of its fields or the version of its firmware changes."""
        value = self.firmware << 3 | self._held >> 1
        value = (value << 6 | self.cells()) & 0x3FFFFFFF
        for r in _SENSOR_ROWS:
            value = (value << 1 | self.present(r)) & 0x3FFFFFFF
        return value

    def cells(self) -> int:
        """Number of cells the pack reports."""
        return popcount32(self._raw[_LIVE], _MASK)

    def has(self, r: int) -> bool:
        """True when this pack has field `r` at all, to be announced."""
        return self.present(r)

    def present(self, r: int) -> bool:
        """True when this pack has field `r` now: its frame is there, the cell exists, the sensor is fitted, and the
        firmware knows it."""
        row = table.at(r)
        if not self._held >> row.frame_type & 1:
            return False
        when = row.when
        if when == codes.ALWAYS:
            return True
        raw = self._raw[row.frame_type]
        if when == codes.CELL:
            bit = row.suffix - 1
            return bool(raw[_MASK + (bit >> 3)] >> (bit & 7) & 1)
        if when == codes.NOT_EMPTY:
            return raw[row.offset] != 0
        if when == codes.HAS_CELLS:
            return self.cells() > 0
        if when < codes.FIRMWARE:
            if when >= codes.ON_CAN:
                return False
            return bool(raw[_SENSORS] >> (when - codes.SENSOR_MOS) & 1) and s16(raw, row.offset) != _ABSENT
        return self.firmware >= table.FIRMWARES[when - codes.FIRMWARE]

    def scaled(self, r: int):
        """The raw number of field `r` (in units of 10**-decimals); None when it has no value or cannot be represented.

        Not for MASK32 and TEXT rows: see half() and frame().
        """
        row = table.at(r)
        kind = row.kind
        raw = self._raw[row.frame_type]
        at = row.offset
        if kind == codes.U16:
            return raw[at] | raw[at + 1] << 8
        if kind == codes.U8:
            return raw[at]
        if kind == codes.U32:
            return self._counted(u32(raw, at))
        if kind == codes.S32:
            return self._counted(s32(raw, at))
        if kind == codes.S16:
            value = s16(raw, at)
            # A probe that broke says anything; -60 to 150 degC is what gate.py lets through without a doubt.
            return value if not codes.CELL < row.when < codes.HAS_CELLS or -600 <= value <= 1500 else None
        if kind == codes.BIT:
            return u16(raw, at >> 4) >> (at & 15) & 1
        if kind == codes.INDEX8:
            return raw[at] + 1
        if kind == codes.S8:
            return raw[at] - 256 if raw[at] & 0x80 else raw[at]
        if kind == codes.CELL_COUNT:
            return self.cells()
        return self._power() if kind == codes.POWER else self._extreme(kind == codes.CELL_MAX)

    def half(self, r: int, high: bool) -> int:
        """Upper or lower 16 bits of MASK32 field `r`."""
        row = table.at(r)
        return u16(self._raw[row.frame_type], row.offset + (2 if high else 0))

    def more_alarms(self) -> int:
        """Alarms the alarm word has no bit for; only CAN has such."""
        return 0

    def untold(self) -> int:
        """Bits of the upper half of the alarm word that nobody tells now, and 0x10000 when nobody tells more_alarms().
        They are neither raised nor cleared then. See pairing.py."""
        return 0

    def put_counts(self, message) -> None:
        """Append the counters for the link message."""
        message.numbers(COUNT_NAMES, self.counts)

    def _counted(self, value):
        if value is None:
            self.counts[OVERFLOWS] += 1
        return value

    def _power(self):
        raw = self._raw[_LIVE]
        voltage = u32(raw, _VOLTAGE)
        current = s32(raw, _CURRENT)
        # Beyond these no JK pack exists and the product would leave the small ints.
        if voltage is None or current is None or voltage > 250000 or not -2000000 < current < 2000000:
            return self._counted(None)
        return power_mw(voltage, current)

    def _extreme(self, highest: bool):
        """Highest or lowest cell voltage, mV; None without cells."""
        raw = self._raw[_LIVE]
        best = None
        for bit in range(32):
            if raw[_MASK + (bit >> 3)] >> (bit & 7) & 1:
                value = raw[_CELLS + 2 * bit] | raw[_CELLS + 2 * bit + 1] << 8
                if best is None or (value > best if highest else value < best):
                    best = value
        return best


def parse_firmware(frame) -> int:
    """Software version of an about frame as major * 100 + minor ("15.41" -> 1541); 0 when it is no version."""
    row = table.at(_VERSION)
    value = 0
    for i in range(row.offset, row.offset + row.decimals):
        byte = frame[i]
        if 48 <= byte <= 57:
            value = value * 10 + byte - 48
        elif byte != 46:  # the point
            break
    return value if 100 <= value <= 9999 else 0


def blank_private(frame) -> None:
    """Overwrite passwords, serial number, names and user texts of an about frame.

    Done before an about frame is compared or kept: what is not kept cannot leak.
    """
    for r in range(table.first(_ABOUT), table.last(_ABOUT)):
        row = table.at(r)
        if row.who == codes.SECRET:
            for i in range(row.offset, row.offset + row.decimals):
                frame[i] = 0
