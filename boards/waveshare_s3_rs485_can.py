"""Board `waveshare_s3_rs485_can`: Waveshare ESP32-S3-RS485-CAN (SP3485 with a direction pin).

Wiring:
    A+     -> RS485 jack pins 2, 7 (A)
    B-     -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)
    H      -> CAN jack pin 4, or 5 (H)
    L      -> CAN jack pin 5, or 4 (L)
    GND    -> CAN jack pin 2, or 7 (GND)

The transceiver is turned by GPIO21: high while sending. Firmware that expects it to turn by itself was reported not
to work on this board.

Stock MicroPython has no driver for the CAN controller inside this chip. The experimental receiver of its registers
has never run on hardware; it is used only where bus.port is "twai", and then it listens only: somebody else on the
bus must acknowledge, a battery alone with it is not heard.

CAN jack: JK's manuals say 4 = L, 5 = H, 7 = GND; a user's working cable has 4 = H, 5 = L. Both can be true, because
the drawing may count the pins from the other side (then GND is 2). Check with a meter against GND, H stands a little
above L; if nothing is heard, swap the two: it harms nothing.
"""

NAME = "waveshare_s3_rs485_can"
CHIP = "esp32s3"
FIRMWARE = "ESP32_GENERIC_S3"
SERIAL = (
    ("rs485", 1, 17, 18, 21, 1),  # dalathegreat/Battery-Emulator, hw_waveshare.h (high = send)
)
CAN = (
    ("twai", "twai", "esp32s3", 15, 16),  # dalathegreat/Battery-Emulator, hw_waveshare.h
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = ()
UNSURE = ()
