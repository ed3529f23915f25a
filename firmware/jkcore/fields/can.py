"""Live values that only CAN has (protocol/can.md section 4). Rows of the table only where a bus is CAN.

Levels of alarms (4.4): 0 none, 1 serious, 2 important, 3 general. The DECODED rows at the end are none of a battery's
values: what another device tells it (4.12), and a message of which nobody knows what it is for (4.13).
"""

from jkcore.fields.codes import (
    A, ALL_TEMP, ALM_INFO, BATT_ST1, BIT, BITS2, CELL_TEMP, CHARGER, CONTROL, DECODED, DEGC, DEGREES, DIAGNOSTIC, H,
    HIDDEN, IS_ZERO, LEVEL, ON_CAN, ON_CAN_V1, PRIMARY, RUNNING, S16, SWITCH, SWITCHES, TOTAL, U8, U16, U16_BE,
    UNDOCUMENTED, V,
)  # fmt: skip
from jkcore.fields.writer import block, row

block(0)
row(b"temperature_max", 0, U8, 1, DEGC, ha=PRIMARY, when=ON_CAN, can=(CELL_TEMP, 0, DEGREES, 10, -50))
row(b"temperature_max_index", 0, U8, who=DECODED, when=ON_CAN, can=(CELL_TEMP, 8, U8))  # 0: temperature_1
row(b"temperature_min", 0, U8, 1, DEGC, ha=PRIMARY, when=ON_CAN, can=(CELL_TEMP, 16, DEGREES, 10, -50))
row(b"temperature_min_index", 0, U8, who=DECODED, when=ON_CAN, can=(CELL_TEMP, 24, U8))
row(b"temperature_average", 0, U8, 1, DEGC, ha=HIDDEN, when=ON_CAN, can=(CELL_TEMP, 32, DEGREES, 10, -50))
row(b"balancing", 0, BIT, show=SWITCH, ha=PRIMARY | RUNNING, when=ON_CAN, can=(SWITCHES, 2, BIT))
row(b"charger_plugged", 0, BIT, show=SWITCH, ha=PRIMARY, when=ON_CAN, can=(SWITCHES, 4, BIT))
row(b"charge_request_voltage", 0, U16, 3, V, ha=DIAGNOSTIC, when=ON_CAN, can=(CHARGER, 0, U16_BE, 100))
row(b"charge_request_current", 0, U16, 3, A, ha=DIAGNOSTIC, when=ON_CAN, can=(CHARGER, 16, U16_BE, 100))
row(b"charge_request", 0, U8, show=SWITCH, ha=DIAGNOSTIC, when=ON_CAN, can=(CHARGER, 32, IS_ZERO))
row(b"charge_request_heating", 0, U8, show=SWITCH, ha=HIDDEN, when=ON_CAN, can=(CHARGER, 40, U8))
row(b"discharge_time", 0, U16, 0, H, ha=DIAGNOSTIC | TOTAL, when=ON_CAN_V1, can=(BATT_ST1, 48, U16))
row(b"alarm_cell_overvoltage", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 0, BITS2))
row(b"alarm_cell_undervoltage", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 2, BITS2))
row(b"alarm_pack_overvoltage", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 4, BITS2))
row(b"alarm_pack_undervoltage", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 6, BITS2))
row(b"alarm_cell_difference", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 8, BITS2))
row(b"alarm_discharge_overcurrent", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 10, BITS2))
row(b"alarm_charge_overcurrent", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 12, BITS2))
row(b"alarm_temperature_high", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 14, BITS2))
row(b"alarm_temperature_low", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 16, BITS2))
row(b"alarm_temperature_difference", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 18, BITS2))
row(b"alarm_soc_low", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 20, BITS2))
row(b"alarm_insulation", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 22, BITS2))
row(b"alarm_high_voltage_interlock", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 24, BITS2))
row(b"alarm_external_communication", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN_V1, can=(ALM_INFO, 26, BITS2))
row(b"alarm_internal_communication", 0, U8, show=LEVEL, ha=HIDDEN, when=ON_CAN, can=(ALM_INFO, 28, BITS2))
row(b"temperature_mask", 0, U8, who=DECODED, when=ON_CAN, can=(ALL_TEMP, 0, U8))  # says nothing (4.6)
row(b"control_charge_mask", 0, BIT, who=DECODED, when=ON_CAN, can=(CONTROL, 0, BIT))
row(b"control_discharge_mask", 0, BIT, who=DECODED, when=ON_CAN, can=(CONTROL, 1, BIT))
row(b"control_balance_mask", 0, BIT, who=DECODED, when=ON_CAN, can=(CONTROL, 2, BIT))
row(b"control_charge", 0, U8, who=DECODED, when=ON_CAN, can=(CONTROL, 8, U8))
row(b"control_discharge", 0, U8, who=DECODED, when=ON_CAN, can=(CONTROL, 16, U8))
row(b"control_balance", 0, U8, who=DECODED, when=ON_CAN, can=(CONTROL, 24, U8))
row(b"undocumented_voltage", 0, U16, 2, V, who=DECODED, when=ON_CAN, can=(UNDOCUMENTED, 0, U16))
row(b"undocumented_current", 0, S16, 1, A, who=DECODED, when=ON_CAN, can=(UNDOCUMENTED, 16, S16))
row(b"undocumented_temperature", 0, S16, 1, DEGC, who=DECODED, when=ON_CAN, can=(UNDOCUMENTED, 32, S16))
row(b"undocumented_word", 0, U16, who=DECODED, when=ON_CAN, can=(UNDOCUMENTED, 48, U16))
