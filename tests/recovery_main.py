"""Stands before main.py in tests of what the device does after errors: orders.json says when the loop shall fail.

{"normal": {...}, "safe": {...}}, each with
    jump    seconds added to the uptime one real second after the start; from then on the chores are always due
    fail    uptime at which a turn raises ValueError with `text`
    hang    uptime at which the program ends without a word, as when the watchdog resets the device
"""

import json
import os
import sys

from jkdevice import loop

with open("orders.json") as file:
    orders = json.load(file)
turn = loop.Loop.turn
jumped = []


def sabotaged(self, now):
    bridge = self.bridge
    order = orders.get("safe" if type(bridge).__name__ == "SafeBridge" else "normal", {})
    if order.get("jump") and not jumped and bridge.uptime_s >= 1:
        jumped.append(1)
        bridge.uptime_s += order["jump"]
    if jumped:
        self._measured = (now - 10000) & 0x3FFFFFFF
    if bridge.uptime_s >= order.get("hang", 1 << 29):
        os.system("kill -9 $PPID")
    if bridge.uptime_s >= order.get("fail", 1 << 29):
        raise ValueError(order["text"])
    turn(self, now)


loop.Loop.turn = sabotaged

import main  # noqa: E402

sys.exit(main.main())
