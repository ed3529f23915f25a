"""main.py on a clock of its own that runs faster, for tests of hours and of many failures: the unix port only.

Argument: how many times faster. Everything the program does by the clock (pauses, patience, keepalive) is that much
shorter; sockets, packs and broker are the real ones.
"""

import sys
import time

_speed = int(sys.argv[1])


class FastTime:
    """The module time, but for its milliseconds. It is replaced as a whole: installed files have names of their own."""

    def __getattr__(self, name):
        return getattr(time, name)

    def ticks_ms(self):
        return time.ticks_ms() * _speed & 0x3FFFFFFF


sys.modules["time"] = FastTime()

import main  # noqa: E402

sys.exit(main.main())
