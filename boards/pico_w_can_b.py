"""Board `pico_w_can_b`: Raspberry Pi Pico W on a Waveshare Pico-CAN-B (MCP2515 with 16 MHz).

Wiring: the CAN terminals of the board.
        CAN: H to pin 4 or 5 of the battery's CAN jack, L to the other one. JK's manuals say 4 = L, 5 = H, a user's
        working cable has 4 = H, 5 = L, and the drawing may count from the other side: if nothing is heard, swap
        them, it harms nothing. GND to pin 7 (or 2). 120 ohm at both ends of the bus.
        Some boards carry INT on GP22 and CS on GP19 (solder jumpers): this file has INT 21, CS 5.
"""

NAME = "pico_w_can_b"
CHIP = "rp2040"
FIRMWARE = "RPI_PICO_W"
SERIAL = ()
CAN = (
    ("can0", "mcp2515", 0, 6, 7, 4, 5, 21, None, 16000000),  # ianchblair/LevelCrossing pindefs_wv.py
)
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 8000
STRAPPING_OK = ()
UNSURE = ()
