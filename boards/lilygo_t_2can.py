"""Board `lilygo_t_2can`: LilyGO T-2CAN (ESP32-S3, MCP2515 with 16 MHz, and a second CAN transceiver).

Wiring: the CAN terminals of the board. Row "can0" is the one at the MCP2515 (CAN B).
        CAN: H to pin 4 or 5 of the battery's CAN jack, L to the other one. JK's manuals say 4 = L, 5 = H, a user's
        working cable has 4 = H, 5 = L, and the drawing may count from the other side: if nothing is heard, swap
        them, it harms nothing. GND to pin 7 (or 2). 120 ohm at both ends of the bus.
        The CAN controller is the one inside the ESP32-S3: stock MicroPython has no driver for it. jkbridge's own
        receiver
        works on its registers, only listens, is experimental and was never run on hardware: it is used only if
        bus.port names its row, "twai".
        No RS485: its pins, 43 and 44, are those of the console (UART0). What starts there is chatter on the
        battery's bus,
        and a byte 03 from the battery would be Ctrl-C.
"""

NAME = "lilygo_t_2can"
CHIP = "esp32s3"
FIRMWARE = "ESP32_GENERIC_S3"
SERIAL = ()
CAN = (
    ("can0", "mcp2515", 1, 12, 11, 13, 10, 8, 9, 16000000),  # Battery-Emulator hw_lilygo2can.h
    ("twai", "twai", "esp32s3", 7, 6),  # Battery-Emulator hw_lilygo2can.h
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
