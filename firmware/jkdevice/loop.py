"""The loop of the device: the same turn as on the host, and the chores: garbage, figures, watchdog.

One turn: every line is read and answered, the core ticks, the MQTT session moves, what is to be published
goes out. Nothing here waits; run() rests between turns for as long as the core allows, at most 5 ms.
"""

import gc

from jkcore import clock
from jkcore.shim import const

_MEASURE_MS = const(10000)  # between two collections and reports of figures
_OVERDUE_MS = const(30000)  # collect even if the bus is never idle
# Of messages in one turn: ports must be read again before their buffers are full (89 ms), and a chip may take 15 ms to
# make one
_MESSAGES = const(8)
_PUBLISH_MS = const(40)
_READS = const(4)  # of one line in one turn: a line that never ends may not starve MQTT
_REST_MS = const(5)
_AWAKE_MS = const(2)  # while an answer is awaited
_CAN_MS = const(1)  # two frames of one pack are at least this far from each other
_GOODBYE_MS = const(3000)  # for the last messages
_SILENCE_MS = const(250)  # without a message: those that were paced are out too


class Loop:
    """bridge: the core; ports: lines with .bus, .poll, .read, .buf, .write, .close, or on CAN .bus, .poll, .drain,
    .close; session: mqtt.Session; ticks() -> 30-bit ms; rest(ms) sleeps; watchdog: with .feed(), or None."""

    def __init__(self, bridge, ports, session, ticks, rest, watchdog=None):
        self.bridge = bridge
        self.ports = ports
        self.session = session
        self.gap_ms = 0  # longest time between two turns since the last report
        self.later = None  # what is left of the start, settling.Settling
        self._ticks = ticks
        self._rest = rest
        self._watchdog = watchdog
        self._started = False
        self._last = 0
        self._measured = 0
        self._can = [port for port in ports if port.bus.poller is None]

    def turn(self, now):
        """One turn. now: 30-bit ms.

        The watchdog is fed at its end and nowhere else while the program runs: every line was polled and read, the core
        ticked, and the session moved. Whatever raises ends the program (main.py restarts the device), and what does not
        come back is ended by the watchdog.
        """
        self._note_gap(now)
        session = self.session
        session.idle = self._lines(now)
        self.bridge.tick(now)
        session.poll(now)
        self._publish(now)
        self._chores(now, session.idle)
        if self._watchdog is not None:
            self._watchdog.feed()

    def run(self):
        """Turn for ever; ends by an exception (KeyboardInterrupt from the console)."""
        while True:
            now = self._ticks()
            self.turn(now)
            rest = self.bridge.sleep_ms(now)
            limit = _REST_MS if self.session.idle else _AWAKE_MS
            if self._can:
                limit = _CAN_MS
            self._rest(rest if rest < limit else limit)

    def finish(self):
        """Publish that we are offline and say goodbye to the broker, within 3 s."""
        start = self._ticks()
        session = self.session
        self.bridge.stop(start)
        silent = start
        now = start
        while session.up() and clock.since(now, start) < _GOODBYE_MS:
            if clock.since(now, silent) >= _SILENCE_MS:
                break
            session.poll(now)
            while session.ready() and self.bridge.next_message(now):
                session.publish(self.bridge.message)
                silent = now
            if not session.ready():
                silent = now
            if self._watchdog is not None:
                self._watchdog.feed()
            self._rest(_AWAKE_MS)
            now = self._ticks()
        self.drop(True)

    def drop(self, polite=False):
        """Close the session and the lines. Not polite: the broker publishes the will."""
        self.session.close(polite)
        for port in self.ports:
            port.close()

    def _note_gap(self, now):
        if not self._started:
            self._started = True
            self._measured = now
        elif clock.since(now, self._last) > self.gap_ms:
            self.gap_ms = clock.since(now, self._last)
        self._last = now

    def _lines(self, now):
        """Serve all lines; True when no answer is awaited on any."""
        idle = True
        left = len(self.ports)
        while left:  # a `for` would make the state too big for the stack
            left -= 1
            if not self._serve(self.ports[left], now):
                idle = False
        return idle

    def _serve(self, port, now):
        """Read and answer one line; True when no answer is awaited on it."""
        bus = port.bus
        port.poll(now)
        if bus.poller is None:
            port.drain(now)
            return True
        left = _READS
        while left:
            count = port.read()
            if count:
                bus.feed(port.buf, count, now)
            # A full buffer: there may be more.
            left = left - 1 if count == len(port.buf) else 0
        count = bus.tick(now)
        if count:
            port.write(bus.tx, count, now)
        return bus.idle(now)

    def _publish(self, now):
        left = _MESSAGES
        session = self.session
        bridge = self.bridge
        while left and session.ready() and bridge.next_message(now):
            session.publish(bridge.message)
            left = 0 if clock.since(self._ticks(), now) >= _PUBLISH_MS else left - 1
            if self._can:
                self._drain(now)

    def _drain(self, now):
        """Between two messages: a CAN receiver's buffers are full sooner than eight messages are made."""
        left = len(self._can)
        while left:
            left -= 1
            self._can[left].drain(now)

    def _chores(self, now, idle):
        """At a quiet moment: collect garbage once and report the figures."""
        age = clock.since(now, self._measured)
        if age < _MEASURE_MS or not (idle or age >= _OVERDUE_MS):
            return
        gc.collect()
        free = gc.mem_free() if hasattr(gc, "mem_free") else -1
        self.bridge.measured(free, self.gap_ms, self.session.reconnects)
        self.gap_ms = 0
        self._measured = now
        if self.later is not None and self.later.step(self):
            self.later = None
