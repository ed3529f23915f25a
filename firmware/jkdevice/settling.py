"""What is left to do while the program runs when the last run ended badly or the configuration is new or bad.

Rarely anything: the loop then has no Settling and this module is not in memory. step() is called every 10 s; what it
needs is loaded only then.
"""

from jkcore import publish
from jkdevice.memory import forget


def _mark():
    """What config.json holds now, as a number."""
    from jkdevice import last_good

    return last_good.mark()


class Settling:
    """doubted: bad starts are on record; untold: tracebacks, too; used: mark of a config.json not kept as a good one
    yet, or None; problem: why the last good configuration is used, or "".
    """

    def __init__(self, doubted, untold, used, problem):
        self._doubted = doubted
        self._untold = untold
        self._used = used
        self._problem = problem
        self._bad = _mark() if problem else 0  # of the bad config.json
        self._said = 0

    def step(self, loop):
        """True when all is done. Raises SystemExit when the program shall begin again."""
        # (In safe mode neither is given, and there is no publisher.)
        online = (self._untold or self._used is not None) and loop.bridge.publisher.phase == publish.ONLINE
        if self._doubted:
            self._settle(loop.bridge.uptime_s)
        if self._used is not None and online:
            from jkdevice import last_good

            last_good.keep(self._used)
            self._used = None
        if self._untold and online and loop.session.ready():
            self._tell(loop)
        if self._problem:
            self._look_again(loop.bridge)
        forget(("boots", "last_good", "tracebacks", "files"))
        if self._doubted or self._untold or self._used is not None or self._problem:
            return False
        forget(("settling", "memory"))
        return True

    def _settle(self, uptime):
        from jkdevice import boots

        if uptime >= boots.SETTLED_S:
            boots.settled()
            self._doubted = False

    def _tell(self, loop):
        from jkdevice import tracebacks

        row = tracebacks.untold()
        if row is None:
            self._untold = False
        else:
            message = loop.bridge.message
            tracebacks.tell(row, message, loop.bridge.will_topic[: -len("bridge/state")])
            loop.session.publish(message)

    def _look_again(self, bridge):
        if _mark() != self._bad:
            print("config.json was changed: jkbridge begins again.")
            raise SystemExit
        if bridge.uptime_s >= self._said:
            from jkcore.log import WARNING

            self._said = bridge.uptime_s + 600
            bridge.log(WARNING, self._problem)
