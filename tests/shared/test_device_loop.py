"""The device's loop on fakes and a clock of its own; on CPython and on MicroPython."""

from device_fakes import FakeBridge, Message

from jkdevice.loop import Loop


class Bus:
    poller = True  # a line that is asked

    def __init__(self, steps):
        self.steps = steps
        self.tx = bytearray(b"request+rest")
        self.fed = []
        self.due = 0
        self.quiet = True

    def feed(self, buf, n, now):
        self.steps.append("feed")
        self.fed.append(bytes(buf[:n]))

    def tick(self, now):
        self.steps.append("bus tick")
        due = self.due
        self.due = 0
        return due

    def idle(self, now):
        return self.quiet


class Port:
    def __init__(self, bus, steps):
        self.bus = bus
        self.buf = bytearray(16)
        self.inbox = b""
        self.written = []
        self.steps = steps
        self.closed = False

    def poll(self, now):
        self.steps.append("port")

    def read(self):
        n = min(16, len(self.inbox))
        self.buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buf, n, now):
        self.written.append(bytes(buf[:n]))

    def close(self):
        self.closed = True


class Session:
    def __init__(self, steps):
        self.steps = steps
        self.idle = None
        self.reconnects = 3
        self.sent = []
        self.room = 1000
        self.alive = True
        self.goodbye = None

    def poll(self, now):
        self.steps.append("session")

    def up(self):
        return self.alive

    def ready(self):
        return self.alive and self.room > 0

    def publish(self, message):
        self.room -= 1
        self.sent.append(bytes(message.buf[message.topic_end : message.end]))

    def close(self, polite):
        self.goodbye = polite


class Bridge(FakeBridge):
    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def tick(self, now):
        self.steps.append("core")


class Dog:
    def __init__(self, steps):
        self.steps = steps

    def feed(self):
        self.steps.append("watchdog")


class World:
    def __init__(self):
        self.steps = []
        self.bus = Bus(self.steps)
        self.port = Port(self.bus, self.steps)
        self.session = Session(self.steps)
        self.bridge = Bridge(self.steps)
        self.now = 0x3FFFFF00
        self.rested = []
        self.loop = Loop(self.bridge, [self.port], self.session, self.ticks, self.rest, Dog(self.steps))

    def ticks(self):
        return self.now

    def rest(self, ms):
        self.rested.append(ms)
        self.pass_ms(ms or 1)

    def pass_ms(self, ms):
        self.now = (self.now + ms) & 0x3FFFFFFF

    def turns(self, count, ms):
        for _ in range(count):
            self.pass_ms(ms)
            self.loop.turn(self.now)


def test_a_turn_looks_at_the_bus_first_and_feeds_the_watchdog_last():
    world = World()
    world.port.inbox = b"x" * 40
    world.bus.due = 7
    world.loop.turn(world.now)
    assert world.steps == ["port", "feed", "feed", "feed", "bus tick", "core", "session", "watchdog"]
    assert world.bus.fed == [b"x" * 16, b"x" * 16, b"x" * 8]
    assert world.port.written == [b"request"]
    world.turns(1, 5)
    assert world.port.written == [b"request"]


def test_the_watchdog_is_fed_only_when_bus_and_network_were_both_looked_at():
    """What hangs or raises anywhere in a turn leaves it hungry."""

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    def places(world):
        return (
            (world.port, "poll"), (world.port, "read"), (world.bus, "feed"), (world.bus, "tick"),
            (world.port, "write"), (world.bridge, "tick"), (world.session, "poll"), (world.bridge, "next_message"),
            (world.session, "publish"),
        )  # fmt: skip

    for n in range(len(places(World()))):
        world = World()
        place, name = places(world)[n]
        real = getattr(place, name)
        for broken in (True, False):
            world.port.inbox = b"x"
            world.bus.due = 7
            world.bridge.outbox = [Message(b"t", b"p")]
            del world.steps[:]
            setattr(place, name, stop if broken else real)
            try:
                world.loop.turn(world.now)
            except Stop:
                pass
            assert ("watchdog" in world.steps) != broken, name
    world.turns(10, 5)
    assert world.steps.count("watchdog") == 11  # once a turn


def test_a_line_that_never_ends_does_not_starve_the_rest():
    world = World()
    world.port.inbox = b"y" * 16000
    world.loop.turn(world.now)
    assert world.steps[-3:] == ["core", "session", "watchdog"]
    assert len(world.bus.fed) == 4
    world.turns(1, 5)
    assert len(world.bus.fed) == 8


def test_slow_messages_end_the_turn_before_the_buffer_of_a_line_is_full():
    world = World()
    world.bridge.outbox = [Message(b"t", b"%d" % i) for i in range(20)]
    real = world.session.publish

    def slow(message):
        world.pass_ms(15)
        real(message)

    world.session.publish = slow
    begun = world.now
    world.loop.turn(begun)
    assert world.session.sent == [b"0", b"1", b"2"]
    assert (world.now - begun) & 0x3FFFFFFF < 89
    for _ in range(6):
        world.loop.turn(world.now)
    assert len(world.session.sent) == 20


def test_the_session_may_block_only_while_no_bus_awaits_an_answer():
    world = World()
    world.loop.turn(world.now)
    assert world.session.idle is True
    world.bus.quiet = False
    world.loop.turn(world.now)
    assert world.session.idle is False


def test_messages_go_out_while_the_session_takes_them_but_not_all_in_one_turn():
    world = World()
    world.bridge.outbox = [Message(b"t", b"%d" % i) for i in range(20)]
    world.session.room = 3
    world.loop.turn(world.now)
    assert world.session.sent == [b"0", b"1", b"2"]
    assert len(world.bridge.outbox) == 17
    world.session.room = 1000
    world.turns(1, 5)
    assert len(world.session.sent) == 11
    world.turns(2, 5)
    assert world.session.sent == [b"%d" % i for i in range(20)]
    world.session.alive = False
    world.bridge.outbox = [Message(b"t", b"late")]
    world.turns(1, 5)
    assert world.bridge.outbox


def test_figures_are_reported_at_a_quiet_moment():
    world = World()
    world.loop.turn(world.now)
    world.turns(100, 50)
    world.turns(1, 180)
    world.turns(95, 50)
    assert world.bridge.figures == []
    world.bus.quiet = False
    world.turns(20, 50)
    assert world.bridge.figures == []
    world.bus.quiet = True
    world.turns(1, 50)
    assert len(world.bridge.figures) == 1
    assert world.bridge.figures[0][1:] == (180, 3)
    world.turns(201, 50)
    assert len(world.bridge.figures) == 2
    assert world.bridge.figures[1][1] == 50
    world.bus.quiet = False
    world.turns(650, 50)
    assert len(world.bridge.figures) == 3


def test_rest_is_short_and_shorter_while_an_answer_is_awaited():
    world = World()

    class End(Exception):
        pass

    def rest(ms):
        world.rested.append(ms)
        world.pass_ms(ms)
        if len(world.rested) == 1:
            world.bus.quiet = False
        if len(world.rested) == 2:
            world.bridge.pause = 0
        if len(world.rested) == 3:
            raise End

    world.loop._rest = rest
    try:
        world.loop.run()
    except End:
        pass
    assert world.rested == [5, 2, 0]


def test_beside_can_there_is_hardly_any_rest():
    world = World()
    world.bus.poller = None
    world.loop = Loop(world.bridge, [world.port], world.session, world.ticks, None)
    world.port.drain = lambda now: None

    class End(Exception):
        pass

    def rest(ms):
        world.rested.append(ms)
        raise End

    world.loop._rest = rest
    try:
        world.loop.run()
    except End:
        pass
    assert world.rested == [1]
    assert world.session.idle is True


def test_the_end_publishes_offline_and_says_goodbye():
    world = World()
    world.loop.finish()
    assert world.bridge.stopped
    assert world.session.sent == [b"offline"]
    assert world.session.goodbye is True
    assert world.port.closed
    assert sum(world.rested) < 500


def test_the_end_waits_for_a_slow_broker_but_not_for_ever():
    world = World()
    world.session.room = 0
    world.loop.finish()
    assert 2900 < sum(world.rested) < 3200
    assert world.session.goodbye is True
    world = World()
    world.session.alive = False
    world.loop.finish()
    assert world.rested == []
    assert world.session.sent == []


def test_after_an_error_the_broker_hears_no_goodbye():
    world = World()
    world.loop.drop()
    assert world.session.goodbye is False
    assert world.port.closed


def _locked_turns(world, count):
    loop = world.loop
    now = 0
    for _ in range(count):
        now += 5
        loop.turn(now)


def test_a_turn_touches_no_heap():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int

    class Still(Port):
        def poll(self, now):
            pass

        def read(self):
            return 0

    class StillBus(Bus):
        def tick(self, now):
            return 0

    class StillSession(Session):
        def poll(self, now):
            pass

    class StillBridge(FakeBridge):
        def tick(self, now):
            pass

        def next_message(self, now):
            return False

    world = World()
    bus = StillBus([])
    world.loop = Loop(StillBridge(), [Still(bus, [])], StillSession([]), world.ticks, world.rest)
    _locked_turns(world, 3)
    heap_lock()
    try:
        _locked_turns(world, 300)
    finally:
        heap_unlock()
    assert world.loop.session.idle is True
