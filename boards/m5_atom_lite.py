"""Board `m5_atom_lite`: M5Stack ATOM Lite with ATOMIC RS485 (K045: SP3485 that turns by itself).

Wiring:
    A      -> RS485 jack pins 2, 7 (A)
    B      -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)

The base turns by itself. Its fourth terminal is a supply of up to 12 V for the ATOM: never connect it to the battery's
jack; the ATOM may as well be fed by its USB. The vendor's forum has a report of lost bytes at 115200 baud on this
base: if bad checksums are counted on a short line, use another board.

The base's label says TX19, RX22: seen from the ATOM, as the vendor's example for it has them.
"""

NAME = "m5_atom_lite"
CHIP = "esp32"
FIRMWARE = "M5STACK_ATOM"
SERIAL = (
    ("rs485", 1, 19, 22, None, None),  # m5stack/M5-ProductExampleCodes, AtomBase/AtomicRS485
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 30000
WAIVED = ()
UNSURE = ()
