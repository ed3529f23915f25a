"""Board `lilygo_t_2can`: LilyGO T-2CAN (ESP32-S3 and MCP2515), RS485 by a module of one's own.

Wiring:
    GPIO1  -> RS485 module DI
    GPIO2  -> RS485 module RO
    A of the RS485 module -> RS485 jack pins 2, 7 (A)
    B of the RS485 module -> RS485 jack pins 1, 8 (B)
    GND                   -> RS485 jack pins 3, 6 (GND)
    CAN A H               -> CAN jack pin 4, or 5 (H)
    CAN A L               -> CAN jack pin 5, or 4 (L)
    GND                   -> CAN jack pin 2, or 7 (GND)

The board has no RS485 transceiver. Battery-Emulator puts one on the connector of GPIO 43 and 44; those are the pins
of UART0, the boot messages of the chip would go out on the battery's bus, and MicroPython's console is there. The
other connector, GPIO 1 and 2, is free of both: use it, with a module that turns by itself and runs on 3.3 V.

"can-a", the default CAN line, is the MCP2515 (16 MHz), "can-b" the chip's own controller. ESP32_GENERIC_S3 is the right
download although the module has PSRAM: jkbridge needs none, and without it a collection of garbage is shorter. Its
variant SPIRAM_OCT should do as well.

Stock MicroPython has no driver for the CAN controller inside this chip. The experimental receiver of its registers
has never run on hardware; it is used only where bus.port is "can-b", and then it listens only: somebody else on the
bus must acknowledge, a battery alone with it is not heard.

CAN jack: JK's manuals say 4 = L, 5 = H, 7 = GND; a user's working cable has 4 = H, 5 = L. Both can be true, because
the drawing may count the pins from the other side (then GND is 2). Check with a meter against GND, H stands a little
above L; if nothing is heard, swap the two: it harms nothing.
"""

NAME = "lilygo_t_2can"
CHIP = "esp32s3"
FIRMWARE = "ESP32_GENERIC_S3"
SERIAL = (
    ("rs485", 1, 1, 2, None, None),  # the free one of its two 4-pin connectors: Battery-Emulator, hw_lilygo2can.h
)
CAN = (
    ("can-a", "mcp2515", 1, 12, 11, 13, 10, 8, 9, 16000000),  # T-2Can pin_config.h; Battery-Emulator hw_lilygo2can.h
    ("can-b", "twai", "esp32s3", 7, 6),  # Xinyuan-LilyGO/T-2Can, pin_config.h
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = ()
UNSURE = (
    (1, "order of the pins in the connector and its voltage"),
    (2, "order of the pins in the connector and its voltage"),
    (8, "INT: only in Battery-Emulator, not in the vendor's file"),
)
