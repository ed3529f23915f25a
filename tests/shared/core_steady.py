"""The steady way of a value on a device: bytes in, live JSON as a PUBLISH packet out, on preallocated memory only.

The core, and the device's own MQTT session on a socket that takes everything.

Used under micropython.heap_lock() (test_core_steady.py) and for counting bytes (tests/test_core_allocation.py).
"""

import core_bytes as cb
from core_bench import configuration
from device_fakes import FakeNet, FakeSocket, umqtts

from jkcore.bridge import Bridge
from jkdevice.mqtt import Session


class Sock(FakeSocket):
    """The device's socket with its bad habits; once `lean`, it keeps the last packet only, without heap."""

    def __init__(self):
        super().__init__()
        self.lean = False
        self.out = bytearray(6000)
        self.end = 0
        self.packets = 0  # PUBLISH packets
        self.pinged = False

    def write(self, buf, off=0, n=None):
        if not self.lean:
            return super().write(buf, off, n)
        assert self.timeout == 0
        if n is None:  # a packet that umqtt.simple made
            n = off or len(buf)
            off = 0
        out = self.out
        for i in range(n):
            out[i] = buf[off + i]
        self.end = n
        if out[0] == 0xC0:
            self.pinged = True
        else:
            self.packets += 1
        return n


class Net(FakeNet):
    """A network whose sockets are of the kind above."""

    def start(self, row):
        sock = Sock()
        sock.setblocking(False)
        self.sockets.append(sock)
        return sock


MQTT = {"host": "192.168.1.2", "port": 1883, "user": "", "password": "", "client_id": "x", "keepalive": 15}


class Device:
    """A bridge with `count` packs on a line that answers at once; nothing here allocates in turn()."""

    def __init__(self, count, discovery=True, cells=16, role="poll"):
        self.now = 1000
        self.live = [bytearray(cb.unit(cb.live(cells, tag=a), a)) for a in range(count + 1)]
        self.settings = [bytearray(cb.unit(cb.settings(a), a)) for a in range(count + 1)]
        self.about = [bytearray(cb.unit(cb.about(), a)) for a in range(count + 1)]
        config = configuration(list(range(1, count + 1)), 0, role=role, discovery={"enabled": discovery})
        self.bridge = Bridge(config, self._silent, b"aabbccdd", "test", "test", 1000)
        self.bus = self.bridge.buses[0]
        self.bus.opened(self.now)
        net = Net()
        self.session = Session(MQTT, self.bridge, self._silent, self._ticks, net, umqtts()[-1], "x")
        self._bring_up(net)
        self.sock = net.sock
        self.sock.lean = True
        self.turns = 0
        self.published = 0
        self.retained = 0

    def _ticks(self):
        return self.now

    def _bring_up(self, net):
        """CONNACK, then a SUBACK for every topic; the session then tells the bridge."""
        for _ in range(3):
            self.session.poll(self.now)
        net.sock.inbox += bytes((0x20, 2, 0, 0))
        for pid in range(1, 12):
            for _ in range(3):
                self.session.poll(self.now)
            if self.session.up():
                return
            net.sock.inbox += bytes((0x90, 3, 0, pid, 0))
        assert self.session.up()

    def poll(self):
        """The session's turn; the broker answers pings."""
        if self.sock.pinged:
            self.sock.pinged = False
            self.sock.inbox += b"\xd0\0"
        self.session.poll(self.now)
        assert self.session.up()

    def _silent(self, level, text):
        pass

    def exchange(self):
        """The poller's next request, answered; False when nothing was asked."""
        bus = self.bus
        if not bus.tick(self.now):
            return False
        tx = bus.tx
        low = tx[3]
        answer = (self.live if low == 0x20 else self.settings if low == 0x1E else self.about)[tx[0]]
        if low == 0x20:
            self._count(answer)
        self.now = (self.now + 30) & 0x3FFFFFFF
        bus.feed(answer, 308, self.now)
        return True

    def _count(self, frame):
        """The run time goes on: another frame each time."""
        total = frame[299]
        for i in range(194, 198):
            byte = frame[i]
            frame[i] = (byte + 1) & 255
            total += frame[i] - byte
            if frame[i]:
                break
        frame[299] = total & 255

    def publish(self):
        """Everything that is due goes out."""
        while self.session.ready() and self.bridge.next_message(self.now):
            self.session.publish(self.bridge.message)
            self.published += 1
            if self.bridge.message.retain:
                self.retained += 1
                self.now = (self.now + 1) & 0x3FFFFFFF  # announcements are paced: one a ms

    def turn(self):
        """One turn of the loop: an exchange, ticks, messages."""
        self.exchange()
        self.now = (self.now + 110) & 0x3FFFFFFF
        self.bridge.tick(self.now)
        self.poll()
        self.publish()
        self.turns += 1

    def settle(self):
        """Until everybody is online and announced."""
        for _ in range(4000):
            self.turn()
            if self._complete():
                break
        assert self._complete()
        still = 0
        while still < 60:
            before = self.retained
            self.turn()
            still = still + 1 if self.retained == before else 0
        return self

    def _complete(self):
        for pack in self.bridge.packs:
            if not (pack.online and pack.holds(1) and pack.holds(3)):
                return False
        return True

    def quiet(self):
        """Let out what is due, also announcements, without asking anybody (so not for long)."""
        still = 0
        while still < 60:
            before = self.retained
            self.now = (self.now + 20) & 0x3FFFFFFF
            self.bridge.tick(self.now)
            self.poll()
            self.publish()
            still = still + 1 if self.retained == before else 0
        return self


class Listener(Device):
    """The same beside a JK master with `count` slaves, one of its slots of 400 ms a turn."""

    def __init__(self, count, discovery=True, cells=16):
        super().__init__(count, discovery, cells, "listen")
        self._asks = [bytearray(cb.request(a, cb.LIVE)) for a in range(count + 1)]
        self._asks_settings = [bytearray(cb.request(a, cb.SETTINGS)) for a in range(count + 1)]
        self._slot = 0

    def exchange(self):
        """The master's next request and what is answered; behind the last pack its own two frames."""
        bus = self.bus
        address = self._slot >> 1
        settings = self._slot & 1
        self._slot = (self._slot + 1) % (2 * len(self.live))
        if address:
            bus.feed((self._asks_settings if settings else self._asks)[address], 11, self.now)
        self.now = (self.now + 40) & 0x3FFFFFFF
        answer = (self.settings if settings else self.live)[address]
        if not settings:
            self._count(answer)
        bus.feed(answer, 308, self.now)
        assert not bus.tick(self.now)
        self.now = (self.now + 250) & 0x3FFFFFFF
        return True

    def _complete(self):
        packs = self.bridge.packs
        for pack in packs:
            if not (pack.online and pack.holds(1)):
                return False
        return len(packs) == len(self.live)
