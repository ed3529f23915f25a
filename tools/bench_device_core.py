"""What the device's program does for every message: writes to its socket, bytes of heap. For both MicroPythons.

Arguments: folder with jkcore and jkdevice, folder with device_fakes, file of answers as of bench_core.py, how many
messages. The loop, the session and the core are the device's own; the line answers at once, the broker takes all.
Prints one `name number` a line.
"""

import gc
import sys

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])

from device_fakes import FakeNet, umqtts

from jkcore import config as checker
from jkcore.bridge import Bridge
from jkdevice import mqtt
from jkdevice.loop import Loop

UNIT = 308
KINDS = {0x1E: 0, 0x1C: 1}  # low byte of the register asked for -> number of the answer; else a live one
TURN_MS = 5


class Port:
    """A line behind which the pack at address 1 answers every request at once, 32 bytes a read."""

    def __init__(self, bus, answers):
        self.bus = bus
        self.buf = bytearray(32)
        self._answers = answers
        self._live = 2
        self._answer = b""
        self._at = UNIT

    def poll(self, now):
        pass

    def read(self):
        count = min(32, UNIT - self._at)
        for i in range(count):
            self.buf[i] = self._answer[self._at + i]
        self._at += count
        return count

    def write(self, data, length, now):
        number = KINDS.get(data[3], self._live)
        if number == self._live:
            self._live = number + 1 if number + 1 < len(self._answers) else 2
        self._answer = self._answers[number]
        self._at = 0

    def close(self):
        pass


class Broker:
    """A socket that counts what is written to it and says yes to everything."""

    def __init__(self):
        self.writes = 0
        self._inbox = bytearray(64)
        self._waiting = 0

    def setblocking(self, flag):
        pass

    settimeout = setblocking

    def write(self, buf, start, length):
        kind = buf[start] >> 4
        self.writes += kind != 12  # a ping is no part of a message
        if kind == 1:
            self._say(b"\x20\x02\x00\x00")
        elif kind == 8:
            at = start
            while at < start + length:  # one write may hold several packets
                self._say(bytes((0x90, 3, buf[at + 2], buf[at + 3], 0)))
                at += 2 + buf[at + 1]
        elif kind == 12:
            self._say(b"\xd0\x00")
        return length

    def _say(self, answer):
        self._inbox[self._waiting : self._waiting + len(answer)] = answer
        self._waiting += len(answer)

    def readinto(self, buf):
        count = self._waiting
        if not count:
            return None
        for i in range(count):
            buf[i] = self._inbox[i]
        self._waiting = 0
        return count

    def close(self):
        pass


class Net(FakeNet):
    def start(self, row):
        self.broker = Broker()
        return self.broker


class Session(mqtt.Session):
    """Counts what the core has it publish."""

    messages = 0

    def publish(self, message):
        self.messages += 1
        mqtt.Session.publish(self, message)


class World:
    """The device's program with one pack, on a clock of its own."""

    def __init__(self, answers):
        raw = {"interval": 0, "bus": {"port": "tcp://127.0.0.1:1", "packs": [1], "role": "poll"},
               "mqtt": {"host": "127.0.0.1"}}  # fmt: skip
        config = checker.load(raw, "device")
        self.now = 0
        self.bridge = Bridge(config, self.log, b"00000000", "bench", "bench", 1000)
        self.port = Port(self.bridge.buses[0], answers)
        self.net = Net()
        module = umqtts()[0]
        self.session = Session(config["mqtt"], self.bridge, self.log, self.ticks, self.net, module, "bench")
        self.loop = Loop(self.bridge, [self.port], self.session, self.ticks, self.rest)
        self.bridge.buses[0].opened(0)

    def log(self, level, text):
        if level >= 30:
            print("#", text)

    def ticks(self):
        return self.now

    def rest(self, ms):
        pass

    def turns(self, count):
        while count:
            count -= 1
            self.now += TURN_MS
            self.loop.turn(self.now)


def main():
    with open(sys.argv[3], "rb") as file:
        data = file.read()
    world = World([memoryview(data)[i : i + UNIT] for i in range(0, len(data), UNIT)])
    world.turns(20000)  # 100 s: everything is known, announced and said twice
    session = world.session
    if not (session.up() and world.bridge.packs[0].online):
        raise RuntimeError("the program did not come up: the figures would be worth nothing")
    broker = world.net.broker
    gc.collect()
    gc.disable()
    wanted = session.messages + int(sys.argv[4])
    messages = session.messages
    writes = broker.writes
    heap = gc.mem_alloc()
    while session.messages < wanted:
        world.turns(10)
    messages = session.messages - messages
    print("version", *sys.implementation.version[:3])
    print("word", 64 if sys.maxsize > 0x7FFFFFFF else 32)
    print("messages", messages)
    print("writes", broker.writes - writes)
    print("heap", gc.mem_alloc() - heap)


main()
