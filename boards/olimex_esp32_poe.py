"""Board `olimex_esp32_poe`: Olimex ESP32-POE (Ethernet, power over the cable) and an RS485 module at its UEXT.

Wiring: RS485 module that turns by itself: DI to UEXT pin 3 (GPIO4), RO to UEXT pin 4 (GPIO36), 3.3 V pin 1, GND pin
        2.
        These two pins are NOT sure, sources differ: verify them on the schematic of your revision.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
"""

NAME = "olimex_esp32_poe"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 4, 36, None, 1),  # UEXT UART as commonly given; not verified
)
CAN = ()
POWER = ()
NETWORK = "lan"
LAN = (
    ("mdc", 23),  # MicroPython ESP32 quickref, Olimex ESP32-POE
    ("mdio", 18),  # MicroPython ESP32 quickref
    ("phy_type", "PHY_LAN8720"),  # MicroPython ESP32 quickref
    ("phy_addr", 0),  # MicroPython ESP32 quickref
    ("power", 12),  # MicroPython ESP32 quickref
    ("ref_clk", 17),  # MicroPython ESP32 quickref
    ("ref_clk_mode", "OUT"),  # MicroPython ESP32 quickref: the ESP32 gives the clock; by default it awaits one
)
WATCHDOG_MS = 20000
STRAPPING_OK = (
    (12, "the board's own wiring of the Ethernet supply"),  # Olimex
)
UNSURE = (4, 36)
