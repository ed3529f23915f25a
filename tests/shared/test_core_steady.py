"""No heap on the steady way: bytes -> frame -> gate -> JSON -> PUBLISH packet, under micropython.heap_lock().

On CPython the same runs without the lock, so that what is locked is known to do its work.
"""

import sys

import core_bytes as cb
from core_steady import Device, Listener

from jkcore import gate, payload, texts
from jkcore.message import Message
from jkcore.pack import Pack

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        pass

    def heap_unlock():
        pass


def locked_ask(device):
    """The next request, made without heap: low byte of its register."""
    bus = device.bus
    heap_lock()
    try:
        while not bus.tick(device.now):
            device.now += 10
    finally:
        heap_unlock()
    return bus.tx[3]


def locked_answer(device, answer):
    """Hear `answer` in pieces as a UART gives them and publish what it says, without heap."""
    bus = device.bus
    piece = device.piece
    at = 0
    heap_lock()
    try:
        while at < 308:
            count = 40 if at + 40 <= 308 else 308 - at
            for i in range(count):
                piece[i] = answer[at + i]
            device.now += 4
            bus.feed(piece, count, device.now)
            at += count
        device.publish()
    finally:
        heap_unlock()


def prepared(count=1):
    device = Device(count, discovery=count == 1).settle()  # announcing 15 packs takes long on a slow interpreter
    device.piece = bytearray(64)
    return device


def steady_frame(device, frame, name):
    """Feed the frame freely first (alarms, entities are told), then again with the heap locked."""
    device.live[1] = bytearray(cb.unit(frame, 1))
    for _ in range(3):
        device.turn()
    device.quiet()
    pack = device.bridge.packs[0]
    try:
        while locked_ask(device) != 0x20:  # settings or about may be due
            device.now += 30
            device.bus.feed(device.settings[1] if device.bus.tx[3] == 0x1E else device.about[1], 308, device.now)
            device.quiet()
    except MemoryError:
        raise AssertionError("a request takes heap")
    packets = device.sock.packets
    answers = pack.counts[1]
    try:
        locked_answer(device, device.live[1])
    except MemoryError:
        raise AssertionError(name + " takes heap on its way")
    assert pack.counts[1] == answers + 1, name + " was not taken"
    assert device.sock.packets == packets + 1, name + " was not published once"
    out = bytes(device.sock.out[: device.sock.end])
    assert out[0] == 0x30 and b"jkbms/1/live{" in out and out.endswith(b"}"), name
    check_packet(out)


def check_packet(out):
    """Fixed header and remaining length of a PUBLISH."""
    length = shift = 0
    at = 1
    while True:
        length |= (out[at] & 127) << shift
        shift += 7
        at += 1
        if out[at - 1] < 128:
            break
    assert length == len(out) - at, (length, len(out), at)
    assert out[at] << 8 | out[at + 1] == len("jkbms/1/live")


def test_every_recorded_live_frame():
    device = prepared()
    seen = 0
    last = b""
    for name, frame in cb.live_recordings():
        if gate.judge(frame) or bytes(frame) == last:
            continue
        # One pack whose run time jumped to and fro with the recordings would be taken for two packs.
        mine = bytearray(frame)
        cb.put(mine, 194, 20000000 + 1000 * seen, 4)
        steady_frame(device, cb.seal(mine), name)
        seen += 1
        last = bytes(frame)
    assert seen or not cb.names()


def extremes_that_pass():
    """(name, frame): healthy in what the gate compares, at an end in everything else."""
    for cells, millivolt in ((2, 1), (2, 9990), (16, 3300), (32, 6200), (32, 1)):
        for top in (False, True):
            frame = cb.live(cells, millivolt, 0)
            if cells * millivolt < 1000:
                cb.put(frame, 76, 0, 2)
            for at in list(range(80, 144)) + list(range(202, 214)) + [218, 219, 278, 279]:
                frame[at] = 255 if top else 0
            for at in (182, 186, 194, 246, 250, 262, 266, 270):
                cb.put(frame, at, 0xFFFFFFFF if top else 0, 4)
            for at in (162, 164, 256, 258):
                cb.put(frame, at, 1500 if top else -600, 2)
            for at in (144, 254):
                cb.put(frame, at, 1500 if top else -600, 2)
            for at in (170, 236):
                cb.put(frame, at, 0x7FFF if top else -0x8000, 2)
            cb.put(frame, 166, 0xFFFFFFFF if top else 0, 4)
            total = frame[150] | frame[151] << 8 | frame[152] << 16
            current = 1499999 if top else -1499999
            cb.put(frame, 158, current, 4)
            cb.put(frame, 154, min(300000000, total * 1499999 // 1000), 4)
            frame[173] = frame[190] = 100 if top else 0
            cb.put(frame, 178, 10000000, 4)
            cb.put(frame, 174, 10000000 if top else 0, 4)
            for at in (191, 198, 199, 215, 239):
                frame[at] = 1 if top else 0
            frame[172] = frame[280] = 2 if top else 0
            frame[274] = frame[281] = 255 if top else 0
            yield "%d cells of %d mV, %s" % (cells, millivolt, "highest" if top else "lowest"), cb.seal(frame)


def test_extremes_that_pass_the_gate():
    device = prepared()
    for name, frame in extremes_that_pass():
        assert gate.judge(frame) == gate.GOOD, (name, texts.DOUBTS[gate.judge(frame)])
        steady_frame(device, frame, name)


# Frames no gate would let through: straight into a pack


def locked_json(pack, frame, kind, message, session):
    heap_lock()
    try:
        pack.keep(frame, kind)
        message.start(False)
        message.put(b"jkbms/15/live")
        message.body()
        message.open()
        payload.put_values(message, pack, kind, False)
        message.close()
        session.publish(message)
    finally:
        heap_unlock()


def raw_frames():
    """(name, frame): every byte the same, and every row at its smallest and largest."""
    for byte in (0, 255, 0x7F, 0x80, 0x3F, 0x40, 0x55, 0xAA):
        for mask in (0xFFFFFFFF, 0, 0x80000001):
            frame = bytearray(bytes([byte]) * 300)
            cb.put(frame, 70, mask, 4)
            frame[214] = 255
            yield "all bytes %02x, cells %08x" % (byte, mask), frame
    for at in range(6, 298):
        for value in (0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            if at % 4 == 2 and at < 292:
                frame = cb.live(32)
                cb.put(frame, at, value, 4)
                frame[214] = 255
                yield "offset %d %08x" % (at, value), frame


def test_live_frames_with_anything_in_them():
    pack = Pack(b"15", 15, "")
    pack.keep(cb.about("19.27"), cb.ABOUT)
    message = Message()
    session = Device(1, discovery=False).session
    count = 0
    for name, frame in raw_frames():
        try:
            locked_json(pack, frame, cb.LIVE, message, session)
        except MemoryError:
            raise AssertionError(name + " takes heap on its way to JSON")
        assert not message.overflow, name
        count += 1
    assert count > 380


def test_recorded_frames_the_gate_refuses_too():
    pack = Pack(b"1", 1, "")
    message = Message()
    session = Device(1, discovery=False).session
    for name, frame in cb.live_recordings():
        try:
            locked_json(pack, frame, cb.LIVE, message, session)
        except MemoryError:
            raise AssertionError(name + " takes heap on its way to JSON")


def locked_judge(frame):
    heap_lock()
    try:
        return gate.judge(frame)
    finally:
        heap_unlock()


def test_the_gate_takes_no_heap_whatever_it_judges():
    chance = cb.Chance(23)
    for name, frame in raw_frames():
        try:
            locked_judge(frame)
        except MemoryError:
            raise AssertionError(name + " takes heap in the gate")
    for _ in range(100):
        frame = bytearray(cb.live())
        for _ in range(3):
            frame[6 + chance.below(290)] = chance.below(256)
        locked_judge(frame)


def locked_turns(device, count):
    """Exchanges with all packs in turn and everything they publish; time is taken on by the bench, not by tick()."""
    heap_lock()
    try:
        for _ in range(count):
            device.exchange()
            device.now = (device.now + 110) & 0x3FFFFFFF
            device.publish()
    finally:
        heap_unlock()


def test_fifteen_packs_in_turn():
    device = prepared(15)
    published = device.published
    before = [pack.counts[1] for pack in device.bridge.packs]
    locked_turns(device, 200)
    assert device.published - published >= 150, device.published - published
    answers = [pack.counts[1] - b for pack, b in zip(device.bridge.packs, before)]
    assert min(answers) >= 10 and max(answers) <= 17, answers


def test_sixteen_packs_heard_beside_a_master():
    device = Listener(15, discovery=False).settle()
    published = device.published
    before = [pack.counts[1] for pack in device.bridge.packs]
    locked_turns(device, 320)
    assert device.published - published >= 150, device.published - published
    answers = [pack.counts[1] - b for pack, b in zip(device.bridge.packs, before)]
    assert len(answers) == 16 and min(answers) == max(answers) == 20, answers


def test_the_lock_bites():
    """On MicroPython the lock refuses heap; without that the tests above would prove nothing."""
    if sys.implementation.name == "micropython":
        failed = False
        heap_lock()
        try:
            bytearray(10)
        except MemoryError:
            failed = True
        finally:
            heap_unlock()
        assert failed
