"""TLS of the device: the clock it needs, on fakes of tls, ntptime and time; on CPython and on MicroPython.

Handshakes and certificates with the real module: tests/test_device_network_end_to_end.py.
"""

import sys

from device_fakes import FakeLookup, Log

from jkdevice import blocking
from jkdevice import tls as secured


class Context:
    def __init__(self, protocol):
        pass

    def load_verify_locations(self, data):
        pass

    def load_cert_chain(self, cert, key):
        pass


class Modules:
    """tls, ntptime and time in one."""

    PROTOCOL_TLS_CLIENT = 0
    CERT_REQUIRED = 2
    SSLContext = Context

    def __init__(self):
        self.year = 2000
        self.now = 0x3FFFF000
        self.asked = []  # (host, time-out)
        self.error = None
        self.host = "pool.ntp.org"
        self.timeout = 1

    def gmtime(self):
        return (self.year, 11, 27, 0, 0, 0, 4, 331)

    def settime(self):
        """It has the system look its host up, which takes 15 s without an answer."""
        digits = self.host.replace(".", "").isdigit()
        self.asked.append((self.host, self.timeout))
        self.now = (self.now + (900 if digits else 15000)) & 0x3FFFFFFF
        if self.error is not None:
            raise self.error
        self.year = 2026


class World:
    def __init__(self):
        self.log = Log()
        self.fake = Modules()
        self.lookup = FakeLookup()

    def __enter__(self):
        self.saved = [(name, sys.modules.get(name)) for name in ("tls", "ntptime")]
        for name, _ in self.saved:
            sys.modules[name] = self.fake
        self.real = secured.time, secured._read
        secured.time = self.fake
        secured._read = lambda path, key: b"DER"
        config = {"host": "broker.local", "ca": "ca.crt", "cert": "", "key": ""}
        self.tls = secured.Tls(config, self.log, lambda: self.fake.now)
        self.tls.lookup = self.lookup
        return self

    def __exit__(self, *_):
        secured.time, secured._read = self.real
        for name, module in self.saved:
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module

    def run(self, ms):
        for _ in range(ms // 50):
            self.fake.now = (self.fake.now + 50) & 0x3FFFFFFF
            if self.tls.ready(self.fake.now):
                return True
        return False


def test_a_file_that_was_cut_is_explained():
    with World() as world:
        for cut in (b"-----BEGIN", b"-----BEGIN CERTIFICATE-----\nMII"):
            for name in ("ca", "cert", "key"):
                config = {"host": "broker.local", "ca": "ca", "cert": "cert", "key": "key"}
                secured._read = lambda path, key, bad=name, data=cut: data if key == bad else b"DER"
                try:
                    secured.Tls(config, world.log, None)
                    raise AssertionError(cut)
                except secured.TlsError as error:
                    assert "(PEM or DER)" in str(error)


def test_with_the_right_time_nobody_is_asked():
    with World() as world:
        world.fake.year = 2026
        assert world.tls.ready(world.fake.now)
        assert world.lookup.asked == []


def test_the_name_of_the_ntp_server_is_looked_up_without_waiting():
    with World() as world:
        count = blocking.counts[0]
        blocking.counts[1] = 0
        assert not world.run(3000)
        assert world.lookup.asked == ["pool.ntp.org"]
        assert world.fake.asked == []
        world.lookup.answer = "192.0.2.1"
        assert world.run(500)
        assert world.fake.asked == [("192.0.2.1", 1)]
        assert world.lookup.closed == 1
        assert blocking.counts[0] == count + 1
        assert blocking.counts[1] <= 5000
        assert "The clock was set by NTP, for TLS: 2026-11-27." in world.log.text()


def test_a_failure_is_said_once_and_tried_again_with_pauses():
    for of_lookup in (True, False):
        with World() as world:
            world.lookup.answer = OSError("it does not answer") if of_lookup else "192.0.2.1"
            world.fake.error = OSError(110)
            assert not world.run(120000)
            assert 5 <= len(world.lookup.asked) <= 9
            assert world.lookup.closed == len(world.lookup.asked)
            assert len(world.fake.asked) == (0 if of_lookup else len(world.lookup.asked))
            said = [text for level, text in world.log.lines if level >= 30]
            assert len(said) == 1
            assert "cannot be set by NTP" in said[0]
            world.lookup.answer = "192.0.2.1"
            world.fake.error = None
            assert world.run(90000)
