"""TLS under the device's session, on a fake of the module tls; CPython and MicroPython. The clock: test_device_tls.py.

Against a real mosquitto: tests/test_device_network_end_to_end.py.
"""

import sys

from device_fakes import FakeBridge, FakeNet, Log, Message, umqtts

from jkdevice import blocking, mqtt
from jkdevice import tls as device_tls

CONFIG = {"host": "broker.local", "port": 8883, "user": "", "password": "", "client_id": "", "keepalive": 15,
          "tls": True, "ca": "", "cert": "", "key": ""}  # fmt: skip
ACCEPTED = b"\x20\x02\x00\x00"
SUBSCRIBED = b"\x90\x03\0\1\0\x90\x03\0\2\0"
# "certificate" in Base64
PEM = b"-----BEGIN CERTIFICATE-----\nY2VydGlm\naWNhdGU=\n-----END CERTIFICATE-----\n"


class Secured:
    """A TLS socket on a FakeSocket. The handshake takes `steps` writes. Whoever is told "not now" (None) must come
    again with the same bytes, as mbedTLS wants it.
    """

    def __init__(self, sock, steps, refusal):
        self.sock = sock
        self.steps = steps
        self.refusal = refusal
        self.owed = None

    def write(self, buf, off, n):
        data = bytes(buf[off : off + n])
        assert self.owed in (None, data), "other bytes than those that were refused"
        done = None
        if self.steps:
            self.steps -= 1
        elif self.refusal is not None:
            raise self.refusal
        else:
            done = self.sock.write(buf, off, n)
        self.owed = data if done is None else None
        return done

    def readinto(self, buf):
        return self.sock.readinto(buf)

    def close(self):
        self.sock.close()


class Module:
    """The module tls: its contexts."""

    PROTOCOL_TLS_CLIENT = 0
    CERT_REQUIRED = 2

    def __init__(self):
        self.steps = 3
        self.refusal = None
        self.trusted = []
        self.names = []
        self.socks = []

    def SSLContext(self, protocol):
        assert protocol == self.PROTOCOL_TLS_CLIENT
        return self

    def load_verify_locations(self, data):
        if data != b"certificate":
            raise ValueError("invalid cert")
        self.trusted.append(data)

    def wrap_socket(self, sock, server_hostname, do_handshake_on_connect):
        assert self.verify_mode == self.CERT_REQUIRED
        assert do_handshake_on_connect is False
        self.names.append(server_hostname)
        if isinstance(self.refusal, MemoryError):
            raise self.refusal
        self.socks.append(Secured(sock, self.steps, self.refusal))
        return self.socks[-1]


class World:
    """A session over TLS, its fakes and its time."""

    def __init__(self):
        self.module = Module()
        self.log = Log()
        self.net = FakeNet()
        self.bridge = FakeBridge()
        self.now = 0x3FFFF000
        saved = sys.modules.get("tls")
        sys.modules["tls"] = self.module
        real = device_tls._read
        device_tls._read = lambda path, key: PEM
        try:
            tls = device_tls.Tls(CONFIG, self.log, self.ticks)
        finally:
            device_tls._read = real
            if saved is None:
                del sys.modules["tls"]
            else:
                sys.modules["tls"] = saved
        self.session = mqtt.Session(CONFIG, self.bridge, self.log, self.ticks, self.net, umqtts()[0], "jkbridge-test")
        self.session.tls = self.tls = tls

    def ticks(self):
        return self.now

    def run(self, ms, step=50):
        left = ms // step
        while left:
            left -= 1
            self.now = (self.now + step) & 0x3FFFFFFF
            self.session.poll(self.now)

    def bring_up(self):
        self.run(500)
        self.net.sock.inbox += ACCEPTED
        self.run(500)
        self.net.sock.inbox += SUBSCRIBED
        self.run(200)
        assert self.session.up(), self.log.text()
        self.net.sock.take()
        return self


def test_certificates_are_checked_for_the_name_that_is_configured():
    world = World().bring_up()
    assert world.module.trusted == [b"certificate"]
    assert world.module.names == ["broker.local"]


def test_a_file_may_hold_several_certificates_or_one_as_der():
    assert device_tls._blocks(PEM + b"text between\n" + PEM) == [b"certificate", b"certificate"]
    assert device_tls._blocks(b"\x30\x82certificate") == [b"\x30\x82certificate"]


def test_what_tls_takes_in_part_is_finished_with_the_same_bytes():
    world = World().bring_up()
    world.net.sock.room = 5
    world.session.publish(Message(b"jkbms/1/live", b"x" * 300, True))
    for _ in range(80):
        world.net.sock.inbox += b"\xd0\0"
        world.run(200)  # pings are due meanwhile
        world.net.sock.room += 5
        if world.session.ready():
            break
    assert world.session.up(), world.log.text()
    packet = b"\x31\xba\x02\x00\x0cjkbms/1/live" + b"x" * 300
    assert world.net.sock.take()[: len(packet)] == packet
    assert len(world.net.sock.writes) > 60


def test_the_handshake_waits_for_the_bus_but_not_for_ever():
    for idle, ms in ((True, 100), (False, 8000)):
        world = World()
        world.net.made_answer = None  # the connection is under way
        world.run(100)
        world.net.made_answer = True
        world.session.idle = False
        world.run(2000)
        assert world.module.socks == []
        world.session.idle = idle
        world.run(ms)
        assert len(world.module.socks) == 1


def test_a_step_of_the_handshake_is_counted():
    world = World()
    before = blocking.counts[0]

    class Slow(Secured):
        def write(self, buf, off, n):
            if self.steps:
                world.now = (world.now + 700) & 0x3FFFFFFF
            return Secured.write(self, buf, off, n)

    world.module.wrap_socket = lambda sock, **more: Slow(sock, 1, None)
    world.run(300)
    assert blocking.counts[0] == before + 1
    assert blocking.counts[1] >= 700


def test_whatever_ends_a_handshake_is_said_and_it_is_tried_again():
    for error, words in (
        (ValueError("The certificate is not correctly signed by the trusted CA"), "is not one of mqtt.ca"),
        (OSError(-0x2700, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED"), "is not one of mqtt.ca"),
        (OSError(-0x7200, "MBEDTLS_ERR_SSL_INVALID_RECORD"), "check that mqtt.port is the port for TLS"),
        (OSError(-0x7F00, "MBEDTLS_ERR_SSL_ALLOC_FAILED"), "memory is short"),
        (MemoryError("memory allocation failed"), "MemoryError"),
        (OSError(104), ""),
    ):
        world = World()
        world.module.refusal = error
        world.run(4000)
        said = [text for level, text in world.log.lines if level >= 30]
        assert len(said) == 1, said
        assert words in said[0]
        assert len(world.net.sockets) >= 2
        assert world.net.open_count() <= 1
        assert world.bridge.calls == []
        world.module.refusal = None
        world.run(7000)
        world.bring_up()
