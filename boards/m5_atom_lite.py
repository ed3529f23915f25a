"""Board `m5_atom_lite`: M5Stack ATOM Lite on an ATOMIC RS485 base (K045, SP3485).

Wiring: the terminals of the base.
        RS485: A to pin 2 or 7 of the battery's RJ45, B to pin 1 or 8, GND to 3 or 6; swap A and B if nothing is
        heard.
        The base turns by itself. A user reported lost bytes at 115200 baud on it (M5 forum 2144): watch the counters
        in
        bridge/health.
"""

NAME = "m5_atom_lite"
CHIP = "esp32"
FIRMWARE = "M5STACK_ATOM"
SERIAL = (
    ("rs485", 1, 19, 22, None, 1),  # M5Stack docs, ATOMIC RS485 (atomic485)
)
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 20000
STRAPPING_OK = ()
UNSURE = ()
