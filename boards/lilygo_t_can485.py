"""Board `lilygo_t_can485`: LilyGO T-CAN485 (ESP32, MAX13487E, SN65HVD231).

Wiring: the screw terminals of the board.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        CAN: H to pin 4 or 5 of the battery's CAN jack, L to the other one. JK's manuals say 4 = L, 5 = H, a user's
        working cable has 4 = H, 5 = L, and the drawing may count from the other side: if nothing is heard, swap
        them, it harms nothing. GND to pin 7 (or 2). 120 ohm at both ends of the bus.
        The vendor's header gives CAN TX 26, RX 27; the users of Battery-Emulator and ESPHome run 27, 26: taken here.
        The CAN controller is the one inside the ESP32: stock MicroPython has no driver for it. jkbridge's own
        receiver
        works on its registers, only listens, is experimental and was never run on hardware: it is used only if
        bus.port names its row, "twai".
"""

NAME = "lilygo_t_can485"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 22, 21, None, 1),  # LilyGO T-CAN485 examples RS485/config.h, esphome rs485.yaml; turns by itself
)
CAN = (
    ("twai", "twai", "esp32", 27, 26),  # Battery-Emulator hw_lilygo.h, ESPHome users
)
POWER = (
    (16, 1),  # 5 V boost on: without it both transceivers are dead; LilyGO config.h
    (19, 1),  # SHDN of the MAX13487E: high = on; LilyGO config.h
    (17, 1),  # /RE, auto-direction enable: high, or it is deaf; LilyGO config.h
    (23, 0),  # slope of the CAN transceiver: low = high speed; LilyGO config.h
)
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
