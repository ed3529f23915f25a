"""What the one-key presets leave behind, as recorded on firmware 15.30 (protocol/rs485.md section 4).

A preset overwrites nearly everything; these are the settings that follow from the chemistry of the cells, and some
temperatures. Loaded when a preset is ordered.
"""

from jkcore.fields import table
from jkcore.shim import const
from jkcore.writes import limits
from jkcore.writes.bounds import CHEMISTRIES, of_cells

_FROM = const(1530)  # other generations were recorded with other temperatures
_BEFORE = const(1900)

# mV, by chemistry in the order of bounds.py; what bounds.py knows is not repeated here.
_VOLTAGES = (
    ("cell_undervoltage_protection", 2580, 2820, 1800),
    ("cell_undervoltage_recovery", 2620, 2850, 1850),
    ("cell_overvoltage_recovery", 3580, 4170, 2640),
    ("cell_soc100_voltage", 3590, 4180, 2650),
    ("cell_soc0_voltage", 2600, 2840, 1840),
    ("cell_request_charge_voltage", 3600, 4190, 2680),
    ("cell_request_float_voltage", 3500, 4100, 2550),
    ("smart_sleep_voltage", 3500, 4150, 2500),
    ("balance_start_voltage", 3000, 3000, 2000),
    ("balance_trigger_voltage", 10, 10, 10),
)
_TEMPERATURES = (  # 0.1 degC
    ("charge_undertemperature_protection", 20),
    ("charge_undertemperature_recovery", 70),
    ("mos_overtemperature_protection", 800),
    ("mos_overtemperature_recovery", 700),
)


def values(chemistry: str, firmware: int) -> list:
    """[(row, value)] that must be read back after the preset of a chemistry; firmware as in Pack, 0: not known."""
    low, high = of_cells(chemistry)
    found = [("cell_overvoltage_protection", high), ("power_off_voltage", low)]
    cells = CHEMISTRIES.index(chemistry)
    for row in _VOLTAGES:
        found.append((row[0], row[1 + cells]))
    if _FROM <= firmware < _BEFORE:
        found.extend(_TEMPERATURES)
    return [(table.find(name, 1), value) for name, value in found]


def otherwise(expected: list, found: list) -> str:
    """What is not as it should be, for a sentence. expected: as values() gives it; found: the values in its place."""
    told = []
    for i in range(len(expected)):
        r, value = expected[i]
        if found[i] != value:
            told.append("%s %s instead of %s" % (table.name(r), limits.told(r, found[i]), limits.told(r, value)))
    return ", ".join(told)
