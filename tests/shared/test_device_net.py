"""TCP sockets as the ports have them: ESP32 (ports/esp32/modsocket.c), Pico W (extmod/modlwip.c); CPython and
MicroPython.
"""

import errno

from jkdevice import net, oserrors

ROW = (2, 1, 0, "", ("192.168.1.10", 1883))
CONNECTING = 0
CONNECTED = 1
FAILED = 2


class Port:
    """Stands for the modules select, socket and sys of one port; its sockets are all in the same state."""

    POLLIN = 1
    POLLOUT = 4
    POLLERR = 8
    POLLHUP = 16
    SOCK_STREAM = 1

    def __init__(self, platform):
        self.platform = platform
        self.state = CONNECTING
        self.error = errno.ECONNRESET
        self.options = []
        self.dialled = 0

    # select

    def poll(self, timeout=None):
        if timeout is None:
            return self
        events = self._events()
        return [(self, events)] if events else []

    def register(self, sock, events):
        self._asked = events

    def _events(self):
        pico = self.platform == "rp2"
        if self.state == FAILED:
            # An ESP32's select() calls it writable, and exceptional only for those who want to know that.
            return self._asked & (self.POLLOUT | self.POLLHUP) | (self.POLLHUP if pico else 0)
        return self._asked & self.POLLOUT if pico or self.state == CONNECTED else 0

    # socket

    def socket(self, *_):
        return self

    def setblocking(self, flag):
        assert flag is False

    def setsockopt(self, *option):
        self.options.append(option)

    def connect(self, address):
        assert address == ROW[-1]
        self.dialled += 1
        if self.dialled > 1:
            assert self.platform == "rp2", "elsewhere it would be another try"
            raise OSError(106 if self.state == CONNECTED else errno.EALREADY)  # EISCONN
        raise OSError(errno.EINPROGRESS)

    def readinto(self, buf):
        raise OSError(self.error if self.state == FAILED else errno.EAGAIN)

    def close(self):
        pass


def on(platform, test):
    """test(port) with jkdevice.net on that port."""
    port = Port(platform)
    real = net.select, net.socket, net.sys
    net.select = net.socket = net.sys = port
    try:
        test(port)
    finally:
        net.select, net.socket, net.sys = real


def everywhere(test):
    for platform in ("esp32", "rp2"):
        on(platform, test)


def test_a_connection_is_made_when_the_other_side_has_answered():
    def test(port):
        sock = net.start(ROW)
        assert net.made(sock, ROW) is None
        assert net.made(sock, ROW) is None
        port.state = CONNECTED
        assert net.made(sock, ROW) is True

    everywhere(test)


def test_a_connection_that_is_refused_is_not_taken_for_one_that_is_made():
    def test(port):
        sock = net.start(ROW)
        port.state = FAILED
        error = net.made(sock, ROW)
        assert oserrors.number(error) == errno.ECONNREFUSED
        assert oserrors.words(error) == "nothing listens there"

    everywhere(test)


def test_what_else_went_wrong_is_said_as_it_is():
    def test(port):
        sock = net.start(ROW)
        port.state = FAILED
        port.error = errno.EHOSTUNREACH
        assert oserrors.words(net.made(sock, ROW)) == "there is no way to it"

    everywhere(test)


def test_small_messages_are_packed_together_on_a_pico_only():
    """Its lwIP has room for 32 pieces that are not acknowledged; then write() waits longer than its watchdog bears."""

    def test(port):
        net.start(ROW)
        assert len(port.options) == (0 if port.platform == "rp2" else 1)

    everywhere(test)
