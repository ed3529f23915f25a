"""What can be ordered and is no field: the write-only registers of block 0x1600 (protocol/rs485.md section 8.4).

All of them are dangerous. The firmware update (0x1626) is not among them and cannot be reached: a register is only ever
taken from this table or from a field row. Those without a value are sent as the captured preset is, with 00 00; of all
others no capture exists.
"""

from jkcore import modbus
from jkcore.fields import codes, table
from jkcore.shim import const

FIRST = const(0x4000)  # an action is known by FIRST + its number, where a field has its row number

# Name, low byte of its register, 16-bit words, decimals, lowest, highest value.
_TABLE = (
    ("preset_li_ion", modbus.PRESETS[0], 1, 0, 0, 0),
    ("preset_lfp", modbus.PRESETS[1], 1, 0, 0, 0),
    ("preset_lto", modbus.PRESETS[2], 1, 0, 0, 0),
    ("shutdown", 0x04, 1, 0, 0, 0),
    ("emergency_start", 0x10, 1, 0, 0, 0),
    ("calibrate_voltage", 0x00, 2, 3, 10000, 80000),
    ("calibrate_current", 0x06, 2, 3, -400000, 400000),
    ("set_clock", 0x12, 2, 0, 1, 0x3FFFFFFF),  # seconds since 2020-01-01
)
_PRESET_CELLS = ("li-ion", "lfp", "lto")
_CLOSE = const(20)  # a calibration may move a reading by a 20th of it ...
_CLOSE_CURRENT = const(10000)  # ... or by so many mA


def find(name: str) -> int:
    """FIRST + number of an action, -1: there is none."""
    for i in range(len(_TABLE)):
        if _TABLE[i][0] == name:
            return FIRST + i
    return -1


def names() -> list:
    """Names of all actions."""
    return [entry[0] for entry in _TABLE]


def entry(action: int):
    """(name, low byte of the register, words, decimals, lowest, highest) of an action."""
    return _TABLE[action - FIRST]


def cells(action: int):
    """The chemistry a preset is for; None for other actions."""
    number = action - FIRST
    return _PRESET_CELLS[number] if number < len(_PRESET_CELLS) else None


def expected(action: int) -> str:
    """Name of the live field a calibration is compared with; "" for the others."""
    return {"calibrate_voltage": "pack_voltage", "calibrate_current": "current"}.get(entry(action)[0], "")


def close(action: int, value: int, live: int) -> bool:
    """True when a calibration value is near enough to what the battery measures not to be a slip."""
    apart = value - live if value > live else live - value
    limit = (live if live > 0 else -live) // _CLOSE
    if table.at(table.find(expected(action), 2)).unit == codes.A and limit < _CLOSE_CURRENT:
        limit = _CLOSE_CURRENT
    return apart <= limit
