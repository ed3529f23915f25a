"""Board `wt32_eth01`: Wireless-Tag WT32-ETH01 (ESP32, LAN8720), RS485 by a module of one's own.

Wiring:
    TXD (IO17)    -> MAX3485 DI
    RXD (IO5)     -> MAX3485 RO
    485_EN (IO33) -> MAX3485 DE and /RE, joined
    A of the module -> RS485 jack pins 2, 7 (A)
    B of the module -> RS485 jack pins 1, 8 (B)
    GND             -> RS485 jack pins 3, 6 (GND)

The board has no RS485 transceiver, its 485_EN is the pin for one: any 3.3 V part with a direction pin (MAX3485,
SP3485). 10 kohm from DE to GND keep the line free while the chip starts. It is flashed over a USB-serial adapter of
3.3 V on TXD0, RXD0, with IO0 to GND while it starts.

Power of the Ethernet part: version 1.4 of the board needs pin 16; for older ones MicroPython's documentation has none.
If the network does not come up, take the line ("power", 16) out. The clock comes in at GPIO0, the firmware's default.
"""

NAME = "wt32_eth01"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 17, 5, 33, 1),  # TXD, RXD, 485_EN: espressif/arduino-esp32, variants/wt32-eth01; label on the board
)
CAN = ()
POWER = ()
NETWORK = "lan"
LAN = (
    ("mdc", 23),  # micropython, docs/esp32/quickref.rst
    ("mdio", 18),  # micropython, docs/esp32/quickref.rst
    ("phy_type", "PHY_LAN8720"),
    ("phy_addr", 1),
    ("power", 16),  # micropython, docs/esp32/quickref.rst; arduino-esp32, variants/wt32-eth01
)
WATCHDOG_MS = 30000
WAIVED = (
    (5, "RXD of the board; high at reset is right, as an idle RO is"),
    (16, "wired so by the vendor; no PSRAM"),
    (17, "TXD of the board; no PSRAM"),
)
UNSURE = (
    (16, "power of the Ethernet part, version 1.4 only?"),
)
