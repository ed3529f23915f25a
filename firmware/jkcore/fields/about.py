"""Frame type 3, about (protocol/rs485.md section 6). One row per field, in the order of the frame.

SECRET rows are passwords, the serial number, and what the user typed in: they are blanked before a frame is kept.
Registers of what may be changed: 0x1400 + offset - 6 (sections 6, 8.3). An RCV time of 0 is refused by batteries
(section 8.6). The numbers of protocols, and the units of trigger values, depend on firmware and source: they stay
numbers. emergency_time, uart3_protocol and rebulk_soc have no documented register.
"""

from jkcore.fields.codes import (
    DANGEROUS, DECODED, DIAGNOSTIC, FW_15_30, FW_19, H, HIDDEN, MEASURED, MIN, NOT_EMPTY, PERCENT, S, S32,
    SECRET, TEXT, TIER_ALL, TIER_SAFE, TOTAL, TRIGGER, U8, U16, U32,
)  # fmt: skip
from jkcore.fields.writer import block, row

block(3)
row(b"model", 6, TEXT, 15, ha=DIAGNOSTIC)  # byte 21 is a number (cells) on 19.27
row(b"hardware_version", 22, TEXT, 8, ha=DIAGNOSTIC)
row(b"software_version", 30, TEXT, 8, ha=DIAGNOSTIC)
row(b"odd_run_time", 38, U32, 0, S, ha=HIDDEN)
row(b"power_on_count", 42, U32, ha=HIDDEN | TOTAL)
row(b"device_name", 46, TEXT, 16, who=SECRET)
row(b"device_passcode", 62, TEXT, 16, who=SECRET)
row(b"manufacture_date", 78, TEXT, 8, ha=DIAGNOSTIC)
row(b"serial_number", 86, TEXT, 16, who=SECRET)
row(b"user_data", 102, TEXT, 16, who=SECRET)
row(b"setup_password", 118, TEXT, 16, who=SECRET)
row(b"user_data_2", 134, TEXT, 16, who=SECRET)
row(b"agency_id", 182, U16, who=DECODED)
row(b"uart1_protocol", 184, U8, ha=HIDDEN | MEASURED, tier=DANGEROUS, low=0, high=31)
row(b"can_protocol", 185, U8, ha=HIDDEN | MEASURED, tier=DANGEROUS, low=0, high=31)
row(b"hardware_option", 190, TEXT, 12, ha=HIDDEN, when=NOT_EMPTY)
row(b"uart2_protocol", 218, U8, ha=HIDDEN | MEASURED, tier=DANGEROUS, low=0, high=31)
row(b"lcd_buzzer_trigger", 234, U8, show=TRIGGER, ha=HIDDEN, tier=TIER_ALL, high=14)
row(b"dry1_trigger", 235, U8, show=TRIGGER, ha=HIDDEN, tier=TIER_ALL, high=14)
row(b"dry2_trigger", 236, U8, show=TRIGGER, ha=HIDDEN, tier=TIER_ALL, high=14)
row(b"uart_protocol_library_version", 237, U8, ha=HIDDEN | MEASURED)
row(
    b"lcd_buzzer_trigger_value", 238, S32, ha=HIDDEN | MEASURED,
    tier=TIER_ALL, low=-100, high=100000, below=b"lcd_buzzer_release_value", by=b"lcd_buzzer_trigger",
)  # fmt: skip
row(b"lcd_buzzer_release_value", 242, S32, ha=HIDDEN | MEASURED, tier=TIER_ALL, low=-100, high=100000)
row(
    b"dry1_trigger_value", 246, S32, ha=HIDDEN | MEASURED,
    tier=TIER_ALL, low=-100, high=100000, below=b"dry1_release_value", by=b"dry1_trigger",
)  # fmt: skip
row(b"dry1_release_value", 250, S32, ha=HIDDEN | MEASURED, tier=TIER_ALL, low=-100, high=100000)
row(
    b"dry2_trigger_value", 254, S32, ha=HIDDEN | MEASURED,
    tier=TIER_ALL, low=-100, high=100000, below=b"dry2_release_value", by=b"dry2_trigger",
)  # fmt: skip
row(b"dry2_release_value", 258, S32, ha=HIDDEN | MEASURED, tier=TIER_ALL, low=-100, high=100000)
row(b"data_stored_period", 262, U32, 0, S, ha=HIDDEN, tier=TIER_ALL, low=1, high=86400)
row(b"rcv_time", 266, U8, 1, H, ha=HIDDEN, tier=TIER_SAFE, low=1, high=255)
row(b"rfv_time", 267, U8, 1, H, ha=HIDDEN, tier=TIER_SAFE, low=0, high=255)
row(b"can_protocol_library_version", 268, U8, ha=HIDDEN | MEASURED)
row(b"emergency_time", 269, U8, 0, MIN, ha=HIDDEN, when=FW_15_30)
row(b"uart3_protocol", 270, U8, ha=HIDDEN | MEASURED, when=FW_19)
row(b"rebulk_soc", 278, U8, 0, PERCENT, ha=HIDDEN, when=FW_19)
