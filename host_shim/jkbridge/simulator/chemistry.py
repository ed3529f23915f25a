"""Open-circuit voltages and factory limits of the cells the simulator knows: LFP and Li-ion (NMC)."""

from __future__ import annotations

# State of charge in percent -> open-circuit voltage in mV, straight lines between. The LFP plateau and its
# two knees are what makes SOC hard to read from voltage; the curves are typical cells at 25 degC, not one
# product.
_LFP_CURVE = (
    (0, 2550), (2, 2850), (5, 3040), (10, 3190), (20, 3245), (30, 3278), (40, 3288), (50, 3294), (60, 3302),
    (70, 3322), (80, 3330), (90, 3334), (95, 3340), (98, 3362), (99, 3392), (99.7, 3450), (100, 3520),
    (102, 3720),
)
_NMC_CURVE = (
    (0, 2900), (5, 3280), (10, 3430), (20, 3540), (30, 3600), (40, 3645), (50, 3695), (60, 3770), (70, 3855),
    (80, 3950), (90, 4055), (95, 4105), (100, 4165), (102, 4240),
)

# The BMS's own one-key values (protocol/rs485.md section 4), mV.
_LFP_LIMITS = {
    "smart_sleep_voltage": 3500, "cell_undervoltage_protection": 2580, "cell_undervoltage_recovery": 2620,
    "cell_overvoltage_protection": 3650, "cell_overvoltage_recovery": 3580, "balance_trigger_voltage": 10,
    "cell_soc100_voltage": 3590, "cell_soc0_voltage": 2600, "cell_request_charge_voltage": 3600,
    "cell_request_float_voltage": 3500, "power_off_voltage": 2500, "balance_start_voltage": 3000,
}
_NMC_LIMITS = {
    "smart_sleep_voltage": 4150, "cell_undervoltage_protection": 2820, "cell_undervoltage_recovery": 2850,
    "cell_overvoltage_protection": 4200, "cell_overvoltage_recovery": 4170, "balance_trigger_voltage": 10,
    "cell_soc100_voltage": 4180, "cell_soc0_voltage": 2840, "cell_request_charge_voltage": 4190,
    "cell_request_float_voltage": 4100, "power_off_voltage": 2800, "balance_start_voltage": 3000,
}


class Chemistry:
    """A cell kind: `name`, `code` (live byte 275 on V19), `limits` (settings in mV) and its voltage curve."""

    def __init__(
        self, name: str, code: int, curve: tuple[tuple[float, float], ...], limits: dict[str, int]
    ) -> None:
        self.name = name
        self.code = code
        self.limits = limits
        self._curve = curve

    def open_circuit_mv(self, soc: float) -> float:
        """Resting voltage in mV at `soc` percent; beyond the ends the last slope goes on."""
        curve = self._curve
        low = curve[0]
        for high in curve[1:]:
            if soc <= high[0]:
                break
            low = high
        if low is high:
            low = curve[-2]
        return low[1] + (soc - low[0]) * (high[1] - low[1]) / (high[0] - low[0])


CHEMISTRIES = {
    "lfp": Chemistry("lfp", 0, _LFP_CURVE, _LFP_LIMITS),
    "li-ion": Chemistry("li-ion", 1, _NMC_CURVE, _NMC_LIMITS),
}


def chemistry_of(name: str) -> Chemistry:
    """The chemistry called `name`. Raises ValueError with the names there are."""
    try:
        return CHEMISTRIES[name]
    except KeyError:
        known = ", ".join(CHEMISTRIES)
        raise ValueError(f"chemistry {name!r} is not simulated; choose one of {known}") from None
