"""What of a pack can be written over Modbus, how wide, and how far a value may go (protocol/rs485.md 4, 6, 8).

The simulator's own knowledge, like layout.py. No source knows the limits of a real BMS: the widest range that any
project allows in section 4 is taken, so that nothing is refused here that was ever accepted somewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from .layout import ABOUT, ABOUT_ROWS, BLOCKS, ROWS, SETTINGS, SETTINGS_ROWS, WIDTHS

FIRMWARE_UPDATE = 0x1626
PRESETS = {0x160A: "li-ion", 0x160C: "lfp", 0x160E: "lto"}
PRESET = "preset_"

_OPEN = {
    "u8": (0, 0xFF), "i8": (-0x80, 0x7F), "u16": (0, 0xFFFF), "u32": (0, 0xFFFFFFFF), "i32": (-0x80000000, 0x7FFFFFFF),
}
_PROTOCOL = (0, 31)
_TRIGGER = (0, 14)
_OVERTEMPERATURE = (-400, 2000)
_UNDERTEMPERATURE = (-1000, 2000)
_MOS = (300, 1100)
_SECONDS = (0, 3600)
_SWITCH = (0, 1)

# Raw numbers as in the frame. What is not here may have any value its width can hold.
_LIMITS = {
    "smart_sleep_voltage": (0, 5000), "cell_undervoltage_protection": (1200, 4500),
    "cell_undervoltage_recovery": (1200, 4500), "cell_overvoltage_protection": (1200, 4500),
    "cell_overvoltage_recovery": (1200, 4500), "balance_trigger_voltage": (1, 1000),
    "cell_soc100_voltage": (3, 4500), "cell_soc0_voltage": (3, 4500),
    "cell_request_charge_voltage": (3, 5000), "cell_request_float_voltage": (3, 5000),
    "power_off_voltage": (1200, 4500), "balance_start_voltage": (1200, 4350),
    "max_charge_current": (0, 600_100), "max_discharge_current": (0, 1_200_100), "max_balance_current": (0, 15_000),
    "charge_overcurrent_delay": _SECONDS, "charge_overcurrent_recovery_time": _SECONDS,
    "discharge_overcurrent_delay": _SECONDS, "discharge_overcurrent_recovery_time": _SECONDS,
    "short_circuit_recovery_time": _SECONDS,
    "short_circuit_protection_delay": (0, 1_000_000),  # 0 is taken: it switches the protection off (section 8.6)
    "charge_overtemperature_protection": _OVERTEMPERATURE, "charge_overtemperature_recovery": _OVERTEMPERATURE,
    "discharge_overtemperature_protection": _OVERTEMPERATURE, "discharge_overtemperature_recovery": _OVERTEMPERATURE,
    "charge_undertemperature_protection": _UNDERTEMPERATURE, "charge_undertemperature_recovery": _UNDERTEMPERATURE,
    "mos_overtemperature_protection": _MOS, "mos_overtemperature_recovery": _MOS,
    "cell_count": (1, 32), "charge_switch": _SWITCH, "discharge_switch": _SWITCH, "balance_switch": _SWITCH,
    "battery_capacity": (1000, 20_000_000), "device_address": (0, 15), "precharge_time": (0, 255),
    "heating_start_temperature": (-40, 100), "heating_stop_temperature": (-40, 100), "smart_sleep_time": (1, 100),
    "uart1_protocol": _PROTOCOL, "can_protocol": _PROTOCOL, "uart2_protocol": _PROTOCOL,
    "lcd_buzzer_trigger": _TRIGGER, "dry1_trigger": _TRIGGER, "dry2_trigger": _TRIGGER,
    "rcv_time": (1, 255),  # 0 was refused with code 03 (section 8.3)
    "voltage_calibration": (1, 0xFFFFFFFF), "current_calibration": (1, 0xFFFFFFFF),
    **{f"connection_wire_resistance_{n}": (0, 1000) for n in range(32)},
}

# Registers of one word: names of the high and of the low byte; None: read-only, what is written there is lost.
_PAIRS: dict[int, tuple[str | None, str | None]] = {
    0x1116: ("heating_start_temperature", "heating_stop_temperature"),
    0x1118: ("smart_sleep_time", None),
    0x14B2: ("uart1_protocol", "can_protocol"),
    0x14D4: ("uart2_protocol", None),
    0x14E4: ("lcd_buzzer_trigger", "dry1_trigger"),
    0x14E6: ("dry2_trigger", None),
    0x1504: ("rcv_time", "rfv_time"),
}
_COMMANDS = {
    0x1600: ("u32", "voltage_calibration"), 0x1604: ("u16", "shutdown"), 0x1606: ("u32", "current_calibration"),
    **{register: ("u16", PRESET + name) for register, name in PRESETS.items()},
    0x1610: ("u16", "emergency"), 0x1612: ("u32", "clock"),
}
COMMANDS = tuple(name for _, name in _COMMANDS.values())  # write-only
_UNWRITABLE = ("current_range_raw",)  # register 0x1110 is in no vendor page
_ABOUT_WIDE = range(0x14E8, 0x1501)  # trigger and release values, log period: four bytes each

Part = tuple[str, "str | None"]  # (kind, name)


def _table() -> dict[int, tuple[Part, ...]]:
    bases = {kind: base for base, kind in BLOCKS.items()}
    table: dict[int, tuple[Part, ...]] = {register: (part,) for register, part in _COMMANDS.items()}
    for frame, rows in ((SETTINGS, SETTINGS_ROWS), (ABOUT, ABOUT_ROWS)):
        for offset, kind, name in rows:
            register = bases[frame] + offset - 6
            wide = WIDTHS[kind] >= 2 and (frame == SETTINGS or register in _ABOUT_WIDE)
            if wide and name not in _UNWRITABLE:
                table[register] = ((kind, name),)
    kinds = {name: kind for frame in (SETTINGS, ABOUT) for _, kind, name in ROWS[frame]}
    for register, names in _PAIRS.items():
        table[register] = tuple((kinds[name] if name else "u8", name) for name in names)
    return table


REGISTERS = _table()
"""Register -> its parts from the high byte down, each (kind as in layout.py, canonical name or None)."""

WRITABLE = tuple(name for parts in REGISTERS.values() for _, name in parts if name)


def words_of(register: int) -> int:
    """How many 16-bit words a write to `register` carries."""
    return sum(WIDTHS[kind] for kind, _ in REGISTERS[register]) // 2


def values_of(register: int, data: bytes) -> dict[str, int]:
    """Canonical name -> raw number that the bytes `data`, big-endian as on the wire, mean for `register`."""
    values = {}
    at = 0
    for kind, name in REGISTERS[register]:
        size = WIDTHS[kind]
        if name is not None:
            values[name] = int.from_bytes(data[at : at + size], "big", signed=kind.startswith("i"))
        at += size
    return values


def span_of(name: str) -> tuple[int, int]:
    """The lowest and highest raw number the pack takes for `name`."""
    if name in _LIMITS:
        return _LIMITS[name]
    kind = next(kind for parts in REGISTERS.values() for kind, known in parts if known == name)
    return _OPEN[kind]


ORDERS = {
    "enforced": "cell_overvoltage_protection > cell_soc100_voltage > cell_overvoltage_recovery",
    "strict": "also the chain every recorded pack keeps: power off < UVP < SOC 0 % < UVP recovery, "
              "OVP recovery < SOC 100 % < RCV < OVP, RFV < RCV, temperature recoveries on the safe side",
    "none": "any order is taken",
}
_ENFORCED = (("cell_overvoltage_recovery", "cell_soc100_voltage", "cell_overvoltage_protection"),)
_STRICT = (
    ("power_off_voltage", "cell_undervoltage_protection", "cell_soc0_voltage", "cell_undervoltage_recovery"),
    ("cell_overvoltage_recovery", "cell_soc100_voltage", "cell_request_charge_voltage", "cell_overvoltage_protection"),
    ("cell_request_float_voltage", "cell_request_charge_voltage"),
    ("charge_overtemperature_recovery", "charge_overtemperature_protection"),
    ("discharge_overtemperature_recovery", "discharge_overtemperature_protection"),
    ("mos_overtemperature_recovery", "mos_overtemperature_protection"),
    ("charge_undertemperature_protection", "charge_undertemperature_recovery"),
)
_CHAINS: dict[str, tuple[tuple[str, ...], ...]] = {
    "enforced": _ENFORCED, "strict": _ENFORCED + _STRICT, "none": (),
}


def keeps_order(order: str, values: Mapping[str, int], changed: str) -> bool:
    """Whether `values` keep every rule of `order` (a key of ORDERS) that the name `changed` is part of."""
    for chain in _CHAINS[order]:
        if changed in chain:
            at = chain.index(changed)
            near = chain[max(0, at - 1) : at + 2]
            if any(values[low] >= values[high] for low, high in zip(near, near[1:], strict=False)):
                return False
    return True
