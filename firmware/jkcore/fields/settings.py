"""Frame type 1, settings (protocol/rs485.md section 4). One row per field, in the order of the frame.

The Modbus register of a setting follows from its offset: 0x1000 + offset - 6 (section 2.2); a byte at an even offset is
the high byte of its register, a bit is one of the 16 of register 0x1114.

Ranges: what other projects allow (section 4), narrower where a value would switch a protection off (0 us of
short-circuit delay) or where nobody means it (a protection at 150 degC), and wide enough for every recorded frame.
The chain of section 8.6 is power_off < UVP < SOC0 < UVPR < OVPR < SOC100 < RCV < OVP; UVPR < OVPR joins its halves.
Without a tier, so out of reach for every command: current_range_raw (register 0x1110 is documented nowhere), the
discharge under-temperatures (no register known), `controls` as a whole, what the battery only tells.
"""

from jkcore.fields.codes import (
    A, AH, BALANCE_LIMIT, BIT, CELL_VOLTAGE, CURRENT_LIMIT, DANGEROUS, DECODED, DEGC, DIAGNOSTIC, FW_15_30,
    FW_15_41, FW_19, H, HIDDEN, MEASURED, ON_IS_SAFE, PUBLISHED, S, S8, S32, SWITCH, TIER_ALL, TIER_SAFE, U8, U16,
    U32, UOHM, US, V,
)  # fmt: skip
from jkcore.fields.writer import block, row

block(1)
row(b"smart_sleep_voltage", 6, U32, 3, V, ha=HIDDEN, tier=TIER_ALL, low=0, high=5000, bound=CELL_VOLTAGE)
row(
    b"cell_undervoltage_protection", 10, U32, 3, V, ha=DIAGNOSTIC,
    tier=TIER_ALL, low=1200, high=4500, bound=CELL_VOLTAGE, below=b"cell_soc0_voltage",
)  # fmt: skip
row(
    b"cell_undervoltage_recovery", 14, U32, 3, V, ha=HIDDEN,
    tier=TIER_ALL, low=1200, high=4500, bound=CELL_VOLTAGE, below=b"cell_overvoltage_recovery",
)  # fmt: skip
row(
    b"cell_overvoltage_protection", 18, U32, 3, V, ha=DIAGNOSTIC,
    tier=TIER_ALL, low=1200, high=4500, bound=CELL_VOLTAGE,
)  # fmt: skip
row(
    b"cell_overvoltage_recovery", 22, U32, 3, V, ha=HIDDEN,
    tier=TIER_ALL, low=1200, high=4500, bound=CELL_VOLTAGE, below=b"cell_soc100_voltage",
)  # fmt: skip
row(b"balance_trigger_voltage", 26, U32, 3, V, ha=HIDDEN, tier=TIER_SAFE, low=1, high=1000)
row(
    b"cell_soc100_voltage", 30, U32, 3, V, ha=HIDDEN,
    tier=TIER_ALL, low=1000, high=4500, bound=CELL_VOLTAGE, below=b"cell_request_charge_voltage",
)  # fmt: skip
row(
    b"cell_soc0_voltage", 34, U32, 3, V, ha=HIDDEN,
    tier=TIER_ALL, low=1000, high=4500, bound=CELL_VOLTAGE, below=b"cell_undervoltage_recovery",
)  # fmt: skip
row(
    b"cell_request_charge_voltage", 38, U32, 3, V, ha=DIAGNOSTIC,
    tier=TIER_SAFE, low=1200, high=5000, bound=CELL_VOLTAGE, below=b"cell_overvoltage_protection",
)  # fmt: skip
row(
    b"cell_request_float_voltage", 42, U32, 3, V, ha=DIAGNOSTIC,
    tier=TIER_SAFE, low=1200, high=5000, bound=CELL_VOLTAGE, at_most=b"cell_request_charge_voltage",
)  # fmt: skip
row(
    b"power_off_voltage", 46, U32, 3, V, ha=HIDDEN,
    tier=TIER_ALL, low=1200, high=4500, bound=CELL_VOLTAGE, below=b"cell_undervoltage_protection",
)  # fmt: skip
row(b"max_charge_current", 50, U32, 3, A, ha=DIAGNOSTIC, tier=TIER_ALL, low=1000, high=600100, bound=CURRENT_LIMIT)
row(b"charge_overcurrent_delay", 54, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=2, high=3600)
row(b"charge_overcurrent_recovery_time", 58, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=2, high=3600)
row(b"max_discharge_current", 62, U32, 3, A, ha=DIAGNOSTIC, tier=TIER_ALL, low=1000, high=1200100, bound=CURRENT_LIMIT)
row(b"discharge_overcurrent_delay", 66, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=2, high=3600)
row(b"discharge_overcurrent_recovery_time", 70, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=2, high=3600)
row(b"short_circuit_recovery_time", 74, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=2, high=3600)
row(b"max_balance_current", 78, U32, 3, A, ha=HIDDEN, tier=TIER_SAFE, low=0, high=15000, bound=BALANCE_LIMIT)
row(b"charge_overtemperature_protection", 82, S32, 1, DEGC, ha=HIDDEN, tier=TIER_ALL, low=300, high=800)
row(
    b"charge_overtemperature_recovery", 86, S32, 1, DEGC, ha=HIDDEN,
    tier=TIER_ALL, low=300, high=800, below=b"charge_overtemperature_protection",
)  # fmt: skip
row(b"discharge_overtemperature_protection", 90, S32, 1, DEGC, ha=HIDDEN, tier=TIER_ALL, low=300, high=800)
row(
    b"discharge_overtemperature_recovery", 94, S32, 1, DEGC, ha=HIDDEN,
    tier=TIER_ALL, low=300, high=800, below=b"discharge_overtemperature_protection",
)  # fmt: skip
row(
    b"charge_undertemperature_protection", 98, S32, 1, DEGC, ha=HIDDEN,
    tier=TIER_ALL, low=-450, high=200, below=b"charge_undertemperature_recovery",
)  # fmt: skip
row(b"charge_undertemperature_recovery", 102, S32, 1, DEGC, ha=HIDDEN, tier=TIER_ALL, low=-450, high=200)
row(b"mos_overtemperature_protection", 106, S32, 1, DEGC, ha=HIDDEN, tier=TIER_ALL, low=500, high=1100)
row(
    b"mos_overtemperature_recovery", 110, S32, 1, DEGC, ha=HIDDEN,
    tier=TIER_ALL, low=300, high=1100, below=b"mos_overtemperature_protection",
)  # fmt: skip
row(b"cell_count", 114, U32, ha=DIAGNOSTIC | MEASURED, tier=DANGEROUS, low=2, high=32)
row(b"charge_switch", 118, U32, show=SWITCH, ha=DIAGNOSTIC, tier=TIER_SAFE)
row(b"discharge_switch", 122, U32, show=SWITCH, ha=DIAGNOSTIC, tier=DANGEROUS, bound=ON_IS_SAFE)
row(b"balance_switch", 126, U32, show=SWITCH, ha=DIAGNOSTIC, tier=TIER_SAFE)
row(b"battery_capacity", 130, U32, 3, AH, ha=DIAGNOSTIC, tier=DANGEROUS, low=2000, high=2000000, step=1000)
row(b"short_circuit_protection_delay", 134, U32, 0, US, ha=HIDDEN, tier=DANGEROUS, low=1, high=5000)
row(b"balance_start_voltage", 138, U32, 3, V, ha=HIDDEN, tier=TIER_SAFE, low=1200, high=4500, bound=CELL_VOLTAGE)
row(b"connection_wire_resistance", 142, U32, 0, UOHM, who=DECODED, count=32, stride=4, number=0)
row(b"device_address", 270, U32, ha=HIDDEN | MEASURED, tier=DANGEROUS, low=0, high=15)
row(b"precharge_time", 274, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=0, high=255)
row(b"current_range_raw", 278, U32, who=DECODED)
row(b"controls", 282, U16, ha=HIDDEN | MEASURED)
# The bits of `controls`. Bit 0 is named `heating` in the sheet, like the live state; here `heating_enabled`, because a
# field name is one thing for a pack. 12 and 13 mean something from 15.30 on, 14 and 15 on V19 (section 4).
row(b"heating_enabled", 282 * 16 + 0, BIT, show=SWITCH, ha=DIAGNOSTIC, who=PUBLISHED, tier=TIER_ALL)
row(b"temp_sensors_disabled", 282 * 16 + 1, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=DANGEROUS)
row(b"gps_heartbeat", 282 * 16 + 2, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=DANGEROUS)
row(b"port_rs485", 282 * 16 + 3, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=DANGEROUS)
row(b"lcd_always_on", 282 * 16 + 4, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_SAFE)
row(b"special_charger", 282 * 16 + 5, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_ALL)
row(b"smart_sleep", 282 * 16 + 6, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_ALL)
row(b"pcl_disabled", 282 * 16 + 7, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_ALL)
row(b"timed_stored_data", 282 * 16 + 8, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_SAFE)
row(b"charging_float_mode", 282 * 16 + 9, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, tier=TIER_SAFE)
row(b"emergency_button", 282 * 16 + 10, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_19, tier=DANGEROUS)
row(b"dry_alarm_intermittent", 282 * 16 + 11, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_19, tier=TIER_SAFE)
row(b"discharge_ocp_2", 282 * 16 + 12, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_15_30, tier=TIER_ALL)
row(b"discharge_ocp_3", 282 * 16 + 13, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_15_30, tier=TIER_ALL)
row(b"gps_lock_charge", 282 * 16 + 14, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_19, tier=DANGEROUS)
row(b"gps_lock_discharge", 282 * 16 + 15, BIT, show=SWITCH, ha=HIDDEN, who=PUBLISHED, when=FW_19, tier=DANGEROUS)
row(
    b"heating_start_temperature", 284, S8, 0, DEGC, ha=HIDDEN, when=FW_15_41,
    tier=TIER_SAFE, low=-40, high=60, below=b"heating_stop_temperature",
)  # fmt: skip
row(b"heating_stop_temperature", 285, S8, 0, DEGC, ha=HIDDEN, when=FW_15_41, tier=TIER_SAFE, low=-40, high=60)
row(b"smart_sleep_time", 286, U8, 0, H, ha=HIDDEN, tier=TIER_SAFE, low=1, high=100)
row(b"data_field_enable_0", 287, U8, who=DECODED)
row(b"discharge_undertemperature_protection", 296, S8, 0, DEGC, ha=HIDDEN, when=FW_19)
row(b"discharge_undertemperature_recovery", 297, S8, 0, DEGC, ha=HIDDEN, when=FW_19)
