"""Times and heap of the core alone. One script for CPython and MicroPython; tools/bench_interpreters.py runs it.

Arguments: folder with jkcore, file of answers, how many live frames. The file holds answers of 308 bytes of a pack at
address 1: first settings, then about, then live ones. The bridge asks as on a real line, on a clock of its own; each
answer comes in reads of 32 bytes, as a UART read every 3 ms gives them. Prints one `name number` a line; times in ns.
"""

import gc
import sys

sys.path.insert(0, sys.argv[1])

from jkcore import config as checker
from jkcore.bridge import Bridge
from jkcore.message import HEAD

UNIT = 308
PIECE = 32
LIVE_REGISTER = 0x20
SETTINGS_REGISTER = 0x1E


def find_clock():
    """A function that gives nanoseconds of a clock with a resolution of microseconds."""
    if sys.platform == "webassembly":
        import js  # time.ticks_us() counts whole milliseconds there

        now = js.performance.now
        return lambda: int(now() * 1000) * 1000
    import time

    if hasattr(time, "ticks_us"):
        return lambda: time.ticks_us() * 1000
    return time.perf_counter_ns


def quiet(level, text):
    """The log of a bridge nobody watches; what is wrong must be seen all the same."""
    if level >= 30 and "alarm" not in text:
        print("#", text)


class Line:
    """A bridge on a line that answers at once, with a session that takes everything."""

    def __init__(self, answers, flat=False, discovery=False):
        raw = {
            "interval": 0,
            "flat": flat,
            "bus": {"port": "tcp://127.0.0.1:1", "packs": [1]},
            "mqtt": {"host": "127.0.0.1"},
            "discovery": {"enabled": discovery},
        }
        self.bridge = Bridge(checker.load(raw, "device"), quiet, b"00000000", "bench", "bench", 1000)
        self.bus = self.bridge.buses[0]
        self.pieces = [[view[i : i + PIECE] for i in range(0, UNIT, PIECE)] for view in answers]
        self.now = 0
        self.next_live = 2
        self.bus.opened(0)
        self.bridge.connected(0)

    def ask(self):
        """Let time pass up to the next request; the pieces of its answer."""
        bus = self.bus
        while not bus.tick(self.now):
            self.now += 1
            self.bridge.tick(self.now)
        self.now += 40
        register = bus.tx[3]
        if register != LIVE_REGISTER:
            return self.pieces[0 if register == SETTINGS_REGISTER else 1]
        at = self.next_live
        self.next_live = at + 1 if at + 1 < len(self.pieces) else 2
        return self.pieces[at]

    def is_live(self):
        return self.bus.tx[3] == LIVE_REGISTER

    def answer(self, pieces):
        bus = self.bus
        now = self.now
        for piece in pieces:
            bus.feed(piece, len(piece), now)

    def drain(self):
        """Take every message there is; how many."""
        bridge = self.bridge
        now = self.now
        count = 0
        while bridge.next_message(now):
            count += 1
        return count

    def settle(self):
        """Until settings and about are known and everything about them is said."""
        for _ in range(20):
            self.answer(self.ask())
            self.drain()
        pack = self.bridge.packs[0]
        if not (pack.online and pack.holds(1) and pack.holds(3)):
            raise RuntimeError("the core did not take the answers: the figures would be worth nothing")


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def is_message(message, end):
    return message.buf[HEAD : message.topic_end].endswith(end)


def measure_frames(answers, clock, count):
    """Median time to take one live frame in, and to write its message."""
    line = Line(answers)
    line.settle()
    bridge = line.bridge
    decoded = []
    encoded = []
    idle = min([-(clock() - clock()) for _ in range(50)])
    size = 0
    while len(encoded) < count:
        pieces = line.ask()
        live = line.is_live()
        start = clock()
        line.answer(pieces)
        end = clock()
        if live:
            decoded.append(end - start - idle)
            start = clock()
            bridge.next_message(line.now)
            end = clock()
            while not is_message(bridge.message, b"/live"):  # something else was due before it
                start = clock()
                if not bridge.next_message(line.now):
                    raise RuntimeError("no message came of a live frame")
                end = clock()
            encoded.append(end - start - idle)
            size = bridge.message.end - bridge.message.topic_end
        line.drain()
    print("decode", median(decoded))
    print("encode", median(encoded))
    print("payload", size)


def measure_rate(answers, clock, count):
    """Messages a second into a session that takes everything: flat values, then discovery. Only next_message counts."""
    line = Line(answers, flat=True)
    line.settle()
    sent = 0
    spent = 0
    while sent < count:
        line.answer(line.ask())
        start = clock()
        sent += line.drain()
        spent += clock() - start
    print("flat_rate", sent * 1000000000 // spent)
    line = Line(answers, discovery=True)
    line.settle()
    sent = 0
    spent = 0
    # What was announced meanwhile is told again; at 1000 a second on the bench's clock nothing waits for its pace.
    while sent < count // 4:
        line.bridge.publisher.announce(line.now)
        while line.bridge.next_message(line.now):
            pass
        for _ in range(200):
            line.now += 1
            start = clock()
            if line.bridge.next_message(line.now) and line.bridge.message.retain:
                spent += clock() - start
                sent += 1
    print("discovery_rate", sent * 1000000000 // spent)


def measure_heap(answers, count):
    """Bytes of heap left behind by the steady path, and by everything a turn does. Needs gc.disable() before it."""
    line = Line(answers)
    line.settle()
    path = [0] * count
    turn = [0] * count
    done = 0
    while done < count:
        start = gc.mem_alloc()
        pieces = line.ask()
        live = line.is_live()
        before = gc.mem_alloc()
        line.answer(pieces)
        line.bridge.next_message(line.now)
        after = gc.mem_alloc()
        line.drain()
        if live:
            path[done] = after - before
            turn[done] = gc.mem_alloc() - start
            done += 1
    print("heap_path", median(path))
    print("heap_path_worst", max(path))
    print("heap_turn", sum(turn) // count)


def main():
    with open(sys.argv[2], "rb") as file:
        data = file.read()
    count = int(sys.argv[3])
    answers = [memoryview(data)[i : i + UNIT] for i in range(0, len(data), UNIT)]
    clock = find_clock()
    word = 0
    number = sys.maxsize
    while number:
        number >>= 1
        word += 1
    print("word", word + 1)
    print("version", *sys.implementation.version[:3])
    measure_frames(answers, clock, count)
    measure_rate(answers, clock, 20 * count)
    if hasattr(gc, "mem_alloc"):
        gc.collect()
        gc.disable()
        measure_heap(answers, count)


main()
