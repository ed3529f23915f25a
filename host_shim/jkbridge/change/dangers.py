"""What a dangerous change does, for the person who is about to order it. tests: every dangerous field is here."""

from __future__ import annotations

_LINK = (
    "can cut the very link this command uses (RS485 or CAN falls silent); then only the app or the display can undo it"
)
_GPS = "can lock charging or discharging of a pack that has no GPS module"
_PRESET = "overwrites all protections and voltages at once with the defaults of that chemistry"

DANGERS = {
    "discharge_switch": "switches the output of this pack off: what it feeds goes dark, and an inverter may shut down",
    "battery_capacity": "makes the battery forget what it has counted (state of charge, cycles)",
    "cell_count": "makes every protection of the whole pack wrong when the number is wrong",
    "device_address": "lets the pack answer at another address: its topics and history change, and two packs with the "
    "same address disturb each other. At the old address nothing can be read back, so the result will be that it did "
    "not answer: look at the new one with jkbridge get",
    "short_circuit_protection_delay": "too long, the MOSFETs burn in a short circuit; too short, loads that start trip",
    "temp_sensors_disabled": "takes away the protection against heat and frost",
    "gps_heartbeat": _GPS,
    "gps_lock_charge": _GPS,
    "gps_lock_discharge": _GPS,
    "emergency_button": "changes what the button for emergencies does",
    "port_rs485": _LINK,
    "uart1_protocol": _LINK,
    "uart2_protocol": _LINK,
    "can_protocol": _LINK,
    "preset_li_ion": _PRESET,
    "preset_lfp": _PRESET,
    "preset_lto": _PRESET,
    "shutdown": "switches the battery off; it has to be switched on again by hand, at the battery",
    "emergency_start": "switches the output on although a protection has switched it off",
    "calibrate_voltage": "changes what the battery measures: every protection of voltage follows a wrong value",
    "calibrate_current": "changes what the battery measures: current limits and state of charge follow a wrong value",
    "set_clock": "changes the clock of the battery: times in its event log no longer fit",
}
