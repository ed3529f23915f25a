"""Frame type 2, live values (protocol/rs485.md section 5). One row per field, in the order of the frame.

What CAN carries too names its place there (protocol/can.md section 4); what only CAN carries is in can.py.
"""

from jkcore.fields.codes import (
    A, AH, ALARMS, ALL_TEMP, BALANCE, BATTERY, BATT_ST1, BATT_ST2, BIT, BMSERR_INFO, BMS_INFO, CELL, CELL16, CELLS,
    CELL_COUNT, CELL_DELTA, CELL_MAX, CELL_MEAN, CELL_MIN, CELL_VOLT, CURRENT, CYCLED, DECODED, DEGC, DEGREES,
    DIAGNOSTIC, FW_15_35, FW_15_36, HAS_CELLS, HIDDEN, INDEX8, MASK32, MEASURED, OHM, PERCENT, PHASE, POWER,
    PRIMARY, PUBLISHED, RUNNING, S, S16, S32, SENSOR_1, SENSOR_2, SENSOR_4, SENSOR_5, SENSOR_MOS, SWITCH, SWITCHES,
    TOTAL, U16, U32, U8, V, W,
)  # fmt: skip
from jkcore.fields.writer import block, row

block(2)
row(b"cell_voltage", 6, U16, 3, V, ha=PRIMARY, when=CELL, count=32, stride=2, can=(CELLS, 0, CELL16))
row(b"cell_mask", 70, MASK32)
row(b"cell_count", 70, CELL_COUNT, can=(CELLS, 0, CELL_COUNT))
row(b"cell_voltage_average", 74, U16, 3, V, ha=PRIMARY, can=(CELLS, 0, CELL_MEAN))
row(b"cell_voltage_delta", 76, U16, 3, V, ha=PRIMARY, can=(CELL_VOLT, 0, CELL_DELTA))
row(b"cell_voltage_max", 78, CELL_MAX, 3, V, ha=PRIMARY, who=PUBLISHED, when=HAS_CELLS, can=(CELL_VOLT, 0, U16))
row(b"cell_voltage_min", 79, CELL_MIN, 3, V, ha=PRIMARY, who=PUBLISHED, when=HAS_CELLS, can=(CELL_VOLT, 24, U16))
row(b"cell_max_number", 78, INDEX8, ha=PRIMARY | MEASURED, when=HAS_CELLS, can=(CELL_VOLT, 16, U8))
row(b"cell_min_number", 79, INDEX8, ha=PRIMARY | MEASURED, when=HAS_CELLS, can=(CELL_VOLT, 40, U8))
row(b"cell_wire_resistance", 80, U16, 3, OHM, ha=HIDDEN, when=CELL, count=32, stride=2)
row(b"mos_temperature", 144, S16, 1, DEGC, ha=PRIMARY, when=SENSOR_MOS, can=(ALL_TEMP, 24, DEGREES, 10, -50))
row(b"pack_voltage", 150, U32, 3, V, ha=PRIMARY, can=(BATT_ST1, 0, U16, 100))
row(b"power_magnitude", 154, U32, 3, W, who=DECODED)  # always positive and late: `power` is voltage x current
row(b"power", 150, POWER, 3, W, ha=PRIMARY, can=(BATT_ST1, 0, POWER))
row(b"current", 158, S32, 3, A, ha=PRIMARY, can=(BATT_ST1, 16, CURRENT, 100, -4000))
row(b"temperature_1", 162, S16, 1, DEGC, ha=PRIMARY, when=SENSOR_1, can=(ALL_TEMP, 8, DEGREES, 10, -50))
row(b"temperature_2", 164, S16, 1, DEGC, ha=PRIMARY, when=SENSOR_2, can=(ALL_TEMP, 16, DEGREES, 10, -50))
row(b"alarms", 166, MASK32, show=ALARMS, ha=HIDDEN | MEASURED, can=(BMSERR_INFO, 0, MASK32))
row(b"balance_current", 170, S16, 3, A, ha=PRIMARY)
row(b"balance_state", 172, U8, show=BALANCE, ha=PRIMARY)
row(b"soc", 173, U8, 0, PERCENT, ha=PRIMARY | BATTERY, can=(BATT_ST1, 32, U8))
row(b"capacity_remaining", 174, S32, 3, AH, ha=PRIMARY, can=(BATT_ST2, 0, U16, 100))
row(b"capacity_full", 178, U32, 3, AH, ha=PRIMARY, can=(BATT_ST2, 16, U16, 100))
row(b"cycle_count", 182, U32, ha=PRIMARY | TOTAL, can=(BATT_ST2, 48, U16))
row(b"cycle_capacity", 186, U32, 3, AH, ha=PRIMARY | TOTAL, can=(BATT_ST2, 32, CYCLED, 100))
row(b"soh", 190, U8, 0, PERCENT, ha=PRIMARY, can=(BMS_INFO, 48, U8))
row(b"precharge", 191, U8, show=SWITCH, ha=HIDDEN | RUNNING)
row(b"total_runtime", 194, U32, 0, S, ha=DIAGNOSTIC | TOTAL, can=(BMS_INFO, 0, U32))
row(b"charge_mos", 198, U8, show=SWITCH, ha=PRIMARY, can=(SWITCHES, 0, BIT))
row(b"discharge_mos", 199, U8, show=SWITCH, ha=PRIMARY, can=(SWITCHES, 1, BIT))
row(b"timer_discharge_ocp_release", 202, U16, 0, S, ha=HIDDEN)
row(b"timer_discharge_scp_release", 204, U16, 0, S, ha=HIDDEN)
row(b"timer_charge_ocp_release", 206, U16, 0, S, ha=HIDDEN)
row(b"timer_charge_scp_release", 208, U16, 0, S, ha=HIDDEN)
row(b"timer_uvp_release", 210, U16, 0, S, ha=HIDDEN)
row(b"timer_ovp_release", 212, U16, 0, S, ha=HIDDEN)
row(b"temp_sensor_present", 214, U8, who=DECODED)
row(b"heating", 215, U8, show=SWITCH, ha=PRIMARY | RUNNING, can=(SWITCHES, 3, BIT))
row(b"emergency_time_left", 218, U16, 0, S, ha=HIDDEN)
row(b"discharge_current_correction", 220, U16, who=DECODED)
row(b"charge_sensor_voltage", 222, U16, 3, V, who=DECODED)
row(b"discharge_sensor_voltage", 224, U16, 3, V, who=DECODED)
row(b"pack_voltage_10mv", 234, U16, 2, V, who=DECODED)
row(b"heating_current", 236, S16, 3, A, ha=HIDDEN, can=(BMS_INFO, 32, U16))
row(b"acc_status", 239, U8, show=SWITCH, ha=HIDDEN, can=(SWITCHES, 5, BIT))
row(b"special_charger_status", 240, U8, who=DECODED)
row(b"startup_flag", 241, U8, who=DECODED)
row(b"system_ticks", 246, U32, 1, S, ha=HIDDEN)
row(b"pvd_timestamp", 250, U32, 1, S, who=DECODED)
row(b"temperature_4", 256, S16, 1, DEGC, ha=PRIMARY, when=SENSOR_4, can=(ALL_TEMP, 32, DEGREES, 10, -50))
row(b"temperature_5", 258, S16, 1, DEGC, ha=PRIMARY, when=SENSOR_5, can=(ALL_TEMP, 40, DEGREES, 10, -50))
row(b"charge_current_correction", 260, U16, who=DECODED)
row(b"rtc_seconds_2020", 262, U32, 0, S, ha=HIDDEN)
row(b"detail_log_count", 266, U32, ha=HIDDEN | MEASURED)
row(b"time_enter_sleep", 270, U32, 0, S, ha=HIDDEN)
row(b"pcl_module_state", 274, U8, ha=HIDDEN | MEASURED)
row(b"charge_status_time", 278, U16, 0, S, ha=DIAGNOSTIC, when=FW_15_35)
row(b"charge_status", 280, U8, show=PHASE, ha=PRIMARY, when=FW_15_35)
row(b"dry_contacts", 281, U8, ha=HIDDEN | MEASURED, when=FW_15_36)
