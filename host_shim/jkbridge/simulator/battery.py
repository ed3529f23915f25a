"""One pack living through the day: cells, BMS, settings, counters. Driven by a supplied time only."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .cells import Cells
from .chemistry import chemistry_of
from .day import Day
from .layout import SETTINGS_ROWS
from .noise import noise, whole
from .presets import preset_settings
from .profiles import Profile, profile_of
from .protection import Protection
from .runtime import RunTime

STEP_S = 10  # the model moves in steps of this many seconds of battery time
BULK, ABSORPTION, FLOAT = 0, 1, 2
BALANCE_OFF, BALANCE_CHARGING_LOW, BALANCE_DISCHARGING_HIGH = 0, 1, 2

STORIES = {
    "default_password": "the BMS complains that its password was never changed (alarm bit 19)",
    "imbalanced": "one cell runs ahead: over-voltage alarm and charge MOSFET off at the end of charging",
    "cold": "a frosty shed: charge under-temperature alarm until the heating or the day warms the cells",
    "worn": "an old pack: SOH 91 %, less capacity, many cycles",
    "bad_wire": "the balance wire of cell 5 has too much resistance (alarm bit 0)",
}
_SETTINGS = frozenset(name for _, _, name in SETTINGS_ROWS)
_HEATING = 1 << 0  # control word
_FLOAT_MODE = 1 << 9
_HEATER_A = 4.5
_HEATER_DEGC_PER_HOUR = 12.0
_COLD_LIMITS = {"charge_undertemperature_protection": 20, "charge_undertemperature_recovery": 50}


class Battery:
    """A JK pack.

    profile: firmware name or Profile; cells 2..32; chemistry "lfp" or "li-ion"; capacity_ah design capacity;
    start_s: seconds since midnight at which it begins to live; soc: percent, None = usual for that hour;
    stories: any of STORIES; probes: external sensors that are plugged in, of 1, 2, 4, 5; seed: all chance.

    texts: texts of the about frame in place of made-up ones, such as {"setup_password": "..."}.
    settings: canonical name -> scaled integer, as the BMS keeps them; about: the same for what the about frame shows,
    and its fixed texts. protection.forced: alarm keys held up.
    wish: None, or a function of seconds since midnight that gives the current (A, positive = charging) the
    outside asks for, in place of the day's. Change them at any time; the next step obeys, after change() at once.
    """

    def __init__(
        self,
        profile: str | Profile = "15.41",
        *,
        cells: int = 16,
        chemistry: str = "lfp",
        capacity_ah: int = 280,
        day: Day | None = None,
        start_s: float = 9 * 3600,
        soc: float | None = None,
        stories: Sequence[str] = (),
        probes: Sequence[int] = (1, 2, 4, 5),
        seed: int = 0,
        rating: str = "PB2A16S20P",
    ) -> None:
        unknown = set(stories) - set(STORIES)
        if unknown:
            raise ValueError(f"story {min(unknown)!r} is unknown; choose from {', '.join(STORIES)}")
        if not 2 <= cells <= 32:
            raise ValueError(f"a pack has 2 to 32 cells, not {cells}")
        self.profile = profile_of(profile) if isinstance(profile, str) else profile
        self.day = day or Day(seed)
        self.seed = seed
        self.stories = tuple(stories)
        self.probes = tuple(probes)
        self.rating = rating
        self.chemistry = chemistry_of(chemistry)
        self.start_s = start_s
        self.texts: dict[str, str] = {}
        self.wish: Callable[[float], float] | None = None
        self._share = 0.98 + 0.04 * noise(seed, 21)  # parallel packs never share the current evenly
        worn = "worn" in stories
        self.soh = 91 if worn else 100
        self.capacity_full_mah = capacity_ah * 10 * self.soh
        if soc is None:
            soc = self.day.usual_soc(start_s) + 2 * noise(seed, 22) - 1
        full_ah = self.capacity_full_mah / 1000
        self.cells = Cells(cells, self.chemistry, full_ah, soc, self._room(start_s), seed)
        if "imbalanced" in stories:
            self.cells.charge[whole(0, cells - 1, seed, 23)] += 1.3
        if "bad_wire" in stories:
            self.cells.wire_mohm[min(4, cells - 1)] = 620
        self.settings = self._first_settings(capacity_ah)
        self.about = {**self.profile.about, "uart2_protocol": 1}
        self.protection = Protection()
        if "default_password" in stories:
            self.protection.forced.add("change_password")
        self.remaining_mah = self.capacity_full_mah * min(100.0, max(0.0, soc)) / 100
        self.discharged_mah = float(self.capacity_full_mah * (whole(1200, 1900, seed, 24) if worn
                                                              else whole(4, 90, seed, 24))
                                    + whole(0, self.capacity_full_mah - 1, seed, 25))
        self.run_time = RunTime(start_s, seed)
        self._emergency_end_s = float(start_s)
        self.first_log_count = whole(9, 300, seed, 28)
        self.charge_status = BULK
        self.status_since_s = float(start_s)
        self.balance_state = BALANCE_OFF
        self.balance_ma = 0
        self.heating = 0
        self.steps = 0
        self.flows_since_s = float(start_s)  # since when `ampere` flows and is not yet in the counters
        self.ampere = self._flowing(start_s)
        self.cells.settle(self.ampere)

    def _first_settings(self, capacity_ah: int) -> dict[str, int]:
        values = {
            "max_charge_current": 100_000, "charge_overcurrent_delay": 3,
            "charge_overcurrent_recovery_time": 60,
            "max_discharge_current": 150_000, "discharge_overcurrent_delay": 300,
            "discharge_overcurrent_recovery_time": 60, "short_circuit_recovery_time": 5,
            "max_balance_current": 2000,
            "charge_overtemperature_protection": 550, "charge_overtemperature_recovery": 500,
            "discharge_overtemperature_protection": 600, "discharge_overtemperature_recovery": 550,
            "cell_count": self.cells.count, "charge_switch": 1, "discharge_switch": 1, "balance_switch": 1,
            "battery_capacity": capacity_ah * 1000, "smart_sleep_time": 24,
        }
        values.update(self.chemistry.limits)
        values.update(self.profile.settings)
        if "cold" in self.stories:
            values.update(_COLD_LIMITS)
            values["controls"] |= _HEATING
            if self.profile.heating_used:
                values.update(heating_start_temperature=2, heating_stop_temperature=8)
        return values

    def _room(self, t: float) -> float:
        return self.day.room_degc(t) - (15 if "cold" in self.stories else 0)

    @property
    def t(self) -> float:
        """Seconds since midnight up to which the pack has lived."""
        return self.start_s + self.steps * STEP_S

    @property
    def charge_mos(self) -> int:
        return int(bool(self.settings["charge_switch"]) and self.protection.charge_allowed)

    @property
    def discharge_mos(self) -> int:
        allowed = self.protection.discharge_allowed or self.emergency_left_s(self.flows_since_s) > 0
        return int(bool(self.settings["discharge_switch"]) and allowed)

    def advance(self, t: float) -> None:
        """Live on to `t` seconds since midnight. Going back in time does nothing."""
        steps = int((t - self.start_s) // STEP_S)
        while self.steps < steps:
            self._step(self.t)
            self.steps += 1

    def _step(self, t: float) -> None:
        self._heat(t)
        self.cells.step(STEP_S, self.ampere, self._room(t))
        self._count(t + STEP_S)
        self.protection.update(STEP_S, self.settings, self.cells, self.ampere)
        self._balance()
        self._charge_status(t + STEP_S)
        # The current for the step to come is settled now, so that what is shown within it flows on exactly.
        self.ampere = self._flowing(t + STEP_S)
        self.cells.settle(self.ampere)

    def _flowing(self, t: float) -> float:
        """Current in A after the inverter obeyed the requested voltage and the MOSFETs had their say."""
        if self.wish is not None:
            wish = self.wish(t)
        else:
            wish = self._share * self.day.wish(t) * self.capacity_full_mah / 1000
        if wish > 0:
            if not self.charge_mos:
                return 0.0
            if self.wish is None:
                wish = min(wish, 0.00095 * self.settings["max_charge_current"])
                rest, ohm = self.cells.rest_mv()
                wish = min(wish, max(0.0, (self.target_mv() - rest) / 1000 / ohm))
            return wish
        return wish if self.discharge_mos else 0.0

    def target_mv(self) -> int:
        """Cell voltage in mV the BMS asks the charger for."""
        if self.charge_status == FLOAT and self.settings["controls"] & _FLOAT_MODE:
            return self.settings["cell_request_float_voltage"]
        return self.settings["cell_request_charge_voltage"]

    def _charge_status(self, t: float) -> None:
        mean = sum(self.cells.voltages) / self.cells.count
        status = self.charge_status
        if status == BULK and mean >= self.settings["cell_request_charge_voltage"] - 8:
            status = ABSORPTION
        elif status == ABSORPTION:
            if mean >= self.settings["cell_soc100_voltage"] - 8:
                self.remaining_mah = float(self.capacity_full_mah)
            if t - self.status_since_s >= self.about["rcv_time"] * 360:
                status = FLOAT
            elif self.remaining_mah < 0.97 * self.capacity_full_mah:
                status = BULK
        elif status == FLOAT and self.remaining_mah < 0.96 * self.capacity_full_mah:
            status = BULK
        if status != self.charge_status:
            self.charge_status = status
            self.status_since_s = t

    def _balance(self) -> None:
        volts = self.cells.voltages
        high, low = max(volts), min(volts)
        if (
            self.settings["balance_switch"]
            and high - low > self.settings["balance_trigger_voltage"]
            and high > self.settings["balance_start_voltage"]
        ):
            ampere = 0.98 * self.settings["max_balance_current"] / 1000
            # The active balancer loads its capacitor from the highest cell, then empties it into the lowest.
            if self.steps % 2:
                self.balance_state, self.balance_ma = BALANCE_CHARGING_LOW, int(1000 * ampere)
            else:
                self.balance_state, self.balance_ma = BALANCE_DISCHARGING_HIGH, -int(1000 * ampere)
            self.cells.move(volts.index(high), volts.index(low), ampere * STEP_S / 2)
        else:
            self.balance_state, self.balance_ma = BALANCE_OFF, 0

    def _heat(self, t: float) -> None:
        start = self.settings["heating_start_temperature"]
        stop = self.settings["heating_stop_temperature"]
        coldest = min(self.cells.probes_degc)
        # Mats are fed from the charger; firmware before 15.41 shows 60/50 here and does not use the pair.
        able = self.settings["controls"] & _HEATING and self.profile.heating_used and 7 < t / 3600 % 24 < 19
        if not able or coldest >= stop:
            self.heating = 0
        elif coldest < start:
            self.heating = 1
        self.cells.heater = _HEATER_DEGC_PER_HOUR if self.heating else 0.0

    def _count(self, t: float) -> None:
        """Put into the counters what has flowed up to `t`."""
        moved = self.ampere * (t - self.flows_since_s) / 3.6
        self.flows_since_s = t
        self.remaining_mah = min(float(self.capacity_full_mah), max(0.0, self.remaining_mah + moved))
        self.discharged_mah -= min(0.0, moved)

    # -- what is written to it

    def change(self, values: dict[str, int], t: float) -> None:
        """Take new settings (canonical name -> raw number) at `t` and act on them at once."""
        self.advance(t)
        self._count(max(t, self.flows_since_s))
        for name, value in values.items():
            (self.settings if name in _SETTINGS else self.about)[name] = value
        if "battery_capacity" in values:
            # A new capacity wipes cycles, throughput and health, also when it is the old one.
            soc = self.remaining_mah / self.capacity_full_mah
            self.soh, self.capacity_full_mah, self.discharged_mah = 100, values["battery_capacity"], 0.0
            self.remaining_mah = soc * self.capacity_full_mah
        if not self.settings["balance_switch"]:
            self.balance_state, self.balance_ma = BALANCE_OFF, 0
        self.protection.update(0, self.settings, self.cells, self.ampere)
        self.ampere = self._flowing(t)
        self.cells.settle(self.ampere)

    def preset(self, chemistry: str, t: float) -> None:
        """One-key preset "li-ion", "lfp" or "lto" at `t`. The cells stay what they are."""
        self.change(preset_settings(chemistry, self.profile, self.rating), t)

    def emergency(self, on: bool, t: float) -> None:
        """Discharging in spite of the protections for emergency_time minutes from `t` on, or no longer."""
        self._emergency_end_s = t + 60 * self.about["emergency_time"] if on else t
        self.change({}, t)

    def emergency_left_s(self, t: float) -> float:
        """Seconds the emergency mode still lasts at `t`."""
        return max(0.0, self._emergency_end_s - t)

    @property
    def heating_ma(self) -> int:
        return int(1000 * _HEATER_A) if self.heating else 0
