"""Board `pico_w_2ch_rs485`: Raspberry Pi Pico W on Waveshare Pico-2CH-RS485 (two SP3485 that turn by themselves).

Wiring:
    A      -> RS485 jack pins 2, 7 (A)
    B      -> RS485 jack pins 1, 8 (B)
    GND    -> RS485 jack pins 3, 6 (GND)

Two channels: "uart1" (the default) and "uart0". The battery goes to one of them.

The Pico's console is on USB: no UART of it is taken. Its watchdog cannot wait longer than 8.4 s.
"""

NAME = "pico_w_2ch_rs485"
CHIP = "rp2040"
FIRMWARE = "RPI_PICO_W"
SERIAL = (
    ("uart1", 1, 4, 5, None, None),  # Waveshare's demo for Pico-2CH-RS485, in mkierczak/nmea_bridge
    ("uart0", 0, 0, 1, None, None),  # Waveshare's demo for Pico-2CH-RS485, in mkierczak/nmea_bridge
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 8000
WAIVED = ()
UNSURE = ()
