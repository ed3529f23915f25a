"""CAN in the core alone, on CPython and MicroPython: frames taken in per second, with all that follows from them.

Arguments: the firmware folder; a file of frames, of which 550 are a second (12 bytes each: identifier, with bit 31 set
for 29 bits, big-endian, then data); how often to play it.
"""

import sys
import time

sys.path.insert(0, sys.argv[1])

from jkcore import can
from jkcore import config as schema
from jkcore.bridge import Bridge

RATE = 550


def ticks():
    """Nanoseconds of a clock that only grows."""
    return time.perf_counter_ns() if hasattr(time, "perf_counter_ns") else time.ticks_us() * 1000


def nothing(level, text):
    pass


def play(bridge, frames, start):
    """All frames at the pace of a full bus; the time after it."""
    bus = bridge.buses[0]
    count = len(frames)
    for i in range(count):
        now = start + 1000 * i // RATE
        ident, flags, data = frames[i]
        bus.feed_frame(ident, flags, data, now)
        if not i & 7:
            bridge.tick(now)
            while bridge.next_message(now):
                pass
    return start + 1000 * count // RATE


def main():
    with open(sys.argv[2], "rb") as file:
        raw = file.read()
    frames = []
    for at in range(0, len(raw), 12):
        ident = int.from_bytes(raw[at : at + 4], "big")
        extended = ident >> 31
        frames.append((ident & 0x1FFFFFFF, 8 | can.EXTENDED * extended, raw[at + 4 : at + 12]))
    config = schema.load({"bus": {"kind": "can", "channel": "0"}, "discovery": {"enabled": False}}, "host")
    bridge = Bridge(config, nothing, b"aabbccdd", "bench", "bench")
    bridge.connected(0)
    bridge.buses[0].opened(0)
    now = play(bridge, frames, 3000)  # packs appear
    began = ticks()
    for _ in range(int(sys.argv[3])):
        now = play(bridge, frames, now)
    spent = ticks() - began
    online = sum([1 for pack in bridge.packs if pack.online])
    if online < 15:
        raise RuntimeError("too few packs are online: the figures would be worth nothing")
    print("can_rate", int(sys.argv[3]) * len(frames) * 1000000000 // spent)


main()
