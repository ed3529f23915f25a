"""Where each value stands in the three 300-byte frames: the simulator's own copy of protocol/rs485.md 4-6.

Deliberately not shared with jkcore: two tables written apart from the same pages, so that a slip in one of
them makes a test fail. Rows are (offset, kind, name); kinds are i8 u8 i16 u16 i32 u32 f32 (little-endian in
a frame).
"""

from __future__ import annotations

SETTINGS, LIVE, ABOUT = 1, 2, 3
KIND_NAMES = {LIVE: "live", SETTINGS: "settings", ABOUT: "about"}
TRIGGERS = {0x161C: ABOUT, 0x161E: SETTINGS, 0x1620: LIVE}
BLOCKS = {0x1000: SETTINGS, 0x1200: LIVE, 0x1400: ABOUT}  # base -> frame; offset = 6 + register - base

Row = tuple[int, str, str]
WIDTHS = {"i8": 1, "u8": 1, "i16": 2, "u16": 2, "i32": 4, "u32": 4, "f32": 4}


def _row_of(start: int, kind: str, *names: str) -> tuple[Row, ...]:
    """Rows for values that stand one behind the other from `start`."""
    step = WIDTHS[kind]
    return tuple((start + step * i, kind, name) for i, name in enumerate(names))


SETTINGS_ROWS = (
    _row_of(
        6, "u32",
        "smart_sleep_voltage", "cell_undervoltage_protection", "cell_undervoltage_recovery",
        "cell_overvoltage_protection", "cell_overvoltage_recovery", "balance_trigger_voltage",
        "cell_soc100_voltage", "cell_soc0_voltage", "cell_request_charge_voltage",
        "cell_request_float_voltage",
        "power_off_voltage", "max_charge_current", "charge_overcurrent_delay",
        "charge_overcurrent_recovery_time",
        "max_discharge_current", "discharge_overcurrent_delay", "discharge_overcurrent_recovery_time",
        "short_circuit_recovery_time", "max_balance_current",
    )
    + _row_of(
        82, "i32",
        "charge_overtemperature_protection", "charge_overtemperature_recovery",
        "discharge_overtemperature_protection", "discharge_overtemperature_recovery",
        "charge_undertemperature_protection", "charge_undertemperature_recovery",
        "mos_overtemperature_protection", "mos_overtemperature_recovery",
    )
    + _row_of(
        114, "u32",
        "cell_count", "charge_switch", "discharge_switch", "balance_switch", "battery_capacity",
        "short_circuit_protection_delay", "balance_start_voltage",
    )
    + tuple((142 + 4 * n, "u32", f"connection_wire_resistance_{n}") for n in range(32))
    + _row_of(270, "u32", "device_address", "precharge_time", "current_range_raw")
    + (
        (282, "u16", "controls"),
        (284, "i8", "heating_start_temperature"),
        (285, "i8", "heating_stop_temperature"),
        (286, "u8", "smart_sleep_time"),
        (296, "i8", "discharge_undertemperature_protection"),
        (297, "i8", "discharge_undertemperature_recovery"),
    )
)

LIVE_ROWS = (
    tuple((6 + 2 * n, "u16", f"cell_voltage_{n + 1}") for n in range(32))
    + (
        (70, "u32", "cell_mask"),
        (74, "u16", "cell_voltage_average"),
        (76, "u16", "cell_voltage_delta"),
        (78, "u8", "cell_max_number"),
        (79, "u8", "cell_min_number"),
    )
    + tuple((80 + 2 * n, "u16", f"cell_wire_resistance_{n + 1}") for n in range(32))
    + (
        (144, "i16", "mos_temperature"),
        (146, "u32", "wire_resistance_alarm_mask"),
        (150, "u32", "pack_voltage"),
        (154, "u32", "power_magnitude"),
        (158, "i32", "current"),
        (162, "i16", "temperature_1"),
        (164, "i16", "temperature_2"),
        (166, "u32", "alarms"),
        (170, "i16", "balance_current"),
        (172, "u8", "balance_state"),
        (173, "u8", "soc"),
        (174, "i32", "capacity_remaining"),
        (178, "u32", "capacity_full"),
        (182, "u32", "cycle_count"),
        (186, "u32", "cycle_capacity"),
        (190, "u8", "soh"),
        (191, "u8", "precharge"),
        (192, "u16", "user_alarm"),
        (194, "u32", "total_runtime"),
        (198, "u8", "charge_mos"),
        (199, "u8", "discharge_mos"),
        (200, "u16", "user_alarm_2"),
        (202, "u16", "timer_discharge_ocp_release"),
        (204, "u16", "timer_discharge_scp_release"),
        (206, "u16", "timer_charge_ocp_release"),
        (208, "u16", "timer_charge_scp_release"),
        (210, "u16", "timer_uvp_release"),
        (212, "u16", "timer_ovp_release"),
        (214, "u8", "temp_sensor_present"),
        (215, "u8", "heating"),
        (216, "u16", "reserved_216"),
        (218, "u16", "emergency_time_left"),
        (220, "u16", "discharge_current_correction"),
        (222, "u16", "charge_sensor_voltage"),
        (224, "u16", "discharge_sensor_voltage"),
        (226, "f32", "voltage_correction"),
        (230, "u16", "balance_charge_pwm"),
        (232, "u16", "balance_discharge_pwm"),
        (234, "u16", "pack_voltage_10mv"),
        (236, "i16", "heating_current"),
        (238, "u8", "byte_238"),
        (239, "u8", "acc_status"),
        (240, "u8", "special_charger_status"),
        (241, "u8", "startup_flag"),
        (242, "u8", "c_voltage_raw"),
        (243, "u8", "mcu_id"),
        (244, "u8", "byte_244"),
        (245, "u8", "charger_plugged"),
        (246, "u32", "system_ticks"),
        (250, "u32", "pvd_timestamp"),
        (254, "i16", "temperature_3"),
        (256, "i16", "temperature_4"),
        (258, "i16", "temperature_5"),
        (260, "u16", "charge_current_correction"),
        (262, "u32", "rtc_seconds_2020"),
        (266, "u32", "detail_log_count"),
        (270, "u32", "time_enter_sleep"),
        (274, "u8", "pcl_module_state"),
        (275, "u8", "battery_type"),
        (276, "u8", "byte_276"),
        (277, "u8", "byte_277"),
        (278, "u16", "charge_status_time"),
        (280, "u8", "charge_status"),
        (281, "u8", "dry_contacts"),
    )
)

ABOUT_TEXTS = (
    (6, 15, "model"),
    (22, 8, "hardware_version"),
    (30, 8, "software_version"),
    (46, 16, "device_name"),
    (62, 16, "device_passcode"),
    (78, 8, "manufacture_date"),
    (86, 16, "serial_number"),
    (102, 16, "user_data"),
    (118, 16, "setup_password"),
    (134, 16, "user_data_2"),
    (190, 12, "hardware_option"),
)

ABOUT_ROWS = (
    (21, "u8", "max_cells"),
    (38, "u32", "odd_run_time"),
    (42, "u32", "power_on_count"),
    (184, "u8", "uart1_protocol"),
    (185, "u8", "can_protocol"),
    (218, "u8", "uart2_protocol"),
    (234, "u8", "lcd_buzzer_trigger"),
    (235, "u8", "dry1_trigger"),
    (236, "u8", "dry2_trigger"),
    (237, "u8", "uart_protocol_library_version"),
    (238, "i32", "lcd_buzzer_trigger_value"),
    (242, "i32", "lcd_buzzer_release_value"),
    (246, "i32", "dry1_trigger_value"),
    (250, "i32", "dry1_release_value"),
    (254, "i32", "dry2_trigger_value"),
    (258, "i32", "dry2_release_value"),
    (262, "u32", "data_stored_period"),
    (266, "u8", "rcv_time"),
    (267, "u8", "rfv_time"),
    (268, "u8", "can_protocol_library_version"),
    (269, "u8", "emergency_time"),
    (270, "u8", "uart3_protocol"),
    (278, "u8", "rebulk_soc"),
)

ROWS: dict[int, tuple[Row, ...]] = {SETTINGS: SETTINGS_ROWS, LIVE: LIVE_ROWS, ABOUT: ABOUT_ROWS}
TEXTS: dict[int, tuple[tuple[int, int, str], ...]] = {SETTINGS: (), LIVE: (), ABOUT: ABOUT_TEXTS}

# Not part of the truth: passwords and private text, and rows whose meaning nobody knows.
SECRET = ("device_name", "device_passcode", "serial_number", "setup_password")
UNKNOWN = (
    "user_alarm", "user_alarm_2", "reserved_216", "voltage_correction", "balance_charge_pwm",
    "balance_discharge_pwm", "byte_238", "c_voltage_raw", "mcu_id", "byte_244", "charger_plugged",
    "temperature_3", "battery_type", "byte_276", "byte_277", "user_data", "user_data_2", "max_cells",
)
