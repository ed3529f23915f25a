"""The settings a one-key preset puts in place, as recorded on firmware 15.30 (protocol/rs485.md section 4, 8.4)."""

from __future__ import annotations

from .chemistry import CHEMISTRIES
from .profiles import Profile

# No LTO cell is simulated, but the preset of any pack knows its limits, mV.
_LTO_LIMITS = {
    "smart_sleep_voltage": 2500, "cell_undervoltage_protection": 1800, "cell_undervoltage_recovery": 1850,
    "cell_overvoltage_protection": 2700, "cell_overvoltage_recovery": 2640, "balance_trigger_voltage": 10,
    "cell_soc100_voltage": 2650, "cell_soc0_voltage": 1840, "cell_request_charge_voltage": 2680,
    "cell_request_float_voltage": 2550, "power_off_voltage": 1700, "balance_start_voltage": 2000,
}
# The same for every chemistry. 40 Ah, whatever the pack was told before: the reason why it wipes its history.
_COMMON = {
    "max_charge_current": 40_000, "charge_overcurrent_delay": 3, "charge_overcurrent_recovery_time": 60,
    "max_discharge_current": 150_000, "discharge_overcurrent_delay": 300, "discharge_overcurrent_recovery_time": 60,
    "short_circuit_recovery_time": 5,
    "charge_overtemperature_protection": 700, "charge_overtemperature_recovery": 600,
    "discharge_overtemperature_protection": 700, "discharge_overtemperature_recovery": 600,
    "battery_capacity": 40_000, "smart_sleep_time": 24,
}


def preset_settings(chemistry: str, profile: Profile, rating: str) -> dict[str, int]:
    """Settings of the preset `chemistry` (li-ion, lfp, lto) for a pack of `rating`, such as PB2A16S20P (2 A balancer).

    Cell count, switches, address and wires are not in it: no recording shows them changed.
    """
    limits = _LTO_LIMITS if chemistry == "lto" else CHEMISTRIES[chemistry].limits
    return {**_COMMON, "max_balance_current": 1000 * int(rating[2]), **limits, **profile.settings}
