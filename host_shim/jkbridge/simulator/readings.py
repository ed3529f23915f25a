"""What a pack says of itself: the values of its three frames as scaled integers and text (sections 4-6)."""

from __future__ import annotations

from typing import Any

from .battery import BALANCE_CHARGING_LOW, STEP_S, Battery
from .noise import noise, whole, wobble
from .protection import WIRE_LIMIT_MOHM, alarm_mask

Values = dict[str, Any]

ABSENT = -2000
_DRY1_ON = 0x02


def settings_values(battery: Battery, address: int) -> Values:
    """Values of the type 1 frame of `battery` at DIP `address`."""
    return {**battery.settings, "device_address": address}


def about_values(battery: Battery, t: float) -> Values:
    """Values of the type 3 frame at `t` seconds since midnight, secrets included."""
    profile, seed = battery.profile, battery.seed
    serial = "".join(str(whole(0, 9, seed, i, 31)) for i in range(profile.serial_length))
    if profile.serial_length < 15:
        serial += "\0" + "".join(str(whole(1, 9, seed, i, 32)) for i in range(3))
    return {
        **battery.about,
        "model": profile.model(battery.rating),
        "max_cells": profile.byte21,
        "hardware_version": profile.hardware,
        "software_version": profile.name,
        "odd_run_time": battery.run_time.stored_s(t),
        "power_on_count": battery.run_time.power_on_count,
        "device_name": f"SIMPACK-{whole(1000, 9999, seed, 33)}",
        "device_passcode": str(whole(1000, 9999, seed, 34)),
        "manufacture_date": f"25{whole(1, 12, seed, 35):02}{whole(1, 28, seed, 36):02}",
        "serial_number": serial,
        "setup_password": f"setup{whole(100000, 999999, seed, 37)}",
        "uart_protocol_library_version": 1,
        "can_protocol_library_version": 1,
        **battery.texts,
    }


def live_values(battery: Battery, t: float) -> Values:
    """Values of the type 2 frame at `t` seconds since midnight. The battery must have lived up to there."""
    profile = battery.profile
    cells = battery.cells
    second = int(t)
    shown = _cell_mv(battery, second)
    # The BMS computes delta, extreme cells and power from readings one round older than it shows.
    older = _cell_mv(battery, second - 1)
    milliampere = _shown_ma(battery, second)
    pack_mv = sum(shown) + whole(-3, 4, battery.seed, second, 41)
    alarms = battery.protection.alarms
    remaining, discharged = _counters(battery, t)
    values: Values = {f"cell_voltage_{i + 1}": mv for i, mv in enumerate(shown)}
    values.update({f"cell_wire_resistance_{i + 1}": mohm for i, mohm in enumerate(cells.wire_mohm)})
    values.update(profile.live)
    values.update({
        "cell_mask": (1 << cells.count) - 1,
        "cell_voltage_average": (pack_mv + cells.count // 2) // cells.count,
        "cell_voltage_delta": max(older) - min(older),
        "cell_max_number": older.index(max(older)),
        "cell_min_number": older.index(min(older)),
        "wire_resistance_alarm_mask": sum(
            1 << i for i, mohm in enumerate(cells.wire_mohm) if mohm > WIRE_LIMIT_MOHM
        ),
        "pack_voltage": pack_mv,
        "pack_voltage_10mv": pack_mv // 10,
        "power_magnitude": pack_mv * abs(_shown_ma(battery, second - 1)) // 1000,
        "current": milliampere,
        "alarms": alarm_mask(alarms),
        "balance_current": battery.balance_ma,
        "balance_state": battery.balance_state,
        "balance_discharge_pwm": 192 if battery.balance_state == BALANCE_CHARGING_LOW else 0,
        "soc": int(100 * remaining / battery.capacity_full_mah + 0.5),
        "capacity_remaining": remaining,
        "capacity_full": battery.capacity_full_mah,
        "cycle_count": discharged // battery.capacity_full_mah,
        "cycle_capacity": discharged,
        "soh": battery.soh,
        "total_runtime": battery.run_time.shown_s(t),
        "charge_mos": battery.charge_mos,
        "discharge_mos": battery.discharge_mos,
        "timer_charge_ocp_release": int(battery.protection.releases.get("charge_overcurrent", 0)),
        "timer_discharge_ocp_release": int(battery.protection.releases.get("discharge_overcurrent", 0)),
        "heating": battery.heating,
        "heating_current": battery.heating_ma,
        "charge_sensor_voltage": max(0, milliampere) * 26 // 10_000,
        "discharge_sensor_voltage": max(0, -milliampere) * 27 // 10_000,
        "emergency_time_left": min(0xFFFF, int(battery.emergency_left_s(t))),
        "system_ticks": battery.run_time.ticks(t),
        "rtc_seconds_2020": battery.run_time.clock_s(t),
        "detail_log_count": battery.first_log_count + battery.protection.raised,
    })
    values.update(_temperatures(battery))
    values.update(_generation_marks(battery, t, alarms))
    return values


def _cell_mv(battery: Battery, second: int) -> list[int]:
    """Cell voltages in whole mV; every second one in four shows a millivolt more than it has."""
    dice = int(noise(battery.seed, second, 42) * (1 << 52))  # two bits a cell, for 26 cells
    dice |= int(noise(battery.seed, second, 43) * (1 << 52)) << 52
    volts = battery.cells.voltages
    return [max(0, round(mv) + (dice >> 2 * i & 3 == 0)) for i, mv in enumerate(volts)]


def _shown_ma(battery: Battery, second: int) -> int:
    """Current in mA with sensor noise; the BMS shows 0 below a small dead zone."""
    milliampere = 1000 * battery.ampere
    milliampere += 0.006 * milliampere * wobble(battery.seed, second, 44)
    return 0 if abs(milliampere) < 150 else round(milliampere)


def _counters(battery: Battery, t: float) -> tuple[int, int]:
    """(remaining, discharged) in whole mAh, carried on to `t` at the current that flows."""
    moved = battery.ampere * min(max(0.0, t - battery.flows_since_s), STEP_S) / 3.6
    remaining = min(battery.capacity_full_mah, max(0, round(battery.remaining_mah + moved)))
    return remaining, int(battery.discharged_mah - min(0.0, moved))


def _temperatures(battery: Battery) -> Values:
    cells = battery.cells
    mos = round(10 * cells.mos_degc)
    values = {"mos_temperature": mos, "temperature_3": mos}  # "T3" is a copy of the MOSFET sensor (section 5)
    present = 0xFF
    for index, number in enumerate((1, 2, 4, 5)):
        if number in battery.probes:
            values[f"temperature_{number}"] = round(10 * cells.probes_degc[index])
        else:
            values[f"temperature_{number}"] = ABSENT
            present &= ~(1 << number)
    values["temp_sensor_present"] = present
    return values


def _generation_marks(battery: Battery, t: float, alarms: set[str]) -> Values:
    """Bytes 275, 278..281, whose meaning depends on the firmware."""
    profile = battery.profile
    marks: Values = {}
    if profile.charge_status_known:
        marks["charge_status"] = battery.charge_status
        marks["charge_status_time"] = min(0xFFFF, max(0, int(t - battery.status_since_s)))
    elif profile.status_ticks:
        marks["charge_status_time"] = int(battery.run_time.exact_s(t) / 8.64) & 0xFFFF
    if profile.dry_contacts_known and alarms & {"charge_overtemp", "discharge_overtemp", "battery_overtemp"}:
        marks["dry_contacts"] = _DRY1_ON if battery.about["dry1_trigger"] == 8 else 0
    if profile.battery_type_known:
        marks["battery_type"] = battery.chemistry.code
    return marks
