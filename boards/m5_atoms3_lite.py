"""Board `m5_atoms3_lite`: M5Stack AtomS3 Lite with ATOMIC RS485 (A131: SP3485 that turns by itself).

Wiring:
    A      -> RS485 jack pins 2, 7 (A)
    B      -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)

The base turns by itself. Its fourth terminal is a supply of up to 12 V for the ATOM: never connect it to the battery's
jack; the ATOM may as well be fed by its USB. The vendor's forum has a report of lost bytes at 115200 baud on this
base: if bad checksums are counted on a short line, use another board.

The base's label TX19, RX22 is about the older ATOM: where that has 19 and 22, the AtomS3 has 6 and 5. A user's
note on the RS232 base has them the other way round; the vendor's example for this base has them as here.
"""

NAME = "m5_atoms3_lite"
CHIP = "esp32s3"
FIRMWARE = "M5STACK_ATOMS3_LITE"
SERIAL = (
    ("rs485", 1, 6, 5, None, None),  # m5stack/uiflow-micropython, example of AtomRS485 (tx=6, rx=5)
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = ()
UNSURE = ()
