"""Board `pico_w_can_b`: Raspberry Pi Pico W on Waveshare Pico-CAN-B (MCP2515, 16 MHz).

Wiring:
    H      -> CAN jack pin 4, or 5 (H)
    L      -> CAN jack pin 5, or 4 (L)
    GND    -> CAN jack pin 2, or 7 (GND)

CAN jack: JK's manuals say 4 = L, 5 = H, 7 = GND; a user's working cable has 4 = H, 5 = L. Both can be true, because
the drawing may count the pins from the other side (then GND is 2). Check with a meter against GND, H stands a little
above L; if nothing is heard, swap the two: it harms nothing.

The same source names GP19 and GP22 as a second choice for CS and INT: if the controller does not answer, look at how
the board in your hands is wired.

The Pico's console is on USB: no UART of it is taken. Its watchdog cannot wait longer than 8.4 s.
"""

NAME = "pico_w_can_b"
CHIP = "rp2040"
FIRMWARE = "RPI_PICO_W"
SERIAL = ()
CAN = (
    ("can", "mcp2515", 0, 6, 7, 4, 5, 21, None, 16000000),  # ianchblair/LevelCrossing, pindefs_wv.py
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 8000
WAIVED = ()
UNSURE = ()
