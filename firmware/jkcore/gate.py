"""Plausibility of a live frame: what the sum of one byte lets through must still be a battery.

The frame holds several things twice or more (protocol/rs485.md section 5): cells against pack voltage, average, delta
and the numbers of the extreme cells; the voltage in 10 mV against the one in mV; the MOS temperature at two offsets;
charge left against state of charge; power against voltage x current. A frame that contradicts itself is dropped and
counted.
Tolerances are several times what the recordings show, so that no healthy frame is refused.

A pack that contradicts itself in the same way `HABIT` times in a row is not line noise: then its frames are taken as
they are (a broken sense wire must not hide the pack), except for values no battery can have.
"""

from jkcore.fields import codes, table
from jkcore.pack import popcount32, power_mw, s16, s32, u16, u32
from jkcore.shim import const

GOOD = const(0)
IMPOSSIBLE = const(1)  # a value no JK battery can have: never taken
CELLS = const(2)
AVERAGE = const(3)
DELTA = const(4)
EXTREMES = const(5)
VOLTAGE = const(6)
TEMPERATURE = const(7)
CHARGE = const(8)
POWER = const(9)
STATE = const(10)
SENSOR = const(11)
HABIT = const(3)

_LIVE = const(2)
_MASK = table.offset_of("cell_mask", _LIVE)
_CELL = table.offset_of("cell_voltage_1", _LIVE)
_AVERAGE = table.offset_of("cell_voltage_average", _LIVE)
_DELTA = table.offset_of("cell_voltage_delta", _LIVE)
_MAX = table.offset_of("cell_max_number", _LIVE)
_MIN = table.offset_of("cell_min_number", _LIVE)
_PACK = table.offset_of("pack_voltage", _LIVE)
_PACK_10MV = table.offset_of("pack_voltage_10mv", _LIVE)
_MOS = table.offset_of("mos_temperature", _LIVE)
_MOS_COPY = const(254)  # named temperature_3 in some sheets; never a sensor (section 5, verdict 1)
_POWER = table.offset_of("power_magnitude", _LIVE)
_CURRENT = table.offset_of("current", _LIVE)
_LEFT = table.offset_of("capacity_remaining", _LIVE)
_FULL = table.offset_of("capacity_full", _LIVE)
_SOC = table.offset_of("soc", _LIVE)
_SOH = table.offset_of("soh", _LIVE)


def _states() -> bytes:
    """Bytes that are a state 0/1 (all SWITCH rows) or an option of an enumeration: offset low, high, highest value."""
    found = bytearray()
    for r in range(table.first(_LIVE), table.last(_LIVE)):
        row = table.at(r)
        if row.show == codes.SWITCH or row.show >= codes.BALANCE:
            options = table.options(row)
            found.extend(bytes((row.offset & 0xFF, row.offset >> 8, len(options) - 1 if options else 1)))
    return bytes(found)


def _temperatures() -> bytes:
    """16-bit temperatures: offset low, high."""
    found = bytearray()
    for r in range(table.first(_LIVE), table.last(_LIVE)):
        row = table.at(r)
        if row.unit == codes.DEGC:
            found.extend(bytes((row.offset & 0xFF, row.offset >> 8)))
    return bytes(found)


_STATES = _states()
_TEMPERATURES = _temperatures()


def judge(frame) -> int:
    """GOOD, or the first reason to doubt a live frame (300 bytes)."""
    voltage = u32(frame, _PACK)
    if voltage is None or voltage > 200000:
        return IMPOSSIBLE
    if frame[_SOC] > 100:
        return IMPOSSIBLE
    if not _temperatures_possible(frame):
        return SENSOR  # noise, or a probe that broke: its value is never published (Pack.scaled), the pack is
    reason = _judge_cells(frame, voltage)
    if reason:
        return reason
    gap = voltage - 10 * u16(frame, _PACK_10MV)
    if not -10 <= gap <= 20:
        return VOLTAGE
    if u16(frame, _MOS) != u16(frame, _MOS_COPY):
        return TEMPERATURE
    reason = _judge_charge(frame)
    if reason:
        return reason
    return _judge_power(frame, voltage) or _judge_states(frame)


def _temperatures_possible(frame) -> bool:
    """-60 to 150 degC, or -200 for no sensor."""
    for i in range(0, len(_TEMPERATURES), 2):
        value = s16(frame, _TEMPERATURES[i] | _TEMPERATURES[i + 1] << 8)
        if value != -2000 and not -600 <= value <= 1500:
            return False
    return True


def _judge_cells(frame, voltage: int) -> int:
    total = 0
    low = 0xFFFF
    high = 0
    for bit in range(32):
        value = frame[_CELL + 2 * bit] | frame[_CELL + 2 * bit + 1] << 8
        if frame[_MASK + (bit >> 3)] >> (bit & 7) & 1:
            total += value
            if value > high:
                high = value
            if value < low:
                low = value
        elif value:
            return CELLS
    if high >= 10000:
        return IMPOSSIBLE
    if not high:
        return GOOD if voltage < 1000 else CELLS
    return _judge_sums(frame, voltage, total, low, high)


def _judge_sums(frame, voltage: int, total: int, low: int, high: int) -> int:
    count = popcount32(frame, _MASK)
    if not -150 - 4 * count <= total - voltage <= 150 + 4 * count:
        return CELLS
    if not -5 <= (total + count // 2) // count - u16(frame, _AVERAGE) <= 5:
        return AVERAGE
    if not -20 <= high - low - u16(frame, _DELTA) <= 20:
        return DELTA
    top = frame[_MAX]
    bottom = frame[_MIN]
    if top > 31 or bottom > 31:
        return EXTREMES
    if u16(frame, _CELL + 2 * top) < high - 20 or u16(frame, _CELL + 2 * bottom) > low + 20:
        return EXTREMES
    return GOOD


def _judge_charge(frame) -> int:
    """The state of charge is charge left / full capacity, within a few per cent."""
    left = s32(frame, _LEFT)
    full = u32(frame, _FULL)
    if left is None or full is None or full > 10000000 or left > 10000000 or left < -10000000:
        return IMPOSSIBLE
    if full < 1000:
        return GOOD
    percent = left // (full // 100)
    if not -6 <= percent - frame[_SOC] <= 6:
        return CHARGE
    return GOOD


def _judge_power(frame, voltage: int) -> int:
    """Power is unsigned and late: half of it and 300 W are allowed for a load that has just changed."""
    current = s32(frame, _CURRENT)
    said = u32(frame, _POWER)
    if current is None or said is None or not -1500000 < current < 1500000 or said > 300000000:
        return IMPOSSIBLE
    power = power_mw(voltage, -current if current < 0 else current)
    gap = power - said if power > said else said - power
    return POWER if gap > (power if power > said else said) // 2 + 300000 else GOOD


def _judge_states(frame) -> int:
    if frame[_SOH] > 100:
        return STATE
    for i in range(0, len(_STATES), 3):
        if frame[_STATES[i] | _STATES[i + 1] << 8] > _STATES[i + 2]:
            return STATE
    return GOOD
