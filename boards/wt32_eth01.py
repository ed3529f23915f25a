"""Board `wt32_eth01`: WT32-ETH01 (ESP32 with Ethernet) and an RS485 module.

Wiring: RS485 module: DI to TXD (IO17), RO to IO35, DE and /RE together to 485_EN (IO33) with 10 kilohm to GND, VCC
        to 3V3.
        A module that turns by itself: leave 485_EN free. RXD (IO5) is a strapping pin and is left free.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        IO16 switches the oscillator of the Ethernet chip on board v1.4.
"""

NAME = "wt32_eth01"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 17, 35, 33, 1),  # zuidwijk, egnor/wt32-eth01: TXD, IO35 (input only), 485_EN
)
CAN = ()
POWER = ()
NETWORK = "lan"
LAN = (
    ("mdc", 23),  # MicroPython ESP32 quickref, WT32-ETH01
    ("mdio", 18),  # MicroPython ESP32 quickref
    ("phy_type", "PHY_LAN8720"),  # MicroPython ESP32 quickref
    ("phy_addr", 1),  # MicroPython ESP32 quickref
    ("power", 16),  # MicroPython ESP32 quickref: board v1.4
)
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
