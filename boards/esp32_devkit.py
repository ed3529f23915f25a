"""Board `esp32_devkit`: ESP32 DevKit (ESP32-WROOM-32) with a MAX3485 or MAX13487 module, and perhaps an MCP2515 module.

Wiring: RS485 module: DI to GPIO25, RO to GPIO33, VCC to 3V3, GND to GND. MAX3485: DE and /RE together to GPIO32, with
        10 kilohm to GND so that it listens while the ESP32 starts. MAX13487 and others that turn by themselves: leave
        GPIO32 free.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        MCP2515 module: SCK 22, SI 21, SO 19, CS 18, INT 23. Read the crystal on it: most have 8 MHz, this file says
        so.
        A module with a TJA1050 needs 5 V, and its SO and INT must be brought down to 3.3 V: better one with a
        SN65HVD230.
        CAN: H to pin 4 or 5 of the battery's CAN jack, L to the other one. JK's manuals say 4 = L, 5 = H, a user's
        working cable has 4 = H, 5 = L, and the drawing may count from the other side: if nothing is heard, swap
        them, it harms nothing. GND to pin 7 (or 2). 120 ohm at both ends of the bus.
        A CAN transceiver without controller (SN65HVD230): its CTX to GPIO27, CRX to GPIO26.
        The CAN controller is the one inside the ESP32: stock MicroPython has no driver for it. jkbridge's own
        receiver
        works on its registers, only listens, is experimental and was never run on hardware: it is used only if
        bus.port names its row, "twai".
"""

NAME = "esp32_devkit"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 25, 33, 32, 1),  # free pins, no strapping pin, not in the way of PSRAM (16, 17)
)
CAN = (
    ("can0", "mcp2515", 1, 22, 21, 19, 18, 23, None, 8000000),  # pins as Battery-Emulator's hw_devkit has them
    ("twai", "twai", "esp32", 27, 26),  # pins as Battery-Emulator's hw_devkit has them
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
