"""main.py on a clock of its own that runs faster, for tests of hours and of many failures: the unix port only.

Argument: how many times faster. Everything the program does by the clock (pauses, patience, keepalive) is that much
shorter; sockets, packs and broker are the real ones.
"""

import sys
import time

from jkdevice import console

_speed = int(sys.argv[1])


def ticks():
    return time.ticks_ms() * _speed & 0x3FFFFFFF


console.ticks = ticks

import main  # noqa: E402

sys.exit(main.main())
