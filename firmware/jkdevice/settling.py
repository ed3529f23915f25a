"""What is left to do while the program runs when the last run ended badly or the configuration is new or bad.

Rarely anything: the loop then has no Settling and this module is not in memory. step() is called every 10 s.
"""

from jkcore import publish
from jkcore.log import WARNING
from jkdevice import boots, forget, last_good, tracebacks

SAY_S = 600  # between two times a bad configuration is spoken of


class Settling:
    """doubted: bad starts are on record; used: mark of a config.json not kept as a good one yet, or None;
    problem: why the last good configuration is used, or "".
    """

    def __init__(self, doubted, used, problem):
        self._doubted = doubted
        self._used = used
        self._problem = problem
        self._bad = last_good.mark() if problem else None
        self._said = 0
        self._untold = True

    def step(self, loop):
        """True when all is done. Raises SystemExit when the program shall begin again."""
        bridge = loop.bridge
        online = bridge.publisher.phase == publish.ONLINE
        if self._doubted and bridge.uptime_s >= boots.SETTLED_S:
            self._doubted = False
            boots.settled()
        if online and self._used is not None:
            last_good.keep(self._used)
            self._used = None
        if self._untold and online and loop.session.ready():
            row = tracebacks.untold()
            if row is None:
                self._untold = False
            else:
                tracebacks.tell(row, bridge.message, bridge.will_topic[: -len("bridge/state")])
                loop.session.publish(bridge.message)
        if self._problem:
            self._look_again(bridge)
        if self._doubted or self._used is not None or self._untold or self._problem:
            return False
        forget(("settling", "boots", "last_good", "tracebacks", "files"))
        return True

    def _look_again(self, bridge):
        if last_good.mark() != self._bad:
            print("config.json was changed: jkbridge begins again.")
            raise SystemExit
        if bridge.uptime_s >= self._said:
            self._said = bridge.uptime_s + SAY_S
            bridge.log(WARNING, self._problem)
