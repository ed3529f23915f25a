"""Alarms of a pack and the MOSFETs they switch off, by the pack's own settings (protocol/rs485.md 4, 7)."""

from __future__ import annotations

from collections.abc import Iterable

from .cells import Cells

Settings = dict[str, int]
WIRE_LIMIT_MOHM = 400  # a balance wire with more raises the alarm

ALARM_BITS = {
    "wire_resistance": 0, "mos_overtemp": 1, "cell_count_mismatch": 2, "current_sensor": 3,
    "cell_overvoltage": 4,
    "pack_overvoltage": 5, "charge_overcurrent": 6, "charge_short_circuit": 7, "charge_overtemp": 8,
    "charge_undertemp": 9, "aux_cpu_comm": 10, "cell_undervoltage": 11, "pack_undervoltage": 12,
    "discharge_overcurrent": 13, "discharge_short_circuit": 14, "discharge_overtemp": 15,
    "charge_mos_fault": 16,
    "discharge_mos_fault": 17, "gps_disconnected": 18, "change_password": 19, "discharge_on_failed": 20,
    "battery_overtemp": 21, "temp_sensor_fault": 22, "pcl_module_fault": 23, "scp_release_failed": 24,
    "discharge_ocp_2": 25, "discharge_ocp_3": 26, "discharge_undertemp": 27, "gps_remote_lock": 28,
}

STOPS_CHARGE = (
    "cell_overvoltage", "pack_overvoltage", "charge_overcurrent", "charge_short_circuit", "charge_overtemp",
    "charge_undertemp", "mos_overtemp", "cell_count_mismatch", "charge_mos_fault", "current_sensor",
)
STOPS_DISCHARGE = (
    "cell_undervoltage", "pack_undervoltage", "discharge_overcurrent", "discharge_short_circuit",
    "discharge_overtemp", "mos_overtemp", "cell_count_mismatch", "discharge_mos_fault", "current_sensor",
    "discharge_undertemp",
)

_TEMP_SENSORS_DISABLED = 1 << 1  # control word


def alarm_mask(names: Iterable[str]) -> int:
    """The 32-bit alarm word for short alarm keys. Raises KeyError for a key that does not exist."""
    mask = 0
    for name in names:
        mask |= 1 << ALARM_BITS[name]
    return mask


class Protection:
    """Latches with the hysteresis of the settings.

    active: the set of alarm keys raised by the model; forced: further keys held up by whoever runs the
    simulation; releases: seconds left until an over-current protection lets go, by alarm key.
    """

    def __init__(self) -> None:
        self.active: set[str] = set()
        self.forced: set[str] = set()
        self.releases: dict[str, float] = {}
        self.raised = 0  # how often an alarm came up, for detail_log_count
        self._over_for = {"charge_overcurrent": 0.0, "discharge_overcurrent": 0.0}

    @property
    def alarms(self) -> set[str]:
        """All alarm keys that stand now."""
        return self.active | self.forced

    @property
    def charge_allowed(self) -> bool:
        return not any(name in self.active or name in self.forced for name in STOPS_CHARGE)

    @property
    def discharge_allowed(self) -> bool:
        return not any(name in self.active or name in self.forced for name in STOPS_DISCHARGE)

    def update(self, seconds: float, settings: Settings, cells: Cells, ampere: float) -> None:
        """Judge the state of `cells` after `seconds` with `ampere` flowing."""
        high, low = max(cells.voltages), min(cells.voltages)
        self._latch("cell_overvoltage", high >= settings["cell_overvoltage_protection"],
                    high <= settings["cell_overvoltage_recovery"])
        self._latch("cell_undervoltage", low <= settings["cell_undervoltage_protection"],
                    low >= settings["cell_undervoltage_recovery"])
        mismatch = settings["cell_count"] != cells.count
        self._latch("cell_count_mismatch", mismatch, not mismatch)
        wires = any(mohm > WIRE_LIMIT_MOHM for mohm in cells.wire_mohm)
        self._latch("wire_resistance", wires, not wires)
        self._temperatures(settings, cells)
        self._overcurrent("charge_overcurrent", seconds, ampere, settings["max_charge_current"],
                          settings["charge_overcurrent_delay"], settings["charge_overcurrent_recovery_time"])
        self._overcurrent("discharge_overcurrent", seconds, -ampere, settings["max_discharge_current"],
                          settings["discharge_overcurrent_delay"],
                          settings["discharge_overcurrent_recovery_time"])

    def _temperatures(self, settings: Settings, cells: Cells) -> None:
        if settings["controls"] & _TEMP_SENSORS_DISABLED:
            for name in ("charge_overtemp", "discharge_overtemp", "charge_undertemp"):
                self.active.discard(name)
            return
        hot, cold, mos = 10 * max(cells.probes_degc), 10 * min(cells.probes_degc), 10 * cells.mos_degc
        for name, prefix in (("charge_overtemp", "charge"), ("discharge_overtemp", "discharge")):
            self._latch(name, hot >= settings[prefix + "_overtemperature_protection"],
                        hot <= settings[prefix + "_overtemperature_recovery"])
        self._latch("charge_undertemp", cold <= settings["charge_undertemperature_protection"],
                    cold >= settings["charge_undertemperature_recovery"])
        self._latch("mos_overtemp", mos >= settings["mos_overtemperature_protection"],
                    mos <= settings["mos_overtemperature_recovery"])

    def _overcurrent(
        self, name: str, seconds: float, ampere: float, limit_ma: int, delay: int, recovery: int
    ) -> None:
        if name in self.active:
            left = self.releases.get(name, 0) - seconds
            self.releases[name] = max(0, left)
            if left <= 0:
                self.active.discard(name)
            return
        self._over_for[name] = self._over_for[name] + seconds if 1000 * ampere > limit_ma else 0.0
        if self._over_for[name] > delay:
            self._over_for[name] = 0.0
            self.releases[name] = recovery
            self._raise(name)

    def _latch(self, name: str, on: bool, off: bool) -> None:
        if on:
            self._raise(name)
        elif off:
            self.active.discard(name)

    def _raise(self, name: str) -> None:
        if name not in self.active:
            self.active.add(name)
            self.raised += 1
