"""What the numbers in the field table mean. Constants only: on a device they are written where they are used."""

from jkcore.shim import const

# Kind: how the bytes of a field are read (little-endian, protocol/rs485.md section 2.2). Widths are unsigned unless S.
U8 = const(0)
S8 = const(1)
U16 = const(2)
S16 = const(3)
U32 = const(4)
S32 = const(5)
MASK32 = const(6)  # 32 bits, handled as two halves: a value of 2**30 or more is not a small int on the device
INDEX8 = const(7)  # counted from 0 on the wire, from 1 for people
BIT = const(8)  # one bit of a 16-bit word: offset = byte offset * 16 + bit
TEXT = const(9)  # ASCII, zero-terminated; `decimals` is its length
POWER = const(10)  # formulas over other rows, see pack.py
CELL_COUNT = const(11)
CELL_MAX = const(12)
CELL_MIN = const(13)
# On CAN only (protocol/can.md section 4). A bit there is counted from the first of the eight bytes.
U16_BE = const(14)
BITS2 = const(15)
CURRENT = const(16)  # plus is charging, or discharging, as the configuration says
CYCLED = const(17)  # 16 bits of a longer count
IS_ZERO = const(18)
DEGREES = const(19)  # one byte, 0x00 and 0xFF: no sensor
CELL16 = const(20)
CELL_MEAN = const(21)
CELL_DELTA = const(22)

# Show: how a value is told in JSON
NUMBER = const(0)
SWITCH = const(1)  # "ON" / "OFF"
ALARMS = const(2)  # the number, and the list of short keys
BALANCE = const(3)  # an option text, see table.OPTIONS
PHASE = const(4)
TRIGGER = const(5)  # what makes the buzzer or a dry contact go off
LEVEL = const(6)  # of an alarm on CAN

# Who sees a row
ALL = const(0)
DECODED = const(1)  # `jkbridge decode` only: raw values that would mislead as entities
PUBLISHED = const(2)  # MQTT only: derived, stands in no table of the protocol
SECRET = const(3)  # nobody: blanked in the frame before it is kept

# When a row exists on a pack. Below 16: see Pack.present; from 16 on: the firmware it appeared in (table.FIRMWARES).
ALWAYS = const(0)
CELL = const(1)  # the cell of this number is in the cell mask
SENSOR_MOS = const(2)  # temperature sensors: SENSOR_MOS + bit number in temp_sensor_present
SENSOR_1 = const(3)
SENSOR_2 = const(4)
SENSOR_4 = const(6)
SENSOR_5 = const(7)
NOT_EMPTY = const(8)  # a text that may be blank
HAS_CELLS = const(9)  # stands in every frame, but means nothing on a pack without cells (as what FIRMWARE says)
ON_CAN = const(10)  # no RS485 frame has it
ON_CAN_V1 = const(11)  # only the older CAN protocol has it (protocol/can.md section 5)
FIRMWARE = const(16)
FW_15_00 = const(16)
FW_15_30 = const(17)
FW_15_35 = const(18)
FW_15_36 = const(19)
FW_15_41 = const(20)
FW_19 = const(21)

# Units; words.py has their texts
NONE = const(0)
V = const(1)
A = const(2)
W = const(3)
AH = const(4)
PERCENT = const(5)
DEGC = const(6)
OHM = const(7)
S = const(8)
H = const(9)
MIN = const(10)
US = const(11)
UOHM = const(12)

# What Home Assistant makes of a row: group + class; words.py has the words
NOWHERE = const(0)
PRIMARY = const(1)
DIAGNOSTIC = const(2)
HIDDEN = const(3)  # diagnostic, disabled until the user enables it
GROUP_MASK = const(3)
BY_UNIT = const(0)
BATTERY = const(4)
TOTAL = const(8)
MEASURED = const(12)  # a number without a device class
RUNNING = const(16)
CLASS_MASK = const(0xFC)

# Who may change a row: the least `writes` it takes (protocol/rs485.md section 8). NEVER: no command reaches it.
NEVER = const(0)
TIER_SAFE = const(1)
TIER_ALL = const(2)
DANGEROUS = const(3)  # `all`, and the confirmation word in the command itself

# What else binds the value of a row that may be changed; jkcore/writes/plan.py does it
PLAIN = const(0)
CELL_VOLTAGE = const(1)  # within what the chemistry allows; a large step needs the confirmation word
CURRENT_LIMIT = const(2)  # lowering is safe; raising ends at the rating of the model
BALANCE_LIMIT = const(3)  # within the balance current of the model
ON_IS_SAFE = const(4)  # switching on is safe, off is not

# Messages on CAN (protocol/can.md section 2), by their names there
BATT_ST1 = const(0)
CELL_VOLT = const(1)
CELL_TEMP = const(2)
ALM_INFO = const(3)
BATT_ST2 = const(4)
ALL_TEMP = const(5)
BMSERR_INFO = const(6)
BMS_INFO = const(7)
SWITCHES = const(8)  # BMSSwSta
CHARGER = const(9)  # BMSChg_INFO
CELLS = const(10)  # CELLVOL, and six more up to 16
CONTROL = const(17)  # Ctrl_INFO: from another device to the battery
UNDOCUMENTED = const(18)  # 0x01F21400
