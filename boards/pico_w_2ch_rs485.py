"""Board `pico_w_2ch_rs485`: Raspberry Pi Pico W on a Waveshare Pico-2CH-RS485.

Wiring: the terminals of channel 1 (UART1). Channel 0 is UART0, which is left to a console.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        Both channels turn by themselves.
"""

NAME = "pico_w_2ch_rs485"
CHIP = "rp2040"
FIRMWARE = "RPI_PICO_W"
SERIAL = (
    ("rs485", 1, 4, 5, None, 1),  # Waveshare demo (in mkierczak/nmea_bridge): channel 1 is UART1 on GP4, GP5
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 8000
STRAPPING_OK = ()
UNSURE = ()
