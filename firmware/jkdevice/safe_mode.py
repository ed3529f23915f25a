"""Safe mode: what is wrong, on MQTT and the console, and nothing else: no bus, no packs, no commands.

SafeBridge stands in the place of jkcore.bridge.Bridge and uses as little as possible of what may be broken. It
publishes bridge/info, bridge/health with the reason, bridge/event with the tracebacks, and bridge/state; packs an
earlier run left "online" are said to be offline. After RETRY_S the program begins again in normal mode, once.
"""

from jkcore import guard, info
from jkcore.clock import after, reached, since
from jkcore.log import ERROR
from jkcore.message import Message
from jkdevice import boots, tracebacks

RETRY_S = 600
_EVERY_MS = 10000  # bridge/health
_SAY_S = 60
_PACKS = 32  # that are remembered


class SafeBridge:
    """What mqtt.Session and loop.Loop want of a bridge. why: a sentence; the rest as for Bridge."""

    will_payload = b"offline"
    buses = ()

    def __init__(self, config, log, instance, runtime, board, why):
        self.message = Message()
        self.uptime_s = 0
        self.machine = None  # adds what the machine tells of itself to bridge/health: put(message)
        self.log = log
        self._base = config["base"].encode() + b"/"
        self.will_topic = self._base + b"bridge/state"
        self._instance = instance
        self._why = why
        message = self.message
        message.start(False)
        info.put_head(message, instance, runtime, board)
        message.put(b"[]")
        info.put_tail(message, config)
        self._info = message.taken()
        self._guard = guard.Guard(config["base"], instance, log, False)
        self._session = False
        self._stopping = False
        self._online = False  # bridge/state says so
        self._packs = []  # topics of an earlier run's packs
        self._info_due = False
        self._untold = True
        self._health_at = 0
        self._heap_low = None
        self._figures = (None, None, None, 0)
        self._ticked = -1
        self._ms = 0
        self._said = 0

    # the session

    def subscriptions(self):
        return [self.will_topic, self._base + b"bridge/health", self._base + b"+/availability"]

    def connected(self, now):
        self._session = True
        self._online = False
        self._info_due = True
        self._health_at = now
        self._guard.connected(now)

    def disconnected(self, now):
        self._session = False

    def received(self, topic, payload, retained, dup, now, whole=True):
        if topic == self.will_topic:
            self._guard.heard_state(payload == b"online", now)
            if payload != b"online" and not retained:
                self._online = False  # the will of an earlier session: say it again
        elif topic.endswith(b"/availability"):
            if retained and payload == b"online" and len(self._packs) < _PACKS:
                self._packs.append(topic)
        elif not retained and topic.endswith(b"/health"):
            self._guard.heard_other(payload, now)

    # time

    def tick(self, now):
        if self._ticked >= 0:
            self._ms += since(now, self._ticked)
            self.uptime_s += self._ms // 1000
            self._ms %= 1000
        self._ticked = now
        if self.uptime_s >= RETRY_S:
            print("jkbridge tries the normal mode again.")
            boots.order(boots.NORMAL)
            raise SystemExit
        if self.uptime_s >= self._said:
            self._said = self.uptime_s + _SAY_S
            self.log(ERROR, self._why + " Nothing is read from the batteries. " + self._next())

    def _next(self):
        return "Next try in normal mode in " + str((RETRY_S - self.uptime_s + 59) // 60) + " min."

    def sleep_ms(self, now):
        return 250

    def measured(self, heap_free, loop_gap, mqtt_reconnects, *_):
        free = heap_free if heap_free >= 0 else None
        if free is not None and (self._heap_low is None or free < self._heap_low):
            self._heap_low = free
        self._figures = (free, self._heap_low, loop_gap, mqtt_reconnects)

    def stop(self, now):
        self._stopping = True

    # messages

    def next_message(self, now):
        """As Bridge: the next message is in self.message, or False."""
        if not self._session:
            return False
        message = self.message
        if self._stopping:
            if not self._online:
                return False
            return self._put_state(message, False)
        if not self._guard.may_publish(now):
            return False
        if self._packs:
            message.start(True)
            message.put(self._packs.pop())
            message.body()
            message.put(b"offline")
        elif self._info_due:
            self._info_due = False
            self._begin(message, b"bridge/info", True)
            message.put(self._info)
        elif reached(now, self._health_at):
            self._health_at = after(now, _EVERY_MS)
            self._put_health(message)
        elif not self._online:
            return self._put_state(message, True)
        else:
            row = tracebacks.untold() if self._untold else None
            if row is None:
                self._untold = False
                return False
            tracebacks.tell(row, message, self._base)
        return True

    def _begin(self, message, topic, retain):
        message.start(retain)
        message.put(self._base + topic)
        message.body()

    def _put_state(self, message, online):
        self._online = online
        self._begin(message, b"bridge/state", True)
        message.put(b"online" if online else b"offline")
        return True

    def _put_health(self, message):
        self._begin(message, b"bridge/health", False)
        message.open()
        message.string(b"instance", self._instance)
        message.numbers(b"uptime packs packs_online", (self.uptime_s, 0, 0))
        message.string(b"mode", b"safe")
        message.string(b"reason", self._why)
        message.numbers(b"retry", (RETRY_S - self.uptime_s,))
        message.numbers(b"heap_free heap_low loop_gap mqtt_reconnects", self._figures)
        if self.machine is not None:
            self.machine.put(message)
        message.close()
