"""Board `pico_w_2ch_rs485`: Raspberry Pi Pico W on Waveshare Pico-2CH-RS485 (two SP3485 that turn by themselves).

Wiring:
    A      -> RS485 jack pins 2, 7 (A)
    B      -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)

The battery goes to channel 1. Channel 0 is UART0, which jkbridge leaves to consoles on every board; on this one the
console is on USB, so who wants a second line adds ("uart0", 0, 0, 1, None, None) to SERIAL.

Its watchdog cannot wait longer than 8.4 s.
"""

NAME = "pico_w_2ch_rs485"
CHIP = "rp2040"
FIRMWARE = "RPI_PICO_W"
SERIAL = (
    ("uart1", 1, 4, 5, None, None),  # Waveshare's demo for Pico-2CH-RS485, in mkierczak/nmea_bridge
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 8000
WAIVED = ()
UNSURE = ()
