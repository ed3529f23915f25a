"""Board `olimex_esp32_poe`: Olimex ESP32-POE, ESP32-POE-ISO (WROOM module), RS485 by a module of one's own.

Wiring:
    EXT1-9, UEXT-3 (GPIO4) -> MAX3485 DI
    EXT2-2 (GPIO36)        -> MAX3485 RO
    EXT2-5 (GPIO33)        -> MAX3485 DE and /RE, joined
    A of the module        -> RS485 jack pins 2, 7 (A)
    B of the module        -> RS485 jack pins 1, 8 (B)
    GND                    -> RS485 jack pins 3, 6 (GND)

GPIO4 is U1TXD and GPIO36 U1RXD of the UEXT connector, by the netlist of revision C; other sources say 17 and 16, but 17
is the Ethernet clock. Take RO from EXT2-2: UEXT-4 reaches GPIO36 over a diode. 10 kohm from DE to GND keep the line
free while the chip starts.

For boards with a WROVER module (its PSRAM uses 16 and 17) the clock leaves at GPIO0: ("ref_clk", 0) instead of 17, and
0 in WAIVED. Never connect USB to a board that is not the ISO one while PoE feeds it.
"""

NAME = "olimex_esp32_poe"
CHIP = "esp32"
FIRMWARE = "OLIMEX_ESP32_POE"
SERIAL = (
    ("rs485", 1, 4, 36, 33, 1),  # OLIMEX/ESP32-POE, ESP32-PoE_Rev_C.net: U1TXD, U1RXD, GPIO33 on EXT2-5
)
CAN = ()
POWER = ()
NETWORK = "lan"
LAN = (
    ("mdc", 23),  # OLIMEX/ESP32-POE, ESP32-PoE_Rev_C.net; micropython, docs/esp32/quickref.rst
    ("mdio", 18),  # OLIMEX/ESP32-POE, ESP32-PoE_Rev_C.net; micropython, docs/esp32/quickref.rst
    ("phy_type", "PHY_LAN8720"),
    ("phy_addr", 0),
    ("power", 12),  # PHY_PWR: OLIMEX/ESP32-POE, ESP32-PoE_Rev_C.net; micropython, docs/esp32/quickref.rst
    ("ref_clk", 17),  # micropython, docs/esp32/quickref.rst; espressif/arduino-esp32, variants/esp32-poe
    ("ref_clk_mode", "OUT"),
)
WATCHDOG_MS = 30000
WAIVED = (
    (12, "wired so by the vendor: low at reset, as the chip wants it"),
    (17, "Ethernet clock; WROOM module, no PSRAM"),
)
UNSURE = (
    (4, "read from revision C only"),
    (36, "read from revision C only"),
    (33, "read from revision C only"),
)
