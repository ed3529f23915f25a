"""Fakes for the device's side: a socket with the device's bad habits, a network, a core, umqtt.simple."""

import errno
import struct
import sys


class FakeSocket:
    """A non-blocking socket of MicroPython: write(buf, off, n) and readinto(buf) answer None when nothing goes.

    setblocking(True) takes the time-out away for good, as on ESP32 and Pico W; a read or write would then
    block for ever.
    """

    def __init__(self):
        self.inbox = bytearray()
        self.sent = bytearray()
        self.writes = []  # length of every write that took something
        self.room = None  # bytes taken in all, None: any number
        self.chunk = None  # bytes given by one read, None: any number
        self.eof = False
        self.error = None  # raised by the next read or write
        self.timeout = "none"
        self.closed = False

    def setblocking(self, flag):
        self.timeout = None if flag else 0

    def settimeout(self, seconds):
        self.timeout = seconds

    def _check(self):
        assert not self.closed, "used after close"
        assert self.timeout == 0, "would block"
        if self.error is not None:
            raise self.error

    def write(self, buf, off=0, n=None):
        self._check()
        if n is None:
            off, n = 0, off or len(buf)
        take = n if self.room is None else min(n, self.room)
        if not take:
            return None
        if self.room is not None:
            self.room -= take
        self.sent += bytes(buf[off : off + take])
        self.writes.append(take)
        return take

    def readinto(self, buf):
        self._check()
        n = min(len(buf), len(self.inbox))
        if self.chunk is not None:
            n = min(n, self.chunk)
        if not n:
            return 0 if self.eof else None
        buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def close(self):
        self.closed = True

    def take(self):
        """What was sent since the last take()."""
        data = bytes(self.sent)
        self.sent = bytearray()
        return data


class FakeNet:
    """resolve, start, made and close of jkdevice.net; remembers every socket it gave away."""

    def __init__(self):
        self.sockets = []
        self.resolved = 0
        self.resolve_error = None
        self.start_error = None
        self.made_answer = True
        self.prepare = None  # called with each new socket

    def resolve(self, host, port):
        self.resolved += 1
        if self.resolve_error is not None:
            raise self.resolve_error
        return (2, 1, 0, "", (host, port))

    def start(self, row):
        if self.start_error is not None:
            raise self.start_error
        sock = FakeSocket()
        sock.setblocking(False)
        if self.prepare is not None:
            self.prepare(sock)
        self.sockets.append(sock)
        return sock

    def made(self, sock, row):
        assert row
        return self.made_answer

    def close(self, sock):
        if sock is not None:
            sock.close()

    @property
    def sock(self):
        return self.sockets[-1]

    def open_count(self):
        return len([sock for sock in self.sockets if not sock.closed])


class FakeLookup:
    """A network.dns.Lookup, and its maker. `answer`: an address, None for not yet, or an exception."""

    def __init__(self):
        self.answered = False
        self.asked = []
        self.answer = None
        self.closed = 0

    def __call__(self, name, now):
        self.asked.append(name)
        return self

    def poll(self, now):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self):
        self.closed += 1


class Message:
    """As jkcore.message.Message: seven bytes free before the topic."""

    def __init__(self, topic, payload, retain=False, size=None):
        self.buf = bytearray(size or 7 + len(topic) + len(payload))
        self.fill(topic, payload, retain)

    def fill(self, topic, payload, retain=False):
        self.topic_end = 7 + len(topic)
        self.end = self.topic_end + len(payload)
        self.buf[7 : self.topic_end] = topic
        self.buf[self.topic_end : self.end] = payload
        self.retain = retain


class FakeBridge:
    """The core as the session and the loop see it; `calls` tells what was called."""

    will_topic = b"jkbms/bridge/state"
    will_payload = b"offline"

    def __init__(self, topics=(b"homeassistant/status", b"jkbms/+/set/+")):
        self.topics = list(topics)
        self.calls = []
        self.inbox = []
        self.outbox = []  # Messages
        self.message = None
        self.buses = []
        self.figures = []
        self.stopped = False
        self.pause = 1000

    def subscriptions(self):
        return self.topics

    def connected(self, now):
        self.calls.append("connected")

    def disconnected(self, now):
        self.calls.append("disconnected")

    def received(self, topic, payload, retained, dup, now, whole):
        assert self.calls[-1] == "connected"
        self.inbox.append((topic, payload, retained, dup) if whole else (topic, payload, "the beginning"))

    def tick(self, now):
        self.calls.append("tick")

    def sleep_ms(self, now):
        return self.pause

    def next_message(self, now):
        if not self.outbox:
            return False
        self.message = self.outbox.pop(0)
        return True

    def measured(self, heap_free, loop_gap_ms, mqtt_reconnects):
        self.figures.append((heap_free, loop_gap_ms, mqtt_reconnects))

    def stop(self, now):
        self.stopped = True
        self.outbox = [Message(self.will_topic, self.will_payload, True)]


class Log:
    """log(level, text) that keeps everything."""

    def __init__(self):
        self.lines = []

    def __call__(self, level, text):
        self.lines.append((level, text))

    def text(self):
        return "\n".join([line[1] for line in self.lines])


# Stand-ins for umqtt.simple: what its versions do with their socket (written for these tests from the interface facts
# in mqtt_pipe.py). The real one is used, too, wherever it can be imported: 1.3.4, the only version in a registry that
# can be reached with an ordinary client. 1.4.0 to 1.8.0 come with MicroPython's firmware, or by mip from its own site;
# for the session they differ in three things, and each combination has a stand-in: connect() with a time-out (from
# 1.6.0), the length of a SUBSCRIBE above 127 (right from 1.8.0), and an old socket that connect() closes (from 1.8.0).


class _Client:
    def __init__(self, client_id, server, port=0, user=None, password=None, keepalive=0, ssl=None):
        self.client_id = client_id
        self.server = server
        self.port = port
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.sock = None
        self.pid = 0
        self.cb = None
        self.will = None

    def set_callback(self, callback):
        self.cb = callback

    def set_last_will(self, topic, msg, retain=False, qos=0):
        self.will = (topic, msg, retain, qos)

    def _text(self, data):
        self.sock.write(struct.pack("!H", len(data)))
        self.sock.write(data)

    def _hello(self):
        size = 12 + len(self.client_id) + 4 + len(self.will[0]) + len(self.will[1])
        flags = 0x06 | (0x20 if self.will[2] else 0)
        if self.user is not None:
            size += 4 + len(self.user) + len(self.pswd)
            flags |= 0xC0
        head = bytearray(b"\x10\0\0\0\0\0")
        at = 1
        while size > 127:
            head[at] = size & 127 | 128
            size >>= 7
            at += 1
        head[at] = size
        self.sock.write(head, at + 2)
        self.sock.write(bytes((4,)) + b"MQTT\x04" + bytes((flags,)) + struct.pack("!H", self.keepalive))
        self._text(self.client_id)
        self._text(self.will[0])
        self._text(self.will[1])
        if self.user is not None:
            self._text(self.user)
            self._text(self.pswd)
        answer = self.sock.read(4)
        assert answer[0] == 0x20
        assert answer[1] == 0x02
        assert answer[3] == 0

    def _dial(self):
        where = self.module.socket.getaddrinfo(self.server, self.port)[0][-1]
        self.sock.connect(where)

    def _first(self):
        first = self.sock.read(1)
        self.sock.setblocking(True)  # the habit that takes the time-out away
        assert first == b"\x90"

    def ping(self):
        self.sock.write(b"\xc0\0")

    def disconnect(self):
        self.sock.write(b"\xe0\0")
        self.sock.close()


class _Old(_Client):
    """1.3.4, 1.4.0: connect has no time-out; the length of a SUBSCRIBE is one byte."""

    def connect(self, clean_session=True):
        self.sock = self.module.socket.socket()
        self._dial()
        self._hello()

    def subscribe(self, topic, qos=0):
        assert self.cb is not None
        self.pid += 1
        self.sock.write(b"\x82" + bytes((len(topic) + 5,)) + struct.pack("!H", self.pid))
        self._text(topic)
        self.sock.write(bytes((qos,)))
        self._first()
        answer = self.sock.read(4)
        assert (answer[1] << 8 | answer[2]) == self.pid
        assert answer[3] != 0x80


class _Middle(_Old):
    """1.6.0, 1.7.0: connect(clean_session, timeout) sets the time-out; the length of a SUBSCRIBE is still one byte."""

    def connect(self, clean_session=True, timeout=None):
        self.sock = self.module.socket.socket()
        self.sock.settimeout(timeout)
        self._dial()
        self._hello()


class _New(_Client):
    """1.8.0: connect(clean_session, timeout) closes an old socket and sets the time-out; long topics are
    right.
    """

    def connect(self, clean_session=True, timeout=None):
        if self.sock:
            self.sock.close()
        self.sock = self.module.socket.socket()
        self.sock.settimeout(timeout)
        self._dial()
        self._hello()

    def subscribe(self, topic, qos=0):
        assert self.cb is not None
        self.pid += 1
        size = len(topic) + 5
        self.sock.write(bytes((0x82, size)) if size < 128 else bytes((0x82, size & 127 | 128, size >> 7)))
        self.sock.write(struct.pack("!H", self.pid))
        self._text(topic)
        self.sock.write(bytes((qos,)))
        self._first()
        answer = self.sock.read(4)
        assert (answer[1] << 8 | answer[2]) == self.pid


class Module:
    """Stands for the module umqtt.simple."""

    def __init__(self, name, base):
        self.name = name
        self.socket = None

        class Client(base):
            module = self

        self.MQTTClient = Client


def _real():
    """The real umqtt.simple (PyPI 1.3.4) when it is on the path; on CPython its u-modules are named for
    it.
    """
    if sys.implementation.name != "micropython":
        import binascii
        import socket

        for name, module in (("usocket", socket), ("ustruct", struct), ("ubinascii", binascii)):
            sys.modules.setdefault(name, module)
        import os

        place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "umqtt")
        if place not in sys.path:
            sys.path.append(place)
    try:
        from umqtt import simple
    except ImportError:
        return []
    return [simple]


def umqtts():
    """Every umqtt.simple that can be had here."""
    return [Module("old", _Old), Module("middle", _Middle), Module("new", _New)] + _real()


def refused():
    return OSError(errno.ECONNREFUSED)
