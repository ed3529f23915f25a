"""The connection under the MQTT session: network, name, connection, try again, write what the socket takes.

What blocks (switching the radio on, the look-up of a name where the system does it, connecting, steps of TLS) starts
only while `idle` is True, or has not been for 5 s, and is counted. The address is kept until two attempts in a row have
failed, or the network was gone.
"""

import errno

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import blocking, oserrors
from jkdevice.asking import Asking
from jkdevice.backoff import Backoff

_PATIENCE_MS = const(5000)  # a bus that is never idle may not keep the bridge offline for ever
_DEAF_MS = const(600000)  # nothing answers: the network may only say that it is there
_SLOW_MS = const(1000)  # a name look-up worth a word
_CUT = "the connection was cut"


class Link(Asking):
    """Base of mqtt.Session, which gives _ask() (what to do with a new socket) and _drop(reason)."""

    def __init__(self, host, port, log, ticks, net):
        super().__init__()
        self.idle = True  # set by the loop: no answer is awaited on a bus, a step that blocks may start
        self.network = None  # of the package network; None: the system has one
        self.tls = None  # of tls.py; None: without
        self._host = host
        self._port = port
        self._where = "The MQTT broker " + host + ":" + str(port)
        self._log = log
        self._ticks = ticks
        self._net = net
        self._backoff = Backoff(60)
        self._sock = None
        self._row = None  # address of the broker
        self._stage = 0  # of the socket: 1 it is connected, 2 TLS is on it
        self._failures = 0  # in a row, at this address
        self._quiet = -1  # the last time the bus was idle
        self._said = ""
        # What is being written: out[pos:end], end 0 for nothing.
        self._out = None
        self._pos = 0
        self._end = 0
        # Times
        self._now = 0
        self._since = 0  # of the state
        self._sent = 0  # the last packet
        self._reached = -1  # the last sign that the network carries anything
        self._moved = 0  # the last time the socket took something

    def _joined(self, now):
        """True while there is a network. Without one there is nothing to connect, and what was is gone."""
        network = self.network
        network.poll(now, self._may_block(now))
        if self._reached < 0 or not network.up:
            self._reached = now
        if network.up:
            if clock.since(now, self._reached) < _DEAF_MS:
                return True
            network.renew(now)
        self._stop_asking()
        self._row = None  # the next network may have another way to it
        if self._sock is not None:
            self._drop(network.what + " is gone")
        return False

    def _begin(self, now):
        """The next step of a new connection, one a turn; one that blocks only while the bus is idle."""
        if self._asked is not None:
            self._resolve(now)
            return
        if not self._may_block(now):
            return
        if self.tls is not None and not self.tls.ready(now):
            return
        if self._row is None:
            self._resolve(now)
            return
        start = self._ticks()
        try:
            self._stage = 0
            self._sock = self._net.start(self._row)
            blocking.note(clock.since(self._ticks(), start))
            self._ask()
        except Exception as error:
            self._refused(error)
            self._drop(oserrors.words(error))

    def _refused(self, error):
        """A machine that refuses was reached."""
        if isinstance(error, OSError) and oserrors.number(error) == errno.ECONNREFUSED:
            self._reached = self._now

    def _may_block(self, now):
        """No answer is awaited on a bus, or that was not so for too long."""
        if self.idle or self._quiet < 0:
            self._quiet = now
        return self.idle or clock.since(now, self._quiet) >= _PATIENCE_MS

    def _resolve(self, now):
        try:
            if self.lookup is None:
                self._ask_system()
                return
            address = self._address_of(self._host, now)
            if address is not None:
                self._reached = now
                self._row = self._net.resolve(address, self._port)
        except Exception as error:
            if self.answered:
                self._reached = now
                self.answered = False
            text = "The name of the MQTT broker, " + self._host + ", cannot be looked up (" + oserrors.words(error)
            self._fail(text + "). Check mqtt.host and the network.")

    def _ask_system(self):
        start = self._ticks()
        self._row = self._net.resolve(self._host, self._port)
        self._note_blocked(clock.since(self._ticks(), start))

    def _note_blocked(self, took):
        blocking.note(took)
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
            if not self._stage:
                made = self._net.made(self._sock, self._row)
                if made is None:
                    return
                if made is not True:
                    raise made
                self._stage = 1
            if self.tls is None:
                self._write()
            else:
                self._push_secured()
        except (OSError, ValueError, MemoryError) as error:
            # A ValueError is TLS's word for a certificate it does not trust; its buffers may be more than there is.
            if not oserrors.not_yet(error):
                self._refused(error)
                text = self.tls.words(error) if self._stage == 2 else ""
                self._drop(text or oserrors.words(error))

    def _push_secured(self):
        """The handshake, and what follows it; a step of it takes its time."""
        if not self._may_block(self._now):
            return
        if self._stage == 1:
            self._sock = self.tls.wrap(self._sock)
            self._stage = 2
        start = self._ticks()
        try:
            self._write()
        finally:  # a certificate that is refused took as long
            blocking.note(clock.since(self._ticks(), start))

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
