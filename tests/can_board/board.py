"""A board with an MCP2515 for the device's program on the unix port: machine.py beside it is its hardware."""

NAME = "can-bench"
SERIAL = ()
CAN = (("chip", "mcp2515", 1, 12, 11, 13, 10, 8, None, 16000000),)
POWER = ()
NETWORK = None
LAN = ()
WATCHDOG_MS = 0
