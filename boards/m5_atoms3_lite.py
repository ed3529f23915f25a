"""Board `m5_atoms3_lite`: M5Stack AtomS3 Lite on an ATOMIC RS485 base.

Wiring: the terminals of the base.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        The base turns by itself.
        Most sources say TX 6, RX 5; one note on the RS232 base says the other way round.
"""

NAME = "m5_atoms3_lite"
CHIP = "esp32s3"
FIRMWARE = "ESP32_GENERIC_S3"
SERIAL = (
    ("rs485", 1, 6, 5, None, 1),  # UIFlow example and several repositories
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = (5, 6)
