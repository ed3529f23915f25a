"""Board `esp32_devkit`: ESP32 DevKit (WROOM or WROVER) with modules of one's own for RS485 and CAN.

Wiring:
    GPIO25 -> MAX3485 DI
    GPIO33 -> MAX3485 RO
    GPIO32 -> MAX3485 DE and /RE, joined
    GPIO13 -> MAX13487E DI
    GPIO14 -> MAX13487E RO, lowered to 3.3 V
    GPIO22 -> MCP2515 SCK
    GPIO21 -> MCP2515 SI (MOSI)
    GPIO19 -> MCP2515 SO (MISO)
    GPIO18 -> MCP2515 CS
    GPIO23 -> MCP2515 INT
    GPIO27 -> SN65HVD230 D (CTX)
    GPIO26 -> SN65HVD230 R (CRX)
    A of the RS485 module -> RS485 jack pins 2, 7 (A)
    B of the RS485 module -> RS485 jack pins 1, 8 (B)
    GND                   -> RS485 jack pins 3, 6 (GND)
    H of the CAN module   -> CAN jack pin 4, or 5 (H)
    L of the CAN module   -> CAN jack pin 5, or 4 (L)
    GND                   -> CAN jack pin 2, or 7 (GND)

One module is enough: wire what you have and name its line in bus.port. "max3485" (the default) is any 3.3 V part
with a direction pin: MAX3485, SP3485, THVD1400. 10 kohm from DE to GND keep the line free while the chip starts.
"max13487" is any module that turns by itself. The MAX13487E itself is a 5 V part: 5 V supply, RO to the ESP32 over
1 kohm with 2 kohm to GND, /RE and SHDN high. Many modules sold as 3.3 V "auto" need none of that.

"mcp2515": cheap modules have an 8 MHz crystal; correct the row if yours says 16.000. Those with a TJA1050 need 5 V,
and SO and INT then lowered to 3.3 V; a module with an SN65HVD230 runs on 3.3 V.

Stock MicroPython has no driver for the CAN controller inside this chip. The experimental receiver of its registers
has never run on hardware; it is used only where bus.port is "twai", and then it listens only: somebody else on the
bus must acknowledge, a battery alone with it is not heard.

CAN jack: JK's manuals say 4 = L, 5 = H, 7 = GND; a user's working cable has 4 = H, 5 = L. Both can be true, because
the drawing may count the pins from the other side (then GND is 2). Check with a meter against GND, H stands a little
above L; if nothing is heard, swap the two: it harms nothing.
"""

NAME = "esp32_devkit"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("max3485", 1, 25, 33, 32, 1),  # free choice: no strapping, flash or PSRAM pin (Espressif, ESP32 datasheet)
    ("max13487", 2, 13, 14, None, None),  # free choice; 13 has a pull-up at reset: DI idles high, the line stays free
)
CAN = (
    ("mcp2515", "mcp2515", 1, 22, 21, 19, 18, 23, None, 8000000),  # as dalathegreat/Battery-Emulator, hw_devkit.h
    ("twai", "twai", "esp32", 27, 26),  # as dalathegreat/Battery-Emulator, hw_devkit.h
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = ()
UNSURE = ()
