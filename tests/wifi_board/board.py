"""A board with WiFi for the device's program on the unix port: network.py beside it is its radio."""

NAME = "wifi-bench"
CHIP = "unix"
SERIAL = ()
CAN = ()
POWER = ()
NETWORK = "wifi"
LAN = ()
WATCHDOG_MS = 0
