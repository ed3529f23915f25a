"""Board `lilygo_t_can485`: LilyGO T-CAN485 (ESP32, MAX13487E that turns by itself, SN65HVD231).

Wiring:
    A      -> RS485 jack pins 2, 7 (A)
    B      -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)
    H      -> CAN jack pin 4, or 5 (H)
    L      -> CAN jack pin 5, or 4 (L)
    GND    -> CAN jack pin 2, or 7 (GND)

Without its three supply and enable pins the RS485 side is deaf; POWER sets them. 23 low is the fast mode of the CAN
transceiver.

Stock MicroPython has no driver for the CAN controller inside this chip. The experimental receiver of its registers
has never run on hardware; it is used only where bus.port is "twai", and then it listens only: somebody else on the
bus must acknowledge, a battery alone with it is not heard.

The vendor's two files disagree about CAN: an old config.h says TX 26, RX 27; its newer pin_config.h (2024) says TX
27, RX 26, as do Battery-Emulator and ESPHome users. The latter stands here.

CAN jack: JK's manuals say 4 = L, 5 = H, 7 = GND; a user's working cable has 4 = H, 5 = L. Both can be true, because
the drawing may count the pins from the other side (then GND is 2). Check with a meter against GND, H stands a little
above L; if nothing is heard, swap the two: it harms nothing.
"""

NAME = "lilygo_t_can485"
CHIP = "esp32"
FIRMWARE = "ESP32_GENERIC"
SERIAL = (
    ("rs485", 1, 22, 21, None, None),  # Xinyuan-LilyGO/T-CAN485, pin_config.h and config.h
)
CAN = (
    ("twai", "twai", "esp32", 27, 26),  # Xinyuan-LilyGO/T-CAN485, pin_config.h; Battery-Emulator, hw_lilygo.h
)
POWER = (
    (16, 1),  # 5 V of both transceivers (ME2107). Xinyuan-LilyGO/T-CAN485, pin_config.h
    (19, 1),  # MAX13487E SHDN: high = on. T-CAN485, config.h; Battery-Emulator, hw_lilygo.h
    (17, 1),  # MAX13487E /RE: high = it turns by itself. T-CAN485, config.h; Battery-Emulator, hw_lilygo.h
    (23, 0),  # SN65HVD231 Rs: low = full speed. T-CAN485, pin_config.h; Battery-Emulator, hw_lilygo.h
)
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = (
    (16, "wired so by the vendor; no PSRAM"),
    (17, "wired so by the vendor; no PSRAM"),
)
UNSURE = ()
