"""What a JK BMS says on CAN: identifiers, periods, layouts (protocol/can.md sections 2 to 5), from what the pack says.

The values are those of the truth: canonical names, integers in the scale of the RS485 frames (mV, mA, mAh, tenths of a
degree). CAN shows less of most of them; `seen` cuts them down to what the wire carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .noise import whole
from .readings import ABSENT, Values

CELLS_MOST = 25
FAULT_BITS = 18  # of the alarm word; whether firmware carries the higher ones is unknown
_CURRENT_ZERO = 4000
_DEGREES_ZERO = 50
_MASK_SEEN = 0x10  # in R1, with five sensors in place
# Position of each sensor in the message; the third one is the MOSFET's.
_SENSORS = ("temperature_1", "temperature_2", "mos_temperature", "temperature_4", "temperature_5")
_CELL_SENSORS = (0, 1, 3, 4)

ALARM_LEVELS = (
    "cell_overvoltage", "cell_undervoltage", "pack_overvoltage", "pack_undervoltage", "cell_difference",
    "discharge_overcurrent", "charge_overcurrent", "temperature_high", "temperature_low", "temperature_difference",
    "soc_low", "insulation", "high_voltage_interlock", "external_communication", "internal_communication",
)
"""Alarms of ALM_INFO in their order, two bits each: 0 none, 1 serious, 2 important, 3 general."""
_ONLY_V1 = frozenset((
    "pack_overvoltage", "pack_undervoltage", "temperature_difference", "insulation", "high_voltage_interlock",
    "external_communication",
))
# What the protections of the model raise, as ALM_INFO names it.
_RAISED_BY = {
    "cell_overvoltage": "cell_overvoltage", "cell_undervoltage": "cell_undervoltage",
    "pack_overvoltage": "pack_overvoltage", "pack_undervoltage": "pack_undervoltage",
    "discharge_overcurrent": "discharge_overcurrent", "charge_overcurrent": "charge_overcurrent",
    "charge_overtemp": "temperature_high", "discharge_overtemp": "temperature_high",
    "battery_overtemp": "temperature_high", "mos_overtemp": "temperature_high",
    "charge_undertemp": "temperature_low", "discharge_undertemp": "temperature_low",
    "aux_cpu_comm": "internal_communication",
}
SERIOUS, IMPORTANT, GENERAL = 1, 2, 3
_SOC_LOW = 10  # %; what real packs take for low is unknown


class Message(NamedTuple):
    """One kind of message: its name in jkbms.dbc, identifier at device address 0, and how often it comes (ms)."""

    name: str
    id: int
    extended: bool
    every_ms: int


def _message(name: str, identifier: int, every_ms: int) -> Message:
    return Message(name, identifier, identifier > 0x7FF, every_ms)


V2: tuple[Message, ...] = (
    _message("BATT_ST1", 0x2F4, 100),
    _message("CELL_VOLT", 0x4F4, 100),
    _message("ALM_INFO", 0x7F4, 100),
    _message("BATT_ST2", 0x18F128F4, 200),
    _message("BMSERR_INFO", 0x18F328F4, 100),
    _message("BMSSwSta", 0x18F528F4, 500),
    _message("BMSChg_INFO", 0x1806E5F4, 500),
    _message("CELL_TEMP", 0x5F4, 1000),
    _message("ALL_TEMP", 0x18F228F4, 1000),
    _message("BMS_INFO", 0x18F428F4, 1000),
    *(_message(f"CELLVOL_{4 * group + 1:02}", 0x18E028F4 + 0x10000 * group, 1500) for group in range(7)),
)
"""In the order of a cycle: as recorded, with the two that no recording has (alarms, faults) behind their likes."""

V1: tuple[Message, ...] = (
    _message("BATT_ST1", 0x2F4, 20),
    _message("CELL_VOLT", 0x4F4, 100),
    _message("CELL_TEMP", 0x5F4, 100),
    _message("ALM_INFO", 0x7F4, 100),
)
"""V1.02: four messages, with the periods of its document, as there is no recording."""

VERSIONS = {"v2": V2, "v1": V1}
READINGS = {
    "carry": "the address is added to the whole identifier, of which a standard frame keeps 11 bits",
    "wrap": "the address is added to the lowest byte alone",
}
"""What the firmware may do with addresses 12 to 15, for which 0xF4 has no room; nobody knows."""


def identifier(message: Message, address: int, reading: str = "carry") -> int:
    """The identifier of `message` from the pack at `address` (0..15); `reading`: a key of READINGS."""
    if reading == "wrap":
        return message.id & ~0xFF | (message.id + address) & 0xFF
    return message.id + address & (0x1FFFFFFF if message.extended else 0x7FF)


def seen(values: Values, second: int, seed: int) -> Values:
    """What CAN shows of the values of a live frame at `second`: rounded as the BMS does, absent sensors left out.

    Tenths of a volt and degrees are cut off (R3: 53.19 V is shown as 53.1, 22.8 degrees as 22); tenths of Ah are
    rounded (R1: 39476 mAh is shown as 39.5).
    """
    count = sum(1 for number in range(1, 33) if values.get(f"cell_voltage_{number}"))
    cells = [values[f"cell_voltage_{number}"] for number in range(1, count + 1)]
    truth: Values = {f"cell_voltage_{number}": mv for number, mv in enumerate(cells, 1)}
    for name in _SENSORS:
        if values[name] != ABSENT:
            truth[name] = values[name] // 10 * 10
    high, low = max(cells), min(cells)
    truth.update({
        "cell_count": count,
        "cell_voltage_max": high,
        "cell_voltage_min": low,
        "cell_max_number": _one_of(cells, high, second, seed, 61),
        "cell_min_number": _one_of(cells, low, second, seed, 62),
        "pack_voltage": values["pack_voltage"] // 100 * 100,
        "current": _nearest(values["current"]),
        "capacity_remaining": _nearest(values["capacity_remaining"]),
        "capacity_full": _nearest(values["capacity_full"]),
        "cycle_capacity": _nearest(values["cycle_capacity"]),
    })
    same = ("soc", "cycle_count", "soh", "total_runtime", "heating", "heating_current", "charge_mos", "discharge_mos")
    truth.update({name: values[name] for name in same})
    degrees = {place: truth[_SENSORS[place]] for place in _CELL_SENSORS if _SENSORS[place] in truth}
    if degrees:
        hot, cold = max(degrees.values()), min(degrees.values())
        truth.update({
            "temperature_max": hot,
            "temperature_min": cold,
            "temperature_max_index": next(place for place, value in degrees.items() if value == hot),
            "temperature_min_index": next(place for place, value in degrees.items() if value == cold),
            "temperature_average": sum(degrees.values()) // len(degrees) // 10 * 10,
        })
    return truth


def levels_of(alarms: set[str], soc: int, forced: Mapping[str, int], version: str) -> int:
    """The word of ALM_INFO for the alarm keys that stand; forced: alarm of ALARM_LEVELS -> level, whatever stands."""
    levels = {_RAISED_BY[name]: SERIOUS for name in alarms if name in _RAISED_BY}
    if soc < _SOC_LOW:
        levels["soc_low"] = GENERAL
    levels.update(forced)
    return sum(
        level << 2 * place for place, name in enumerate(ALARM_LEVELS)
        if (level := levels.get(name, 0)) and (version == "v1" or name not in _ONLY_V1)
    )


def payload(message: Message, truth: Values, sign: int = 1, absent: int = 0xFF) -> bytes | None:
    """The eight bytes of `message` for the values of the truth, or None while the pack does not send it.

    sign: -1 for a pack that counts discharging as positive; absent: the byte it sends for a sensor that is not there.
    """
    build = _BUILD.get(message.name)
    if build is None:
        return _cell_group(truth, int(message.name[-2:]))
    return build(truth, sign, absent)


def _cell_group(truth: Values, first: int) -> bytes | None:
    if first > truth["cell_count"]:
        return None
    return _words(*(truth.get(f"cell_voltage_{number}", 0) for number in range(first, first + 4)))


def _battery_1(truth: Values, sign: int, absent: int) -> bytes:
    current = sign * truth["current"] // 100 + _CURRENT_ZERO
    # No more than a word can go onto the wire; what a BMS does beyond -400 A is unknown.
    head = _words(truth["pack_voltage"] // 100, min(0xFFFF, max(0, current)))
    return head + bytes((truth["soc"], 0)) + _words(truth.get("discharge_time", 0))


def _cell_extremes(truth: Values, sign: int, absent: int) -> bytes:
    out = b""
    for kind in ("max", "min"):
        out += _words(truth[f"cell_voltage_{kind}"]) + bytes((truth[f"cell_{kind}_number"],))
    return out + b"\0\0"


def _cell_temperatures(truth: Values, sign: int, absent: int) -> bytes:
    if "temperature_max" not in truth:
        return bytes((absent, 0, absent, 0, absent, 0, 0, 0))
    return bytes((
        _degrees(truth["temperature_max"]), truth["temperature_max_index"],
        _degrees(truth["temperature_min"]), truth["temperature_min_index"],
        _degrees(truth["temperature_average"]), 0, 0, 0,
    ))


def _battery_2(truth: Values, sign: int, absent: int) -> bytes:
    return _words(
        truth["capacity_remaining"] // 100, truth["capacity_full"] // 100, truth["cycle_capacity"] // 100 & 0xFFFF,
        truth["cycle_count"],
    )


def _all_temperatures(truth: Values, sign: int, absent: int) -> bytes:
    shown = [_degrees(truth[name]) if name in truth else absent for name in _SENSORS]
    return bytes((_MASK_SEEN, *shown, 0, 0))


def _switches(truth: Values, sign: int, absent: int) -> bytes:
    names = ("charge_mos", "discharge_mos", "balancing", "heating", "charger_plugged", "acc_status")
    return bytes((sum(truth[name] << bit for bit, name in enumerate(names)),)) + bytes(7)


def _about_time(truth: Values, sign: int, absent: int) -> bytes:
    return truth["total_runtime"].to_bytes(4, "little") + _words(truth["heating_current"]) + bytes((truth["soh"], 0))


def _charger(truth: Values, sign: int, absent: int) -> bytes:
    """The one message with the high byte first; its switch is 0 for on."""
    volt, ampere = truth["charge_request_voltage"] // 100, truth["charge_request_current"] // 100
    switches = bytes((1 - truth["charge_request"], truth["charge_request_heating"]))
    return volt.to_bytes(2, "big") + ampere.to_bytes(2, "big") + switches + b"\0\0"


def _alarm_levels(truth: Values, sign: int, absent: int) -> bytes | None:
    word: int = truth["alarm_levels"]
    return word.to_bytes(8, "little") if word else None


def _faults(truth: Values, sign: int, absent: int) -> bytes | None:
    word: int = truth["alarms"]
    return word.to_bytes(8, "little") if word else None


_BUILD = {
    "BATT_ST1": _battery_1, "CELL_VOLT": _cell_extremes, "CELL_TEMP": _cell_temperatures, "ALM_INFO": _alarm_levels,
    "BATT_ST2": _battery_2, "ALL_TEMP": _all_temperatures, "BMSERR_INFO": _faults, "BMS_INFO": _about_time,
    "BMSSwSta": _switches, "BMSChg_INFO": _charger,
}


def _words(*numbers: int) -> bytes:
    return b"".join(min(0xFFFF, number).to_bytes(2, "little") for number in numbers)


def _degrees(tenths: int) -> int:
    return min(0xFE, max(1, tenths // 10 + _DEGREES_ZERO))


def _nearest(number: int) -> int:
    """To whole hundreds, halves away from zero."""
    return (abs(number) + 50) // 100 * (100 if number >= 0 else -100)


def _one_of(cells: Sequence[int], value: int, second: int, *key: int) -> int:
    """The number, from 1, of one of the cells that have `value`: not always the first (can.md 4.2)."""
    alike = [number for number, mv in enumerate(cells, 1) if mv == value]
    return alike[whole(0, len(alike) - 1, second, *key)]
