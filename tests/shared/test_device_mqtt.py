"""The device's MQTT session against a socket with the device's bad habits; on CPython and on MicroPython."""

import errno
import sys

from device_fakes import FakeBridge, FakeLookup, FakeNet, FakeSocket, Log, Message, refused, umqtts

from jkdevice import blocking, mqtt
from jkdevice.mqtt_reader import CONNACK, GARBAGE, NONE, PINGRESP, PUBLISH, SUBACK, Reader

CONFIG = {"host": "broker.local", "port": 1883, "user": "", "password": "", "client_id": "", "keepalive": 15}
ACCEPTED = b"\x20\x02\x00\x00"


def config(**changes):
    out = dict(CONFIG)
    out.update(changes)
    return out


class World:
    """A session, its fakes and its time."""

    def __init__(self, module=None, bridge=None, **changes):
        self.net = FakeNet()
        self.bridge = bridge or FakeBridge()
        self.log = Log()
        self.now = 0x3FFFF000  # the time wraps early in every test
        module = module or umqtts()[0]
        self.session = mqtt.Session(
            config(**changes), self.bridge, self.log, self.ticks, self.net, module, "jkbridge-test"
        )

    def ticks(self):
        return self.now

    def run(self, ms, step=50):
        """Let time pass, the session being polled every `step` ms."""
        end = (self.now + ms) & 0x3FFFFFFF
        while self.now != end:
            left = (end - self.now) & 0x3FFFFFFF
            self.now = (self.now + min(step, left)) & 0x3FFFFFFF
            self.session.poll(self.now)

    def poll(self, times=1):
        for _ in range(times):
            self.session.poll(self.now)

    @property
    def sock(self):
        return self.net.sock

    def dial(self):
        """Up to the CONNECT that waits for its answer."""
        self.poll(3)

    def bring_up(self):
        self.dial()
        self.sock.inbox += ACCEPTED
        self.poll(8)
        for pid in range(1, len(self.bridge.topics) + 1):
            self.sock.inbox += bytes((0x90, 3, 0, pid, 0))
        self.poll(2)
        assert self.session.up(), self.log.text()
        self.sock.take()
        return self


def up(**changes):
    return World(**changes).bring_up()


def text(data):
    return bytes((len(data) >> 8, len(data) & 255)) + data


def varint(size):
    out = b""
    while size > 127:
        out += bytes((size & 127 | 128,))
        size >>= 7
    return out + bytes((size,))


def packet(head, body):
    return bytes((head,)) + varint(len(body)) + body


def publish(topic, payload, head=0x30, pid=b""):
    return packet(head, text(topic) + pid + payload)


# Connecting


def test_connect_is_one_write_with_the_will_whatever_the_version_of_umqtt():
    for module in umqtts():
        world = World(module=module, user="jk", password="pässword", keepalive=20)
        world.dial()
        expected = packet(
            0x10,
            text(b"MQTT") + b"\x04\xe6\x00\x14" + text(b"jkbridge-test")
            + text(b"jkbms/bridge/state") + text(b"offline") + text(b"jk") + text("pässword".encode()),
        )
        assert world.sock.take() == expected
        assert world.sock.writes == [len(expected)]
        assert world.sock.timeout == 0
        assert not world.session.up()
        assert world.bridge.calls == []


def test_without_a_user_none_is_sent_and_the_client_id_can_be_chosen():
    for module in umqtts():
        world = World(module=module, client_id="garage")
        world.dial()
        assert world.sock.take() == packet(
            0x10,
            text(b"MQTT") + b"\x04\x26\x00\x0f" + text(b"garage") + text(b"jkbms/bridge/state") + text(b"offline"),
        )


def test_up_only_after_connack_and_all_subscriptions():
    long_topic = b"t" * 128
    for module in umqtts():
        world = World(module=module, bridge=FakeBridge((b"jkbms/+/set/+", long_topic)))
        world.dial()
        world.sock.take()
        world.poll(5)
        assert world.sock.take() == b""
        world.sock.inbox += ACCEPTED
        world.poll(5)
        first = packet(0x82, b"\0\1" + text(b"jkbms/+/set/+") + b"\0")
        second = packet(0x82, b"\0\2" + text(long_topic) + b"\0")
        assert world.sock.take() == first + second
        assert world.bridge.calls == ["connected"]
        assert world.session.ready()
        assert world.sock.timeout == 0


def test_a_retained_message_before_suback_keeps_its_flag():
    for module in umqtts():
        world = World(module=module)
        world.dial()
        world.sock.inbox += ACCEPTED + publish(b"homeassistant/status", b"online", 0x31)
        world.sock.inbox += b"\x90\x03\0\1\0" + publish(b"jkbms/1/set/x", b"5", 0x30)
        world.poll(10)
        assert world.bridge.inbox == [
            (b"homeassistant/status", b"online", True, False),
            (b"jkbms/1/set/x", b"5", False, False),
        ]


def test_every_refusal_has_its_sentence():
    words = ((1, "version"), (2, "mqtt.client_id"), (3, "moment"), (4, "mqtt.password"), (5, "may not"), (9, "9"))
    for code, word in words:
        world = World(user="anna", password="geheim")
        world.dial()
        world.sock.inbox += bytes((0x20, 2, 0, code))
        world.poll()
        assert world.net.open_count() == 0
        assert word in world.log.text(), world.log.text()
        assert "broker.local:1883" in world.log.text()
        assert "geheim" not in world.log.text()
        assert "disconnected" not in world.bridge.calls


def test_a_refused_subscription_is_said_and_the_session_goes_on():
    world = World()
    world.dial()
    world.sock.inbox += ACCEPTED + b"\x90\x03\0\1\x80"
    world.poll(8)
    assert "refuses a subscription" in world.log.text()
    assert world.session.up()


def test_a_broker_that_ends_cuts_or_mumbles_before_connack():
    def end(sock):
        sock.eof = True

    def cut(sock):
        sock.error = OSError(errno.ECONNRESET)

    def half(sock):
        sock.inbox += b"\x20\x02"
        sock.eof = True

    def mumble(sock):
        sock.inbox += b"HTTP/1.1 400 Bad Request\r\n"

    def early(sock):
        sock.inbox += b"\x90\x03\0\1\0"

    for fault in (end, cut, half, mumble, early):
        world = World()
        world.dial()
        fault(world.sock)
        world.poll(3)
        assert world.sock.closed, fault
        assert world.net.open_count() == 0
        assert "cannot be used" in world.log.text()
        world.net.prepare = None
        world.run(2000)
        assert len(world.net.sockets) == 2
        world.sock.inbox += ACCEPTED
        world.run(500)
        assert world.session.up()
        # Never having been up, the core heard of nothing but the success.
        assert world.bridge.calls == ["connected"]


def test_a_silent_broker_and_a_silent_host_are_left_after_five_seconds():
    world = World()
    world.dial()
    world.run(4900)
    assert not world.sock.closed
    world.run(200)
    assert world.sock.closed
    assert "within 5 s" in world.log.text()

    def mute(sock):
        sock.room = 0

    world = World()
    world.net.prepare = mute
    world.dial()
    world.run(4900)
    assert not world.sock.closed
    world.run(200)
    assert world.sock.closed
    assert "does not answer" in world.log.text()


def test_connect_goes_out_when_the_connection_is_made():
    world = World()

    def not_yet(sock):
        sock.error = OSError(errno.EINPROGRESS)

    world.net.prepare = not_yet
    world.dial()
    for code in (errno.EAGAIN, errno.EALREADY, errno.ENOTCONN):
        world.sock.error = OSError(code)
        world.run(100)
        assert not world.sock.closed
    world.sock.error = None
    world.sock.room = 7
    world.run(100)
    assert world.sock.take() == b"\x10\x36\x00\x04MQT"
    world.sock.room = None
    world.sock.inbox += ACCEPTED
    world.run(500)
    assert world.session.up()


def test_a_refused_connection_is_said_and_said_once():
    world = World()
    world.net.start_error = refused()
    world.run(60000)
    warnings = [line for line in world.log.lines if line[0] >= 30]
    assert len(warnings) == 1
    assert "nothing listens there" in warnings[0][1]
    assert len(world.log.lines) > 4


def test_exceptions_of_umqtt_end_the_attempt_only():
    for error in (IndexError("index"), AssertionError(), TypeError("NoneType"), OSError(-1), ValueError("x")):
        module = umqtts()[0]
        world = World(module=module)

        attempts = []

        def fail(*args, module=module, error=error, attempts=attempts):
            attempts.append(args)
            module.socket.socket()
            raise error

        world.session._client.connect = fail
        world.poll(3)
        assert attempts == [(True, 5)]
        assert world.net.open_count() == 0
        assert "cannot be used" in world.log.text()
        del world.session._client.connect
        world.run(3000)
        world.sock.inbox += ACCEPTED
        world.run(500)
        assert world.session.up()


# Names


def test_the_name_is_looked_up_once_and_again_after_two_failures():
    world = up()
    assert world.net.resolved == 1
    world.sock.eof = True
    world.run(3000)
    assert world.net.resolved == 1
    assert len(world.net.sockets) == 2
    world.sock.eof = True
    world.run(10000)
    assert len(world.net.sockets) == 3
    assert world.net.resolved == 2


def test_a_name_that_cannot_be_looked_up():
    world = World()
    world.net.resolve_error = OSError("[addrinfo error -2]")
    world.run(10000)
    assert "broker.local" in world.log.text()
    assert "mqtt.host" in world.log.text()
    assert 3 <= world.net.resolved <= 5
    world.net.resolve_error = None
    world.run(30000)
    assert world.net.sockets


def test_a_slow_name_look_up_is_said():
    world = World()

    def resolve(host, port):
        world.now = (world.now + 2300) & 0x3FFFFFFF
        return (2, 1, 0, "", (host, port))

    world.net.resolve = resolve
    world.dial()
    assert "broker.local took 2300 ms" in world.log.text()


def test_no_blocking_step_while_an_answer_is_awaited():
    world = World()
    world.session.idle = False
    world.run(4900)
    assert world.net.resolved == 0
    world.run(200)
    assert world.net.resolved == 1  # but not put off for ever
    world = World()
    world.session.idle = False
    world.run(1000)
    world.session.idle = True
    world.poll()
    assert world.net.resolved == 1
    assert not world.net.sockets
    world.poll()
    assert len(world.net.sockets) == 1


# Publishing


def test_publish_packets_byte_for_byte():
    lengths = [0, 1, 112, 113, 114, 127, 128, 1000, 16368, 16369, 16370, 16384]
    if sys.implementation.name != "micropython":
        lengths += [2097136, 2097137, 2097138]  # too long for the heap of a device, and for its patience
    for length in lengths:
        world = up()
        payload = b"\x81" * length
        for retain in (False, True):
            world.session.publish(Message(b"jkbms/1/live", payload, retain))
            assert world.session.ready()
            assert world.sock.take() == publish(b"jkbms/1/live", payload, 0x31 if retain else 0x30), length
            assert len(world.sock.writes) == 4 + retain  # CONNECT, two SUBSCRIBE, and one per message


def test_a_packet_taken_in_pieces_is_finished_before_anything_else():
    world = up()
    world.sock.room = 5
    message = Message(b"jkbms/1/live", b"x" * 300)
    expected = publish(b"jkbms/1/live", b"x" * 300)
    world.session.publish(message)
    assert not world.session.ready()
    world.run(2000)
    assert world.sock.sent == expected[:5]
    while not world.session.ready():
        world.sock.room = 3
        world.run(500)  # a ping is due meanwhile
        assert expected.startswith(bytes(world.sock.sent)) or world.sock.sent.startswith(expected)
        world.sock.inbox += b"\xd0\0"
    world.sock.room = None
    world.run(100)
    sent = world.sock.take()
    assert sent[: len(expected)] == expected
    assert sent[len(expected) :] in (b"", b"\xc0\0")


def test_a_broker_that_takes_nothing_is_left_after_keepalive():
    world = up()
    world.sock.room = 4
    world.session.publish(Message(b"jkbms/1/live", b"y" * 100))
    for _ in range(14):
        world.sock.inbox += b"\xd0\0"  # it still speaks
        world.run(1000)
        assert not world.sock.closed
        assert not world.session.ready()
    world.run(1100)
    assert world.sock.closed
    assert "taken no data for 15 s" in world.log.text()
    assert world.bridge.calls == ["connected", "disconnected"]


def test_errors_while_publishing():
    for error in (OSError(32), OSError(errno.ECONNRESET), OSError(9999)):
        world = up()
        world.sock.error = error
        world.session.publish(Message(b"t", b"p"))
        assert world.sock.closed
        assert not world.session.ready()
        assert world.bridge.calls == ["connected", "disconnected"]
        world.run(2000)
        world.sock.inbox += ACCEPTED
        world.run(200)
        assert world.session.ready()
        assert world.session.reconnects == 1


class Sink:
    """A socket that takes bytes into a buffer without touching the heap."""

    def __init__(self):
        self.out = bytearray(2000)
        self.fill = 0

    def write(self, buf, off, n):
        for i in range(n):
            self.out[self.fill + i] = buf[off + i]
        self.fill += n
        return n

    def readinto(self, buf):
        return None

    def close(self):
        pass


def _locked_turns(world, message, count):
    session = world.session
    sink = session._sock
    now = world.now
    for i in range(count):
        sink.fill = 0
        message.end = message.topic_end + 100 + i
        message.retain = i & 1
        session.poll(now)
        if session.ready():
            session.publish(message)
        # A second later: 2**30 - 1000 taken away, as a sum would pass the small integers of 32 bit. A ping
        # every five.
        now = (now - 0x3FFFFC18) & 0x3FFFFFFF
        session._heard = now
    return now


def test_publishing_and_pinging_touch_no_heap():
    world = up()
    world.session._sock = Sink()
    message = Message(b"jkbms/1/live", b"z" * 900)
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int
    heap_lock()
    try:
        _locked_turns(world, message, 300)
    finally:
        heap_unlock()
    assert world.session.up()
    fill = world.session._sock.fill
    assert bytes(world.session._sock.out[:fill]) == publish(b"jkbms/1/live", b"z" * 399, 0x31)


def test_nothing_stays_on_the_heap():
    import gc

    if not hasattr(gc, "mem_alloc"):
        return
    world = up()
    world.session._sock = Sink()
    message = Message(b"jkbms/1/live", b"z" * 900)
    world.now = _locked_turns(world, message, 10)
    gc.disable()
    try:
        before = gc.mem_alloc()
        world.now = _locked_turns(world, message, 300)
        after = gc.mem_alloc()
    finally:
        gc.enable()
    assert world.session.up()
    assert after == before, after - before


# Staying connected


def test_pings_when_idle_and_leaves_a_silent_broker():
    world = up()
    world.run(4900)
    assert world.sock.take() == b""
    world.run(200)
    assert world.sock.take() == b"\xc0\0"
    world.sock.inbox += b"\xd0\0"
    world.run(4800)
    assert world.sock.take() == b""
    world.run(200)
    assert world.sock.take() == b"\xc0\0"
    world.run(17000)
    assert not world.sock.closed
    world.run(600)
    assert world.sock.closed
    assert "said nothing for 22 s" in world.log.text()
    assert world.bridge.calls == ["connected", "disconnected"]


def test_publishing_alone_does_not_replace_the_ping():
    world = up()
    for _ in range(60):
        world.session.publish(Message(b"t", b"p"))
        world.run(100)
    assert world.sock.take().count(b"\xc0\0") == 1


def test_receiving_alone_does_not_replace_the_ping():
    world = up()
    for _ in range(60):
        world.sock.inbox += publish(b"homeassistant/status", b"online")
        world.run(100)
    assert world.sock.take() == b"\xc0\0"


def test_back_off_doubles_to_a_minute_with_chance_on_top():
    world = World()
    world.net.start_error = refused()
    waits = []
    for _ in range(9):
        count = len(world.log.lines)
        waited = 0
        while len(world.log.lines) == count:
            world.run(50)
            waited += 50
            assert waited < 100000
        waits.append(waited)
    # The first is immediate; each is the wait after the failure before, plus the look-up in a turn of its
    # own.
    for wait, base in zip(waits[1:], (1, 2, 4, 8, 16, 32, 60, 60)):
        assert base * 1000 <= wait <= base * 1500 + 200, waits


def test_two_bridges_do_not_come_back_at_the_same_moment():
    waits = set()
    for _ in range(20):
        world = World()
        world.net.start_error = refused()
        world.poll(2)
        begun = world.now
        while world.net.resolved == 1 and len(world.log.lines) < 2:
            world.run(10, 10)
        waits.add((world.now - begun) & 0x3FFFFFFF)
    assert len(waits) > 3, waits


def test_packet_ids_begin_anew_with_every_connection():
    for module in umqtts():
        world = World(module=module).bring_up()
        world.sock.eof = True
        world.run(2000)
        world.sock.take()
        world.sock.inbox += ACCEPTED
        world.run(500)
        topics = world.bridge.topics
        expected = b""
        for i, topic in enumerate(topics):
            expected += packet(0x82, bytes((0, i + 1)) + text(topic) + b"\0")
        assert world.sock.take() == expected


def test_only_a_lasting_session_starts_the_back_off_anew():
    world = up()
    for base in (1, 2, 4):
        world.run(3000)
        world.sock.inbox += b"\xd0\0"
        world.sock.eof = True
        world.run(100)
        count = len(world.net.sockets)
        world.run(base * 1000 - 200)
        assert len(world.net.sockets) == count
        world.run(base * 500 + 400)
        assert len(world.net.sockets) == count + 1
        world.sock.inbox += ACCEPTED
        world.run(300)
        assert world.session.up()
    for _ in range(4):
        world.run(3000)
        world.sock.inbox += b"\xd0\0"
    world.sock.eof = True
    world.run(100)
    count = len(world.net.sockets)
    world.run(1800)
    assert len(world.net.sockets) == count + 1


def test_close():
    world = up()
    world.session.close(True)
    assert world.sock.take() == b"\xe0\0"
    assert world.sock.closed
    world.run(120000)
    assert len(world.net.sockets) == 1
    world = up()
    world.session.close(False)
    assert world.sock.take() == b""
    assert world.sock.closed
    assert world.bridge.calls == ["connected", "disconnected"]
    world = up()
    world.sock.error = OSError(32)
    world.session.close(True)
    assert world.sock.closed
    assert world.bridge.calls == ["connected", "disconnected"]
    world = up()
    world.sock.room = 3
    world.session.publish(Message(b"t", b"p" * 50))
    world.sock.room = 100
    world.session.close(True)  # half a packet is out: a DISCONNECT would be read as its rest
    assert len(world.sock.sent) == 3
    assert world.sock.closed
    world = World()
    world.session.close(True)
    world.poll(5)
    assert not world.net.sockets


# Reading


def test_messages_in_pieces_of_every_size():
    stream = publish(b"homeassistant/status", b"online", 0x31) + b"\xd0\0"
    stream += publish(b"a", b"") + publish(b"jkbms/2/set/y", b"12.5", 0x38)
    wanted = [
        (b"homeassistant/status", b"online", True, False),
        (b"a", b"", False, False),
        (b"jkbms/2/set/y", b"12.5", False, True),
    ]
    for chunk in list(range(1, len(stream) + 1)) + [None]:
        world = up()
        world.sock.chunk = chunk
        world.sock.inbox += stream
        world.poll(len(stream) + 4)
        assert world.bridge.inbox == wanted, chunk
    for cut in range(1, len(stream)):
        world = up()
        world.sock.inbox += stream[:cut]
        world.poll(3)
        world.sock.inbox += stream[cut:]
        world.poll(6)
        assert world.bridge.inbox == wanted, cut


def test_a_message_over_512_bytes_is_drained():
    for length, chunk in ((512, None), (513, None), (513, 1), (700, 100), (5000, None), (70000, None), (300000, 333)):
        world = up()
        world.sock.chunk = chunk
        head = bytes([65 + i % 26 for i in range(512)])
        payload = head[:length] + b"A" * (length - 512)
        world.sock.inbox += publish(b"jkbms/1/set/x", payload, 0x31) + publish(b"b", b"next")
        guard = 0
        while len(world.bridge.inbox) < 2:
            world.poll()
            guard += 1
            assert guard < 100000
        assert world.bridge.inbox == [
            (b"jkbms/1/set/x", payload, True, False) if length <= 512 else (b"jkbms/1/set/x", head, "the beginning"),
            (b"b", b"next", False, False),
        ], length
        assert world.session.up()


def test_an_endless_topic_is_dropped():
    world = up()
    world.sock.inbox += publish(b"x" * 5000, b"1") + publish(b"b", b"next")
    world.poll(30)
    assert world.bridge.inbox == [(b"b", b"next", False, False)]
    assert "endless topic" in world.log.text()


def test_qos_1_is_acknowledged_once():
    world = up()
    world.sock.inbox += publish(b"t", b"one", 0x32, b"\x12\x34") + publish(b"t", b"two", 0x3B, b"\x12\x35")
    world.sock.inbox += publish(b"t", b"B" * 600, 0x32, b"\x12\x36")
    world.run(500)
    assert world.sock.take() == b"\x40\x02\x12\x34\x40\x02\x12\x35\x40\x02\x12\x36"
    assert world.bridge.inbox == [(b"t", b"one", False, False), (b"t", b"two", True, True)] + [
        (b"t", b"B" * 512, "the beginning")
    ]


def test_of_a_long_topic_and_a_long_message_as_much_as_fits_is_shown():
    for size, seen in ((185, 512), (187, 512), (188, 511), (300, 399), (699, 0), (700, 0)):
        for chunk in (1, 7, None):
            world = up()
            world.sock.chunk = chunk
            topic = b"t" * size
            world.sock.inbox += publish(topic, b"C" * 600, 0x32, b"\x12\x36") + publish(b"b", b"next")
            world.poll(2000 if chunk else 40)
            wanted = [] if size > 699 else [(topic, b"C" * seen, "the beginning")]
            assert world.bridge.inbox == wanted + [(b"b", b"next", False, False)], (size, chunk)


def test_garbage_ends_the_connection_and_nothing_else():
    for garbage in (
        b"\x00\x00",
        b"\xff\xff\xff\xff\xff",
        b"\x10\x00",
        b"\x31\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x00",
        b"\x30\x02\x00\x00",  # no topic
        b"\x30\x03\x00\x00\x01",
        b"\x30\x04\x00\x09ab",  # topic longer than the packet
        b"\x32\x04\x00\x02ab",  # no packet id
        b"\x34\x06\x00\x01a\x00\x01x",  # QoS 2
        b"\x34\x0a\x00\x01a\x00\x01xxxxx",
        b"\x36\x06\x00\x01a\x00\x01x",  # QoS 3
        b"\x20\x02\x00\x00",  # a second CONNACK
        b"\xd0\x01\x00",
        b"\xd1\x00",
        b"\x90\x02\x00\x01",
        b"\x90\xff\x7f",
        b"\xe0\x00",
    ):
        world = up()
        world.sock.inbox += garbage
        world.poll(2)
        assert world.sock.closed, garbage
        assert world.bridge.calls == ["connected", "disconnected"], garbage
        assert not world.bridge.inbox
        assert "not MQTT" in world.log.text()
        world.run(2000)
        world.sock.inbox += ACCEPTED
        world.run(200)
        assert world.session.up()


def test_random_bytes_never_raise_and_never_hold_the_session():
    seed = 1
    for _ in range(150):
        world = up()
        data = bytearray()
        for _ in range(64):
            seed = (seed * 75 + 74) % 65537
            data.append(seed & 255)
        if seed & 1:
            data[0] = 0x30
        world.sock.inbox += data
        world.run(24000, 400)
        # Either it was seen to be garbage, or it was taken for a long message and the silence ended it.
        assert world.net.sockets[0].closed
        world.run(40000, 400)
        assert len(world.net.sockets) > 1
        assert world.net.open_count() <= 1


def test_reader_alone():
    reader = Reader()
    sock = FakeSocket()
    sock.setblocking(False)
    assert reader.read(sock) == -1
    assert reader.next() == NONE
    sock.inbox += b"\x20\x02\0\0\x90\x03\0\1\0\xd0\0" + publish(b"t", b"p") + b"\xf0"
    assert reader.read(sock) == 18
    assert [reader.next() for _ in range(5)] == [CONNACK, SUBACK, PINGRESP, PUBLISH, GARBAGE]
    reader.clear()
    assert reader.next() == NONE
    sock.eof = True
    assert reader.read(sock) == 0


# With a network of its own


class FakeWay:
    """A network of the package network."""

    what = "WiFi"

    def __init__(self):
        self.up = False
        self.polls = 0
        self.renewed = []

    def poll(self, now, idle):
        self.polls += 1

    def renew(self, now):
        self.renewed.append(now)
        self.up = False


def on_wifi():
    world = World()
    world.session.network = world.way = FakeWay()
    world.session.lookup = world.lookup = FakeLookup()
    return world


def test_without_a_network_nothing_is_tried_and_nothing_said():
    world = on_wifi()
    world.run(60000)
    assert world.way.polls > 1000
    assert world.lookup.asked == []
    assert world.net.sockets == []
    assert world.log.lines == []


def test_the_name_is_looked_up_without_waiting_once():
    world = on_wifi()
    world.way.up = True
    world.run(2000)
    assert world.lookup.asked == ["broker.local"]
    assert world.net.sockets == []
    world.lookup.answer = "192.168.1.10"
    world.poll(4)
    assert world.lookup.closed == 1
    assert len(world.net.sockets) == 1
    world.sock.inbox += ACCEPTED
    world.poll(8)
    world.sock.inbox += b"\x90\x03\0\1\0\x90\x03\0\2\0"
    world.poll(2)
    assert world.session.up()
    world.sock.eof = True
    world.run(3000)
    assert len(world.net.sockets) == 2
    assert world.lookup.asked == ["broker.local"]  # kept


def test_a_name_that_is_not_found_is_said_and_asked_again():
    world = on_wifi()
    world.way.up = True
    world.lookup.answer = OSError("the DNS server does not know this name")
    world.run(30000)
    assert len(world.lookup.asked) > 3
    assert world.lookup.closed == len(world.lookup.asked)
    said = [text for level, text in world.log.lines if level >= 30]
    assert len(said) == 1
    assert "broker.local, cannot be looked up (the DNS server does not know this name)" in said[0]


def test_a_network_that_goes_ends_the_session_and_the_look_up():
    world = on_wifi()
    world.way.up = True
    world.poll(3)
    world.way.up = False
    world.poll()
    assert world.lookup.closed == 1
    world.way.up = True
    world.lookup.answer = "192.168.1.10"
    world.run(1000)
    world.sock.inbox += ACCEPTED
    world.poll(8)
    world.sock.inbox += b"\x90\x03\0\1\0\x90\x03\0\2\0"
    world.poll(2)
    assert world.session.up()
    world.way.up = False
    world.poll()
    assert not world.session.up()
    assert world.sock.closed
    assert world.bridge.calls == ["connected", "disconnected"]
    assert "is lost: WiFi is gone" in world.log.text()
    count = len(world.net.sockets)
    world.run(60000)
    assert len(world.net.sockets) == count
    world.way.up = True
    world.run(5000)
    assert len(world.net.sockets) == count + 1
    assert len(world.lookup.asked) == 3  # the next network may have another address for it


def test_a_network_over_which_nothing_answers_is_made_anew():
    def mute(sock):
        sock.room = 0

    world = on_wifi()
    world.way.up = True
    world.lookup.answer = OSError("the DNS server does not answer")
    world.run(595000, 500)
    assert world.way.renewed == []
    world.run(10000, 500)
    assert len(world.way.renewed) == 1
    world.run(60000, 500)  # it is not up: no reason to do it again
    assert len(world.way.renewed) == 1
    world.way.up = True
    world.lookup.answer = "192.168.1.10"
    world.net.prepare = mute
    world.run(2000000, 500)  # the name is found, but the broker is silent
    assert len(world.way.renewed) == 1
    world.session.lookup = None  # as with a numeric address
    world.run(610000, 500)
    assert len(world.way.renewed) == 2


def test_a_network_is_left_alone_while_a_broker_refuses_or_a_session_is_up():
    world = on_wifi()
    world.session.lookup = None
    world.way.up = True
    world.net.start_error = refused()
    world.run(2000000, 500)
    world.net.start_error = None
    world.net.prepare = lambda sock: sock.inbox.extend(ACCEPTED)
    for _ in range(200):
        if not world.session.up():
            world.run(500)
    assert world.session.up()
    for _ in range(500):
        world.run(5000, 500)
        world.sock.inbox += b"\xd0\0"
    assert world.session.up()
    assert world.way.renewed == []


def test_a_bus_that_is_never_idle_does_not_keep_the_radio_off():
    world = on_wifi()
    allowed = []
    world.way.poll = lambda now, idle: allowed.append(idle)
    world.session.idle = False
    world.run(4900)
    assert True not in allowed
    world.run(200)
    assert allowed[-1]
    world.session.idle = True
    world.run(100)
    world.session.idle = False
    world.run(4900)
    assert not allowed[-1]


def test_the_address_is_forgotten_with_the_network():
    world = on_wifi()
    world.way.up = True
    world.lookup.answer = "192.168.1.10"
    world.net.start_error = refused()
    world.poll(4)
    assert len(world.lookup.asked) == 1
    world.way.up = False  # between two attempts
    world.poll()
    world.way.up = True
    world.run(3000)
    assert len(world.lookup.asked) == 2


def test_a_slow_connect_is_counted():
    world = World()
    real = world.net.start

    def slow(row):
        world.now = (world.now + 90) & 0x3FFFFFFF
        return real(row)

    world.net.start = slow
    before = blocking.counts[0]
    world.dial()
    assert blocking.counts[0] == before + 1


# With TLS


class Secured:
    """A socket of TLS. As mbedtls it takes a whole write but says so only when the last of it is gone: until then it
    wants the same write again, and nothing else. The handshake takes `steps` writes.
    """

    def __init__(self, sock, tls):
        self.sock = sock
        self.tls = tls
        self.pending = None
        self.steps = tls.steps
        self.stuck = False  # nothing goes out

    def write(self, buf, off, n):
        self.sock._check()
        self.tls.step()
        if self.steps:
            self.steps -= 1
            return None
        if self.tls.error is not None:
            raise self.tls.error
        if self.pending is not None:
            assert self.pending[0] is buf
            assert self.pending[1:] == (off, n, bytes(buf[off : off + n])), "another write"
        self.pending = (buf, off, n, bytes(buf[off : off + n]))
        if self.stuck:
            return None
        self.pending = None
        taken = min(n, self.tls.record)
        return self.sock.write(buf, off, taken)

    def readinto(self, buf):
        return self.sock.readinto(buf)

    def close(self):
        self.sock.close()


class FakeTls:
    """As tls.Tls."""

    def __init__(self, steps=3, record=4096):
        self.steps = steps
        self.record = record
        self.error = None
        self.clock = True
        self.slow = None  # called with every write
        self.socks = []

    def step(self):
        if self.slow is not None:
            self.slow()

    def wrap(self, sock):
        self.socks.append(Secured(sock, self))
        return self.socks[-1]

    def ready(self, now):
        return self.clock

    def words(self, error):
        return "its certificate is not one of mqtt.ca" if isinstance(error, ValueError) else ""


def over_tls(**changes):
    world = World()
    world.session.tls = world.tls = FakeTls(**changes)
    return world


def test_tls_waits_for_the_clock_the_connection_and_the_handshake():
    world = over_tls()
    world.tls.clock = False
    world.run(10000)
    assert world.net.sockets == []
    world.tls.clock = True
    world.net.made_answer = None
    world.dial()
    world.poll(3)
    assert world.tls.socks == []
    world.net.made_answer = True
    world.poll(3)
    assert world.sock.take() == b""
    world.poll(1)
    assert world.sock.take()[:1] == b"\x10"
    world.poll(1)
    world.sock.inbox += ACCEPTED
    world.poll(8)
    assert world.session.up()
    assert len(world.tls.socks) == 1


def test_a_handshake_goes_on_only_between_exchanges_and_its_steps_are_counted():
    world = over_tls()
    world.dial()

    def slow():
        world.now = (world.now + 300) & 0x3FFFFFFF

    world.tls.slow = slow
    before = blocking.counts[0]
    world.session.idle = False
    steps = world.tls.socks[0].steps
    world.run(3000)
    assert world.tls.socks[0].steps == steps
    assert blocking.counts[0] == before
    world.session.idle = True
    world.tls.error = ValueError("The certificate is not correctly signed by the trusted CA")
    world.poll(steps + 1)
    assert world.sock.closed
    assert "its certificate is not one of mqtt.ca" in world.log.text()
    assert blocking.counts[0] == before + steps + 1  # the one that failed, too


def test_tls_writes_are_finished_with_the_same_bytes():
    world = over_tls(steps=0, record=100).bring_up()
    secured = world.tls.socks[0]
    secured.stuck = True
    world.session.publish(Message(b"jkbms/1/live", b"x" * 300))
    assert not world.session.ready()
    for _ in range(10):
        world.run(1000)  # pings are due meanwhile, and a message with QoS 1 must be acknowledged
        world.sock.inbox += publish(b"t", b"one", 0x32, b"\x12\x34")
    assert world.sock.take() == b""
    secured.stuck = False
    world.run(2000)
    sent = world.sock.take()
    expected = publish(b"jkbms/1/live", b"x" * 300)
    assert sent[: len(expected)] == expected
    assert sent[len(expected) : len(expected) + 4] == b"\x40\x02\x12\x34"
    assert world.session.up()


def test_an_error_of_tls_in_the_middle_of_a_write_ends_the_connection_only():
    world = over_tls(steps=0).bring_up()
    world.tls.socks[0].stuck = True
    world.session.publish(Message(b"jkbms/1/live", b"x" * 300))
    world.tls.error = OSError(-0x7100, "MBEDTLS_ERR_SSL_BAD_INPUT_DATA")
    world.poll()
    assert world.sock.closed
    assert world.bridge.calls == ["connected", "disconnected"]
    world.tls.error = None
    world.run(3000)
    world.sock.inbox += ACCEPTED
    world.run(500)
    assert world.session.up()
    assert len(world.tls.socks) == 2


def test_a_broker_that_is_silent_after_the_handshake_is_left_after_20_s():
    world = over_tls()
    world.dial()
    world.poll(4)
    world.run(19900)
    assert not world.sock.closed
    world.run(500)
    assert world.sock.closed
    assert "said nothing within 20 s" in world.log.text()


def _locked_polls(session, now, count):
    for _ in range(count):
        session.poll(now)
        session._heard = now
        now = (now - 0x3FFFFF9C) & 0x3FFFFFFF  # 100 ms later, see _locked_turns
    return now


def test_watching_the_network_touches_no_heap():
    """Every turn asks the network's state machine; every 250 ms that asks the port."""
    from network_fakes import ETH_GOT_IP, Lan, Network

    from jkdevice.network import lan, wifi

    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int
    for kind in ("wifi", "lan"):
        world = up()
        if kind == "wifi":
            table = {"ssid": "house", "password": "secret", "hostname": "jkbridge"}
            network = wifi.Wifi(table, Network(), world.log, world.ticks)
        else:
            network = lan.Lan(Lan, world.log, world.ticks, ETH_GOT_IP)
        for _ in range(100):
            world.now = (world.now + 50) & 0x3FFFFFFF
            network.poll(world.now)
        assert network.up
        world.session.network = network
        world.session._sock = Sink()
        world.now = _locked_polls(world.session, world.now, 100)
        world.session._sock.fill = 0
        heap_lock()
        try:
            world.now = _locked_polls(world.session, world.now, 300)
        finally:
            heap_unlock()
        assert network.up
        assert world.session.up()
