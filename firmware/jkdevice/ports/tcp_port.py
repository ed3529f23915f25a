"""A serial line on a TCP socket: the line of board `desktop`, and of serial-to-network gateways in
transparent mode.

A non-blocking socket reads like machine.UART: whatever is there, in pieces of any length.
"""

from jkcore import clock, log
from jkcore.shim import const
from jkdevice import oserrors
from jkdevice.asking import Asking
from jkdevice.backoff import Backoff

_SIZE = const(512)  # a frame with its ack is 308 bytes
_CONNECT_MS = const(5000)

_CUT = "is lost: the connection was cut"

_DOWN = const(0)
_OPENING = const(1)
_OPEN = const(2)


def parse(text):
    """[host, port] of "tcp://host:port". Raises ValueError with a sentence."""
    rest = text[6:]
    colon = rest.rfind(":")
    host = rest[:colon].strip("[]")
    digits = rest[colon + 1 :]
    if text[:6] != "tcp://" or colon < 1 or not host or not digits.isdigit() or not 0 < int(digits) < 65536:
        found = 'bus.port = "' + text + '" is not possible on this board: allowed is a serial line on TCP. '
        raise ValueError(found + 'Example: "port": "tcp://192.168.1.20:8899"')
    return [host, int(digits)]


class TcpPort(Asking):
    """The line of one bus. address: "tcp://host:port"; net: resolve, start, made and close as in
    jkdevice.net.
    """

    def __init__(self, bus, address, log, net):
        super().__init__()
        where = parse(address)
        self.bus = bus
        self.buf = bytearray(_SIZE)
        self.host = where[0]
        self._port = where[1]
        self._name = "The serial line " + address
        self._log = log
        self._net = net
        self._backoff = Backoff(10)
        self._row = None
        self._sock = None
        self._state = _DOWN
        self._since = 0
        self._now = 0
        self._said = ""
        self._reopening = False  # because of a silence, which the bus has told already

    def poll(self, now):
        """Open the line, or open it again, without waiting (but where the system looks names up)."""
        self._now = now
        if self._state == _OPEN:
            reason = self.bus.wants_reopen(now)
            if reason:
                self._reopen(reason)
        elif self._state == _OPENING:
            self._wait(now)
        elif self._state == _DOWN and self._backoff.due(now):
            self._open(now)

    def _open(self, now):
        try:
            if self._row is None and not self._resolve(now):
                return
            self._sock = self._net.start(self._row)
        except OSError as error:
            self._lose("cannot be opened: " + oserrors.words(error))
            return
        self._state = _OPENING
        self._since = now
        self._wait(now)

    def _resolve(self, now):
        """True when the address is known. Raises OSError."""
        address = self.host if self.lookup is None else self._address_of(self.host, now)
        if address is None:
            return False
        self._row = self._net.resolve(address, self._port)
        return True

    def read(self):
        """Read what is there into buf: number of bytes, 0 for nothing."""
        if self._state != _OPEN:
            return 0
        try:
            got = self._sock.readinto(self.buf)
        except OSError:  # without `as`: see jkdevice.mqtt
            self._lose(_CUT)
            return 0
        if got == 0:
            self._lose("is lost: the other side closed the connection")
        return got or 0

    def write(self, buf, length, now):
        """Send the first `length` bytes of buf."""
        if self._state != _OPEN:
            return
        try:
            self._send(buf, length)
        except OSError:
            self._lose(_CUT)

    def _send(self, buf, length):
        if self._sock.write(buf, length) != length:
            # A request is 11 bytes. Where they do not fit, nothing has been taken away for a long time.
            self._lose("is stuck: the other side takes no more data")

    def close(self):
        """Leave the line for good."""
        self._stop_asking()
        self._net.close(self._sock)
        self._sock = None
        self._state = _DOWN

    def _wait(self, now):
        made = self._net.made(self._sock, self._row)
        if made is True:
            self._state = _OPEN
            self._backoff.reset()
            self._said = ""
            self._log(log.DEBUG if self._reopening else log.INFO, self._name + " is open.")
            self._reopening = False
            self.bus.opened(now)
        elif made is not None:
            self._lose("cannot be opened: " + oserrors.words(made))
        elif clock.since(now, self._since) >= _CONNECT_MS:
            self._lose("cannot be opened: it does not answer")

    def _reopen(self, reason):
        """Make the connection anew: a look-up too, as the gateway may have moved."""
        self.close()
        self._row = None
        self._reopening = True
        self._backoff.failed(self._now)
        self._log(log.DEBUG, reason)
        self.bus.closed(self._now, reason)

    def _lose(self, reason):
        opened = self._state == _OPEN
        self.close()
        if not opened:
            self._row = None  # it may have moved
        text = self._name + " " + reason + "."
        wait = self._backoff.failed(self._now)
        again = " Next try in " + str((wait + 999) // 1000) + " s."
        self._log(log.DEBUG if text == self._said else log.WARNING, text + again)
        if text != self._said:
            self.bus.closed(self._now, text)
        self._said = text
