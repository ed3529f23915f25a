"""The bytes of the bus as text lines, for a bug report: to the console, or to a program that listens on TCP.

config.json: "capture": "console", or "capture": "tcp://192.168.1.10:7000" (there: `nc -lk 7000 > bus.txt`). The lines
are those of `jkbridge run --capture` on a host, which replays and decodes them; secrets are masked (jkcore/masking.py).
On the console, log lines become comments, so that all that is seen there is a recording. The first bus is recorded.
The loop is never kept waiting: what console or socket cannot take is dropped, line by line, and counted in a comment.
"""

from binascii import hexlify

from jkcore import clock, masking
from jkcore.shim import const
from jkcore.version import VERSION
from jkdevice import oserrors
from jkdevice.backoff import Backoff
from jkdevice.memory import forget

_PIECES = const(128)
_SIZE = const(4096)  # characters that wait: three answers
_LINE = const(64)  # characters of the longest
_BYTES = const(16)  # in one line
# A console at 115200 baud has a ring or FIFO of at least 128 characters and takes 11 in a millisecond. It gets whole
# lines only, because log lines come in between.
_PORTION = const(128)
_PAUSE_MS = const(12)
_CONNECT_MS = const(5000)
_HEAD = "# jkbridge " + VERSION + " capture, secrets masked with 2A (*)\n"


def comments(write=print):
    """A console's `write` whose lines are comments in a recording."""
    return lambda text: write("# " + text)


class Tape:
    """Bytes in, lines out. sink: see Console; its write takes as many characters as go without waiting."""

    def __init__(self, sink):
        self.lost = 0  # lines, since the last comment that told of them
        self._sink = sink
        self._masking = masking.Masking(_PIECES)
        self._text = bytearray(_SIZE)
        self._held = 0
        self._seconds = 0  # of the recording, and ms on top; one number would outgrow a small int
        self._ms = 0
        self._last = -1

    def take(self, way, buf, count, now):
        """The first `count` bytes of buf came or went."""
        at = 0
        while at < count:
            at = self._masking.feed(way, buf, at, count, now)
            self._drain()

    def tick(self, now):
        """Once per turn: what silence decides, and the next characters to the sink."""
        self._masking.tick(now)
        self._drain()
        self._sink.poll(now)
        if self._sink.fresh:
            self._sink.fresh = False
            self._held = 0  # the line that was cut is of no use to whoever listens now
            self._put(_HEAD)
        if self._held:
            sent = self._sink.write(self._text, self._held, now)
            if sent:
                left = self._held - sent
                self._text[0:left] = memoryview(self._text)[sent : self._held]
                self._held = left

    def close(self):
        """Leave the sink; what waits is lost."""
        self._sink.close()

    def _drain(self):
        found = self._masking
        while found.next():
            if self._last >= 0 and clock.since(found.at, self._last) < 0x20000000:
                self._ms += clock.since(found.at, self._last)
                self._seconds += self._ms // 1000
                self._ms %= 1000
            self._last = found.at
            for at in range(0, found.count, _BYTES):
                self._line(memoryview(found.out)[at : min(at + _BYTES, found.count)], ">" if found.way else "<")

    def _line(self, data, way):
        if self._held + 2 * _LINE > _SIZE:
            self.lost += 1
            return
        text = "%d.%03d %s %s\n" % (self._seconds, self._ms, way, hexlify(data, " ").decode())
        if self.lost:
            self._put("# %d lines lost here\n" % self.lost)
            self.lost = 0
        self._put(text)

    def _put(self, text):
        data = text.encode()
        self._text[self._held : self._held + len(data)] = data
        self._held += len(data)


class CapturedPort:
    """A line whose bytes are recorded on their way; see jkdevice/ports."""

    def __init__(self, port, tape):
        self.bus = port.bus
        self.buf = port.buf
        self._port = port
        self._tape = tape
        self._now = 0

    def poll(self, now):
        self._now = now
        self._port.poll(now)
        self._tape.tick(now)

    def read(self):
        count = self._port.read()
        if count:
            self._tape.take(masking.RECEIVED, self.buf, count, self._now)
        return count

    def write(self, buf, length, now):
        # First the line: a packet's answer waits for nobody.
        self._port.write(buf, length, now)
        self._tape.take(masking.SENT, buf, length, now)

    def close(self):
        self._port.close()
        self._tape.close()


class Console:
    """Lines to the console, no faster than it takes them without blocking. write(text); ready() -> bool."""

    def __init__(self, write, ready):
        self.fresh = True  # a listener knows nothing yet
        self._write = write
        self._ready = ready
        self._next = -1

    def poll(self, now):
        """Nothing to open."""

    def write(self, text, count, now):
        """Take some of the first `count` characters; returns how many."""
        if self._next >= 0 and not clock.reached(now, self._next) or not self._ready():
            return 0
        self._next = clock.after(now, _PAUSE_MS)
        end = text.rfind(b"\n", 0, min(count, _PORTION)) + 1
        self._write(bytes(text[:end]).decode())
        return end

    def close(self):
        """Nothing to close."""


class Tcp:
    """Characters to host:port, connected again for ever. net: see jkdevice.net."""

    def __init__(self, host, port, net):
        self.fresh = False  # True after each connect
        self._host = host
        self._port = port
        self._net = net
        self._backoff = Backoff(30)
        self._row = None
        self._sock = None
        self._made = False
        self._since = 0

    def poll(self, now):
        """Connect, without waiting (but for the look-up of a name)."""
        if self._sock is None:
            if self._backoff.due(now):
                self._open(now)
        elif not self._made:
            made = self._net.made(self._sock, self._row)
            if made is True:
                self._made = self.fresh = True
                self._backoff.reset()
            elif made is not None or clock.since(now, self._since) >= _CONNECT_MS:
                self._lose(now)

    def _open(self, now):
        try:
            self._row = self._net.resolve(self._host, self._port)
            self._sock = self._net.start(self._row)
            self._since = now
        except OSError:
            self._lose(now)

    def write(self, text, count, now):
        """Take some of the first `count` characters; returns how many."""
        if not self._made:
            return 0
        try:
            return self._sock.write(text, count) or 0
        except OSError as error:
            if not oserrors.not_yet(error):
                self._lose(now)
        return 0

    def close(self):
        """Close the connection."""
        self._net.close(self._sock)
        self._sock = None
        self._made = False

    def _lose(self, now):
        self.close()
        self._backoff.failed(now)


def parse(address, numeric):
    """[host, port] of "tcp://host:port", None for "console". numeric: no name, for looking it up would hold the bus.
    Raises ValueError with a sentence.
    """
    if address == "console":
        return None
    from jkdevice.network import dns
    from jkdevice.ports import tcp_port

    try:
        where = tcp_port.parse(address)
    except ValueError:
        text = 'capture = "' + address + '" is not possible on a device: allowed are "console" and the address of a '
        raise ValueError(text + 'program that listens. Example: "capture": "tcp://192.168.1.10:7000"')
    if numeric and not dns.is_address(where[0]):
        text = 'capture = "' + address + '" is not possible here: looking a name up would hold the bus. Use the '
        raise ValueError(text + 'numeric address. Example: "capture": "tcp://192.168.1.10:7000"')
    forget(("network.dns",))
    return where


def start(address, port, numeric=False):
    """`port`, recorded to what the address says, see parse(). Raises ValueError with a sentence."""
    where = parse(address, numeric)
    if where is None:
        return CapturedPort(port, Tape(_console()))
    from jkdevice import net

    return CapturedPort(port, Tape(Tcp(where[0], where[1], net)))


def _console():
    import select
    import sys

    asked = select.poll()
    try:
        asked.register(sys.stdout, select.POLLOUT)
    except (OSError, TypeError, ValueError, AttributeError):
        return Console(sys.stdout.write, lambda: True)  # a port that cannot be asked: the portions must do
    return Console(sys.stdout.write, lambda: bool(asked.poll(0)))
