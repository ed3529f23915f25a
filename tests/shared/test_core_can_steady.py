"""No heap on the way of a CAN frame: 10 000 frames of 15 packs, and the live messages they make, under
micropython.heap_lock().

On CPython the same runs without the lock, so that what is locked is known to do its work.
"""

from can_battery import Battery
from core_can import Can

from jkcore import can, config
from jkcore.bridge import Bridge
from jkcore.fields import table

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        pass

    def heap_unlock():
        pass


PACKS = 15
FRAMES = 10000


class Recorder:
    """Takes down what batteries say."""

    def __init__(self):
        self.taken = []

    def send(self, base, data, address):
        flags = 8 | (can.EXTENDED if base > 0x7FF else 0)
        self.taken.append((base + address, flags, bytes(data)))


def traffic(packs=PACKS):
    """Three seconds of packs with alarms, as (identifier, flags, data), and something of others in between."""
    recorder = Recorder()
    batteries = [Battery(recorder, address, soc=40 + address) for address in range(packs)]
    if packs == PACKS:
        batteries[3].alarms = bytes((1, 0, 0x20, 0, 0, 0, 0, 0))
        batteries[4].faults = bytes((2, 0, 1, 0, 0, 0, 0, 0))
    for n in range(30):
        for battery in batteries:
            battery(n)
            battery.runtime = 1000  # what is fed over and over must not run backwards
        recorder.taken.append((0x305, 8, bytes(8)))
        recorder.taken.append((0x2F4, 8 | can.REMOTE, bytes(8)))
        recorder.taken.append((0x2F4, 5, bytes(5)))
        recorder.taken.append((0, can.ERROR, bytes(8)))
    return recorder.taken


def settled(frames):
    """A bridge that has heard of all of them and told all there is to tell at first."""
    line = Can(interval=1)
    feed = line.bus.feed_frame
    per = len(frames) // 30
    for n in range(900):  # 90 s: discovery, and everything that is rarely due
        for ident, flags, data in frames[n % 30 * per : n % 30 * per + per]:
            feed(ident, flags, data, line.now())
        line.bridge.tick(line.now())
        while line.bridge.next_message(line.now()):
            pass
        line.ms += 100
    return line


def locked(line, frames, count):
    """Feed `count` frames, a tenth of a second for each round of all packs, and publish; without heap.

    Returns the messages made.
    """
    bridge = line.bridge
    bus = line.bus
    now = line.now()
    per = len(frames) // 30
    made = 0
    at = 0
    heap_lock()
    try:
        for n in range(count):
            entry = frames[at]
            bus.feed_frame(entry[0], entry[1], entry[2], now)
            at += 1
            if at == len(frames):
                at = 0
            if n % per == 0:
                now = (now + 100) & 0x3FFFFFFF
                bus.check_stale(now)
                while bridge.publisher.put_pack(bridge.message, 16, now):
                    made += 1
    finally:
        heap_unlock()
    line.ms += 100 * (count // per)
    return made


def test_10_000_frames_of_15_packs_take_no_heap():
    frames = traffic()
    line = settled(frames)
    assert len(line.bridge.packs) == PACKS and all([pack.online for pack in line.bridge.packs])
    assert line.warnings() == [] or "0 to 11" in line.warnings()[0]
    before = line.bus.frames
    try:
        made = locked(line, frames, FRAMES)
    except MemoryError:
        raise AssertionError("a frame takes heap")
    assert line.bus.frames - before > FRAMES * 9 // 10
    assert made >= PACKS * (FRAMES // (len(frames) // 30)) // 10 - PACKS
    message = line.bridge.message
    assert b"cell_voltage_16" in bytes(message.buf[: message.end])


class Crossing(Can):
    """One battery on RS485 and CAN; `bus` is that of CAN."""

    def __init__(self):
        super().__init__(1)
        raw = {"interval": 1, "bus": [{"port": "line", "packs": [1]}, {"kind": "can", "channel": "can0"}]}
        raw["pack"] = [{"id": "1", "rs485": 1, "can": 0}]
        self.config = config.load(raw, "host")
        self.bridge = Bridge(self.config, self._log, b"aabbccdd", "test", "test", 1000)
        self.bus = self.bridge.buses[1]
        for bus in self.bridge.buses:
            bus.opened(self.now())
        self.bridge.connected(self.now())


def frame():
    """A live frame of 16 cells, as far as pack.py looks at it."""
    raw = bytearray(300)
    at = table.offset_of("cell_mask", 2)
    raw[at] = raw[at + 1] = 255
    told = {"pack_voltage": 53200, "soc": 40, "capacity_full": 280000, "cycle_count": 3, "total_runtime": 1001}
    for name, value in told.items():
        at = table.offset_of(name, 2)
        for i in range(3):
            raw[at + i] = value >> 8 * i & 255
    return raw


def test_a_battery_on_both_buses_takes_no_heap():
    line = Crossing()
    frames = traffic(1)
    per = len(frames) // 30
    feed = line.bus.feed_frame
    pair = line.bridge.packs[0]
    publisher = line.bridge.buses[0]._publisher
    bridge = line.bridge
    live = frame()

    def each(n):
        for ident, flags, data in frames[n % 30 * per : n % 30 * per + per]:
            feed(ident, flags, data, line.now())
        if n % 10 == 0:
            pair.keep(live, 2)
            pair.last_live = line.now()
            publisher.live(pair, line.now())

    line.run(33000, each)
    now = line.now()
    made = 0
    heap_lock()
    try:
        for n in range(300 * per):
            entry = frames[n % len(frames)]
            feed(entry[0], entry[1], entry[2], now)
            if n % per:
                continue
            now = (now + 100) & 0x3FFFFFFF
            if n % (10 * per) == 0:
                pair.keep(live, 2)
                pair.last_live = now
                publisher.live(pair, now)
            line.bus.check_stale(now)
            while bridge.publisher.put_pack(bridge.message, 16, now):
                made += 1
    except MemoryError:
        made = -1
    finally:
        heap_unlock()
    assert made >= 30, "a pair takes heap" if made < 0 else made
    text = bytes(bridge.message.buf[: bridge.message.end])
    assert b'"pack_voltage":53.200' in text and b"balance_current" in text, text  # RS485
    assert b'"temperature_max":24.0' in text, text
