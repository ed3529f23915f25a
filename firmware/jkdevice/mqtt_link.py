"""The connection under the MQTT session: look up the name, connect, try again, write what the socket takes.

The one step that blocks is the look-up of the name: it starts only while `idle` is True, and its result is kept until
two attempts in a row have failed.
"""

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import oserrors
from jkdevice.backoff import Backoff

_PATIENCE_MS = const(5000)  # a bus that is never idle may not keep the bridge offline for ever
_SLOW_MS = const(1000)  # a name look-up worth a word
_CUT = "the connection was cut"


class Link:
    """Base of mqtt.Session, which gives _ask() (what to do with a new socket) and _drop(reason)."""

    def __init__(self, host, port, log, ticks, net):
        self.idle = True  # set by the loop: no answer is awaited on a bus, a step that blocks may start
        self._host = host
        self._port = port
        self._where = "The MQTT broker " + host + ":" + str(port)
        self._log = log
        self._ticks = ticks
        self._net = net
        self._backoff = Backoff(60)
        self._sock = None
        self._row = None  # address of the broker
        self._failures = 0  # in a row, at this address
        self._held = False  # an attempt is due, but the bus is not idle
        self._said = ""
        # What is being written: out[pos:end], end 0 for nothing.
        self._out = None
        self._pos = 0
        self._end = 0
        # Times
        self._now = 0
        self._since = 0  # of the state
        self._sent = 0  # the last packet
        self._moved = 0  # the last time the socket took something

    def _begin(self, now):
        """The next blocking step of a new connection, one a turn, only while the bus is idle."""
        if not self._held:
            self._held = True
            self._since = now
        if not self.idle and clock.since(now, self._since) < _PATIENCE_MS:
            return
        self._held = False
        try:
            if self._row is None:
                self._row = self._net.resolve(self._host, self._port)
                self._say_blocked(clock.since(self._ticks(), now))
                return
        except Exception as error:
            text = "The name of the MQTT broker, " + self._host + ", cannot be looked up (" + oserrors.words(error)
            self._fail(text + "). Check mqtt.host and the network.")
            return
        try:
            self._sock = self._net.start(self._row)
            self._ask()
        except Exception as error:
            self._drop(oserrors.words(error))

    def _say_blocked(self, took):
        if took >= _SLOW_MS:
            text = "Looking up the name " + self._host + " took " + str(took) + " ms; nothing else was done meanwhile."
            self._log(log.WARNING, text + " With the broker's numeric address in mqtt.host that does not happen.")

    def _push(self):
        """Give the socket what is left of the packet."""
        # Without `as error`: with it the state of the function exceeds eleven words, and every call takes it from
        # the heap. On a connection that was up, every error means the same.
        try:
            self._write()
        except OSError:
            self._drop(_CUT)

    def _push_first(self):
        """_push while the connection is being made: here the error tells how that went."""
        try:
            self._write()
        except OSError as error:
            if not oserrors.not_yet(error):
                self._drop(oserrors.words(error))

    def _write(self):
        done = self._sock.write(self._out, self._pos, self._end - self._pos)
        if done:
            self._moved = self._now
            self._pos += done
            if self._pos >= self._end:
                self._end = 0
                self._sent = self._now

    def _fail(self, text):
        wait = self._backoff.failed(self._now)
        again = " Next try in " + str((wait + 999) // 1000) + " s."
        # Said once; the same again and again is for those who look closer.
        self._log(log.DEBUG if text == self._said else log.WARNING, text + again)
        self._said = text
