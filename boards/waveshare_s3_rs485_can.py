"""Board `waveshare_s3_rs485_can`: Waveshare ESP32-S3-RS485-CAN (SP3485, CAN transceiver, 7 to 36 V supply).

Wiring: the screw terminals of the board.
        RS485: A+ to pin 2 or 7 of the battery's RJ45, B- to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        CAN: H to pin 4 or 5 of the battery's CAN jack, L to the other one. JK's manuals say 4 = L, 5 = H, a user's
        working cable has 4 = H, 5 = L, and the drawing may count from the other side: if nothing is heard, swap
        them, it harms nothing. GND to pin 7 (or 2). 120 ohm at both ends of the bus.
        The CAN controller is the one inside the ESP32-S3: stock MicroPython has no driver for it. jkbridge's own
        receiver
        works on its registers, only listens, is experimental and was never run on hardware: it is used only if
        bus.port names its row, "twai".
"""

NAME = "waveshare_s3_rs485_can"
CHIP = "esp32s3"
FIRMWARE = "ESP32_GENERIC_S3"
SERIAL = (
    ("rs485", 1, 17, 18, 21, 1),  # Battery-Emulator hw_waveshare.h; 21 high = send
)
CAN = (
    ("twai", "twai", "esp32s3", 15, 16),  # Battery-Emulator hw_waveshare.h
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
