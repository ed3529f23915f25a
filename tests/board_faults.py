"""Faults of board files, one for each rule of board_rules.py and more: what a change of one row makes it say."""

from __future__ import annotations

DEVKIT = '("max3485", 1, 25, 33, 32, 1)'
CAN_A = '("can-a", "mcp2515", 1, 12, 11, 13, 10, 8, 9, 16000000)'
PICO_CAN = '("can", "mcp2515", 0, 6, 7, 4, 5, 21, None, 16000000)'

# board, what stands there, what is put there, what must be said: one for each rule
MUTATIONS = (
    # constants only, all of them
    ("esp32_devkit", 'NAME = "', 'import os\nNAME = "', "not a constant"),
    ("esp32_devkit", "WATCHDOG_MS = 30000", "WATCHDOG_MS = int(3e4)", "WATCHDOG_MS is not a constant"),
    ("esp32_devkit", "WATCHDOG_MS = 30000", "if 1:\n    WATCHDOG_MS = 30000", "not a constant"),
    ("esp32_devkit", "POWER = ()\n", "", "constants are"),
    ("esp32_devkit", "POWER = ()\n", "POWER = ()\nLED = 4\n", "constants are"),
    ("esp32_devkit", '"""Board `esp32_devkit`', 'TEXT = """Board `esp32_devkit`', "no doc string"),
    # shapes
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 32)', "SERIAL: .* has the wrong shape"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, "32", 1)', "SERIAL: .* has the wrong shape"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 32, 2)', "SERIAL: .* has the wrong shape"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 32, None)', "direction pin and its level go together"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, None, 1)', "direction pin and its level go together"),
    ("esp32_devkit", 'SERIAL = (\n    ("max3485"', 'SERIAL = 1, (\n    ("max3485"', "SERIAL: 1 has the wrong shape"),
    ("m5_atom_lite", '("rs485", 1, 19, 22, None, None),', '"rs485"', "SERIAL is not a tuple"),
    ("lilygo_t_2can", CAN_A, '("can-a", "mcp2515", 1, 12, 11, 13, 10, 8, 16000000)', "CAN: .* has the wrong shape"),
    ("lilygo_t_2can", CAN_A, '("can-a", "mcp2517", 1, 12, 11, 13, 10, 8, 9, 16000000)', "CAN: .* has the wrong shape"),
    ("lilygo_t_2can", '"esp32s3", 7, 6)', "7, 6)", "CAN: .* has the wrong shape"),
    ("lilygo_t_can485", "(16, 1),  #", "(16, 3),  #", "POWER: .* has the wrong shape"),
    ("lilygo_t_can485", "(16, 1),  #", "(16, True),  #", "POWER: .* has the wrong shape"),
    ("wt32_eth01", '("mdc", 23)', '("mdc", None)', "LAN: .* has the wrong shape"),
    ("lilygo_t_can485", '(16, "wired so by the vendor; no PSRAM")', '(16, "")', "WAIVED: .* has the wrong shape"),
    ("lilygo_t_2can", '(8, "INT: only', '("8", "INT: only', "UNSURE: .* has the wrong shape"),
    ("esp32_devkit", 'CHIP = "esp32"', 'CHIP = "esp8266"', "CHIP 'esp8266' is none of"),
    ("esp32_devkit", 'NETWORK = "wifi"', 'NETWORK = "gsm"', "NETWORK 'gsm' is none of"),
    ("esp32_devkit", "WATCHDOG_MS = 30000", "WATCHDOG_MS = None", "WATCHDOG_MS is no number"),
    # names
    ("esp32_devkit", 'NAME = "esp32_devkit"', 'NAME = "esp32_dev"', "not that of the file"),
    ("esp32_devkit", "Board `esp32_devkit`", "Board `esp32`", "does not begin with the board's name"),
    ("esp32_devkit", '"ESP32_GENERIC"', '"ESP32_GENERIC_S3"', "is no download for esp32"),
    ("esp32_devkit", '("max13487"', '("max3485"', "two lines are named max3485"),
    ("lilygo_t_2can", '("can-b"', '("rs485"', "two lines are named rs485"),
    # wiring
    ("esp32_devkit", "\nWiring:", "\nWires:", 'no "Wiring"'),
    ("m5_atom_lite", "    A      -> RS485 jack pins 2, 7 (A)\n", "", "nothing goes to RS485 jack pins 2, 7"),
    ("m5_atom_lite", "    A      ->", "    B      ->", "B does not belong to"),
    ("m5_atom_lite", "pins 3, 6 (GND)", "pins 4, 5 (GND)", "GND does not belong to"),
    ("pico_w_can_b", "pin 5, or 4 (L)", "pin 4, or 5 (H)", "L does not belong to"),
    ("pico_w_can_b", "JK's manuals say", "The manuals say", "dispute about the CAN jack"),
    ("waveshare_s3_rs485_can", "no driver", "a driver", "does not say 'no driver'"),
    ("waveshare_s3_rs485_can", "experimental", "proven", "does not say 'experimental'"),
    # pins
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 24, 1)', "pin 24 does not exist on esp32"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 6, 33, 32, 1)', "pin 6 belongs to: flash"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 3, 32, 1)', "pin 3 belongs to: UART0"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 12, 1)', "pin 12 is better left alone .strapping"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 17, 33, 32, 1)', "pin 17 is better left alone .PSRAM"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 34, 33, 32, 1)', "TX: pin 34 is an input only"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 35, 1)', "direction: pin 35 is an input only"),
    ("lilygo_t_can485", "(23, 0),", "(39, 0),", "POWER: pin 39 is an input only"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace("10, 8", "30, 8"), "CS: pin 30 belongs to: flash"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace("10, 8", "36, 8"), "CS: pin 36 belongs to: octal PSRAM"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace("10, 8", "22, 8"), "CS: pin 22 does not exist"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace("10, 8", "45, 8"), "CS: pin 45 is better left alone"),
    ("lilygo_t_2can", '("rs485", 1, 1, 2,', '("rs485", 1, 43, 44,', "TX: pin 43 belongs to: UART0"),
    ("lilygo_t_2can", '("rs485", 1, 1, 2,', '("rs485", 1, 19, 2,', "TX: pin 19 belongs to: USB"),
    ("pico_w_can_b", PICO_CAN, PICO_CAN.replace("21", "23"), "INT: pin 23 belongs to: WiFi"),
    # twice
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 25, 32, 1)', "pin 25 is used twice"),
    ("esp32_devkit", DEVKIT, '("max3485", 1, 25, 33, 18, 1)', "pin 18 is used twice, also as max3485 direction"),
    ("lilygo_t_can485", "(23, 0),", "(21, 0),", "POWER: pin 21 is used twice"),
    # waivers and doubts are about pins in use
    ("lilygo_t_can485", '(16, "wired so', '(12, "wired so', "pin 12 needs no waiver"),
    ("lilygo_t_can485", '(16, "wired so', '(22, "wired so', "pin 22 needs no waiver"),
    ("wt32_eth01", '(5, "RXD of', '(2, "RXD of', "pin 5 is better left alone"),
    ("olimex_esp32_poe", '(36, "read', '(39, "read', "UNSURE: pin 39 is not in use"),
    # UART and SPI
    ("esp32_devkit", DEVKIT, '("max3485", 0, 25, 33, 32, 1)', "UART 0 does not exist or is the console's"),
    ("lilygo_t_2can", '("rs485", 1, 1, 2,', '("rs485", 0, 1, 2,', "UART 0 does not exist or is the console's"),
    ("esp32_devkit", DEVKIT, '("max3485", 2, 25, 33, 32, 1)', "UART 2 is used twice"),
    ("pico_w_2ch_rs485", '("uart1", 1, 4, 5,', '("uart1", 1, 5, 4,', "5, 4 are not pins of UART 1"),
    ("pico_w_2ch_rs485", '("uart1", 1, 4, 5,', '("uart1", 1, 12, 13,', "12, 13 are not pins of UART 1"),
    ("pico_w_can_b", PICO_CAN, PICO_CAN.replace("6, 7", "7, 6"), "are not SCK, MOSI, MISO of SPI 0"),
    ("pico_w_can_b", PICO_CAN, PICO_CAN.replace('"mcp2515", 0', '"mcp2515", 1'), "are not SCK, MOSI, MISO of SPI 1"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace('"mcp2515", 1', '"mcp2515", 3'), "SPI 3 does not exist"),
    ("lilygo_t_2can", CAN_A, CAN_A.replace("16000000", "12000000"), "crystal of 12000000 Hz"),
    ("lilygo_t_2can", '"esp32s3", 7, 6)', '"esp32", 7, 6)', "the controller of esp32 on esp32s3"),
    # network
    ("wt32_eth01", 'NETWORK = "lan"', 'NETWORK = "wifi"', "LAN and NETWORK"),
    ("esp32_devkit", 'NETWORK = "wifi"', 'NETWORK = "lan"', "LAN and NETWORK"),
    ("esp32_devkit", 'NETWORK = "wifi"', "NETWORK = None", "only the unix port"),
    ("wt32_eth01", 'CHIP = "esp32"', 'CHIP = "esp32s3"', "esp32s3 has no Ethernet"),
    ("wt32_eth01", '    ("phy_addr", 1),\n', "", "LAN: phy_addr is missing"),
    ("wt32_eth01", '("phy_addr", 1)', '("phy_addr", 32)', "phy_addr = 32 is not an argument"),
    ("wt32_eth01", '"PHY_LAN8720"', '"LAN8720"', "phy_type = 'LAN8720' is not an argument"),
    ("wt32_eth01", '("power", 16)', '("powr", 16)', "powr = 16 is not an argument"),
    ("wt32_eth01", '("mdio", 18)', '("mdc", 18)', "an argument is there twice"),
    ("wt32_eth01", '("rs485", 1, 17, 5, 33, 1)', '("rs485", 1, 17, 5, 25, 1)', "pin 25 belongs to the Ethernet"),
    ("wt32_eth01", '("rs485", 1, 17, 5, 33, 1)', '("rs485", 1, 17, 5, 23, 1)', "pin 23 is used twice"),
    ("olimex_esp32_poe", '("ref_clk_mode", "OUT")', '("ref_clk_mode", "IN")', "clock can only come in at GPIO0"),
    ("olimex_esp32_poe", '    ("ref_clk_mode", "OUT"),\n', "", "clock can only come in at GPIO0"),
    ("olimex_esp32_poe", '("ref_clk", 17)', '("ref_clk", 34)', "LAN ref_clk: pin 34 is an input only"),
    # watchdog
    ("pico_w_can_b", "WATCHDOG_MS = 8000", "WATCHDOG_MS = 8389", "WATCHDOG_MS 8389 is not within"),
    ("esp32_devkit", "WATCHDOG_MS = 30000", "WATCHDOG_MS = 4000", "WATCHDOG_MS 4000 is not within"),
    # sources
    ("m5_atom_lite", "# m5stack/M5-ProductExampleCodes, AtomBase/AtomicRS485", "", "its pins have no source"),
    ("lilygo_t_can485", "high = on. T-CAN485, config.h; Battery-Emulator, hw_lilygo.h", "", "its pins have no source"),
    ("wt32_eth01", '("mdc", 23),  # micropython, docs/esp32/quickref.rst', '("mdc", 23),', "its pins have no source"),
)  # fmt: skip
