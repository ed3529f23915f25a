"""A device whose day passes in a minute: main.py on the unix port with a clock, packs and a broker of this file.

Nothing sleeps: whenever the program rests, the time jumps to the next moment at which something is due, as
bridge.sleep_ms says, or something arrives, and up to 3 ms further. The clock wraps 2**30 ms in the third hour;
time.time() is set by NTP in the fifth and back in the ninth. The broker cuts the connection every fourth hour and
sends Home Assistant's birth message every second hour with QoS 1, with packet ids from 65530 on. Prints one line of
JSON at the end.

Arguments: hours, packs, interval in s.
"""

import gc
import json
import random
import sys

import core_bytes as cb

HOURS = int(sys.argv[1])
PACKS = int(sys.argv[2])
INTERVAL = int(sys.argv[3]) * 1000
HOUR = 3600000
START = (1 << 30) - 5 * HOUR // 2
ANSWER_MS = 35  # a request and its answer of 308 bytes at 115200 baud
_KINDS = {0x1E: cb.SETTINGS, 0x20: cb.LIVE, 0x1C: cb.ABOUT}


class World:
    def __init__(self):
        self.ms = 0  # since the start
        self.loop = None
        self.hour = 0
        self.heap = [0] * (HOURS + 1)  # bytes in use after a collection, at the end of each hour
        self.turns = 0
        self.fed = 0  # the watchdog
        self.hungry = 0  # longest time it was not
        self.resets = 0


world = World()


# time


class Time:
    @staticmethod
    def ticks_ms():
        return (START + world.ms) & 0x3FFFFFFF

    @staticmethod
    def time():
        jumped = 800000000 if 5 * HOUR < world.ms < 9 * HOUR else 0
        return 946684800 + jumped + world.ms // 1000

    @staticmethod
    def sleep_ms(ms):
        """The loop rests: go where something happens next."""
        world.turns += 1
        now = Time.ticks_ms()
        step = world.loop.bridge.sleep_ms(now)
        for due in (uart.due, broker.due):
            if due is not None and due - world.ms < step:
                step = due - world.ms
        world.ms += max(1, step) + random.getrandbits(2)  # a rest is never exact
        if world.ms >= (world.hour + 1) * HOUR:
            begin_hour()

    @staticmethod
    def sleep(seconds):
        raise AssertionError("it waits")


def begin_hour():
    """Quarter past is quiet: nothing is announced and no connection is made then."""
    world.hour += 1
    gc.collect()
    world.heap[world.hour] = gc.mem_alloc()
    if world.hour == HOURS:
        raise KeyboardInterrupt
    broker.begin_hour(world.hour)


# machine


class Machine:
    WDT_RESET = 3

    class Pin:
        OUT = 1

        def __init__(self, *_, **__):
            pass

        def __call__(self, _):
            pass

    class WDT:
        def __init__(self, timeout):
            pass

        def feed(self):
            world.hungry = max(world.hungry, world.ms - world.fed)
            world.fed = world.ms

    @staticmethod
    def UART(*_, **__):
        return uart

    @staticmethod
    def unique_id():
        return b"\x01\x02\x03\x04\x05\x06"

    @staticmethod
    def reset_cause():
        return 1

    @staticmethod
    def reset():
        world.resets += 1
        sys.exit(77)


class Uart:
    """Packs that answer ANSWER_MS after a request; keeps how regularly each is asked for its live values."""

    def __init__(self):
        self.due = None
        self.answer = None
        self.at = 0
        self.first = [None] * (PACKS + 1)
        self.count = [0] * (PACKS + 1)
        self.early = [0] * (PACKS + 1)  # ms before its place in the schedule, at most
        self.late = [0] * (PACKS + 1)
        self.units = {}
        for address in range(1, PACKS + 1):
            self.units[address] = {
                cb.LIVE: cb.unit(cb.live(soc=50 + address), address),
                cb.SETTINGS: cb.unit(cb.settings(address), address),
                cb.ABOUT: cb.unit(cb.about(), address),
            }

    def write(self, data, length=None):
        address = data[0]
        kind = _KINDS[data[3]]
        if kind == cb.LIVE:
            self.note(address)
        self.answer = self.units[address][kind]
        self.at = 0
        self.due = world.ms + ANSWER_MS

    def note(self, address):
        if world.ms < 60000:
            return  # everything is asked for at the start
        if self.first[address] is None:
            self.first[address] = world.ms
        else:
            self.count[address] += 1
            off = world.ms - self.first[address] - self.count[address] * INTERVAL
            self.early[address] = min(self.early[address], off)
            self.late[address] = max(self.late[address], off)

    def flush(self):
        pass

    deinit = flush

    def readinto(self, buf):
        if self.due is None or world.ms < self.due:
            return None
        count = min(len(buf), 308 - self.at)
        buf[:count] = self.answer[self.at : self.at + count]
        self.at += count
        if self.at == 308:
            self.due = None
        return count


# socket, select


class Broker:
    """Takes one connection at a time. due: when it has something to say."""

    def __init__(self):
        self.due = None
        self.out = []
        self.sock = None
        self.pid = 65530
        self.wanted = [0] * (HOURS + 1)  # packet id sent in each hour
        self.acknowledged = [0] * (HOURS + 1)
        self.connections = 0
        self.live = [0] * (PACKS + 1)
        self.discovery = [0] * (HOURS + 1)  # messages in each hour
        self.online = [0] * (HOURS + 1)  # times bridge/state was published, in each hour
        self.offline = [0] * (HOURS + 1)
        self.health = bytearray(2000)
        self.health_at = self.health_end = 0

    def begin_hour(self, hour):
        if hour % 4 == 0:
            self.sock = None
            self.due = world.ms
        if hour % 2 == 0:
            return
        pid = self.pid
        self.pid = pid + 1 if pid < 65535 else 1
        self.wanted[hour] = pid
        topic = b"homeassistant/status"
        body = bytes((0, len(topic))) + topic + bytes((pid >> 8, pid & 255)) + b"online"
        self.say(bytes((0x32, len(body))) + body)

    def say(self, data):
        self.out.append(data)
        self.due = world.ms

    def take(self, packet):
        kind = packet[0] >> 4
        at = 1
        while packet[at] > 127:
            at += 1
        body = packet[at + 1 :]
        if kind == 1:
            self.connections += 1
            self.say(b"\x20\x02\x00\x00")
        elif kind == 8:
            self.say(bytes((0x90, 3, body[0], body[1], 0)))
        elif kind == 12:
            self.say(b"\xd0\x00")
        elif kind == 4:
            self.acknowledged[world.hour] = body[0] << 8 | body[1]
        elif kind == 3:
            self.published(body)

    def published(self, body):
        length = body[0] << 8 | body[1]
        topic = bytes(body[2 : 2 + length])
        if topic.endswith(b"/live"):
            if topic.startswith(b"jkbms/"):
                self.live[int(topic.split(b"/")[1])] += 1
        elif topic.startswith(b"homeassistant/"):
            self.discovery[world.hour] += 1
        elif topic == b"jkbms/bridge/state":
            states = self.online if bytes(body[2 + length :]) == b"online" else self.offline
            states[world.hour] += 1
        elif topic == b"jkbms/bridge/health":
            self.health[: len(body)] = body
            self.health_at = 2 + length
            self.health_end = len(body)


class Socket:
    """The module socket, and one of its sockets."""

    AF_INET = 2
    SOCK_STREAM = 1

    def __init__(self, *_):
        self.timeout = 0

    def setsockopt(self, *_):
        pass

    def settimeout(self, seconds):
        self.timeout = seconds

    def setblocking(self, flag):
        self.timeout = None if flag else 0

    def connect(self, _):
        broker.sock = self
        broker.out.clear()

    def close(self):
        if broker.sock is self:
            broker.sock = None

    def write(self, buf, start=0, length=None):
        assert self.timeout == 0, "would block"
        if broker.sock is not self:
            raise OSError(104)
        broker.take(memoryview(buf)[start : start + length])
        return length

    def readinto(self, buf):
        assert self.timeout == 0, "would block"
        if broker.sock is not self:
            broker.due = None
            return 0
        if not broker.out:
            broker.due = None
            return None
        data = broker.out.pop(0)
        buf[: len(data)] = data
        return len(data)


class Network:
    AF_INET = 2
    SOCK_STREAM = 1
    socket = Socket

    @staticmethod
    def getaddrinfo(host, port):
        return [(2, 1, 0, "", (host, port))]


class Select:
    """The module select, and what its poll() gives: a connection that start() has begun is made."""

    POLLOUT = 4
    POLLERR = 8
    POLLHUP = 16

    def poll(self, timeout=None):
        return self if timeout is None else ((None, self.POLLOUT),)

    def register(self, sock, events):
        assert events & self.POLLOUT


class Board:
    NAME = "day"
    SERIAL = (("rs485", 1, 17, 18, 21, 1),)
    CAN = POWER = LAN = ()
    NETWORK = None
    WATCHDOG_MS = 8000


uart = Uart()
broker = Broker()
for name in ("socket", "usocket"):
    sys.modules[name] = Network
sys.modules["select"] = Select()
for name, stand_in in (("time", Time), ("machine", Machine), ("board", Board)):
    sys.modules[name] = stand_in
random.seed(1)
with open("config.json", "w") as file:
    bus = {"packs": list(range(1, PACKS + 1))}
    json.dump({"bus": bus, "mqtt": {"host": "10.0.0.1"}, "interval": INTERVAL // 1000, "log": "warning"}, file)

import main  # noqa: E402

begin = main.begin


def begin_and_keep():
    world.loop = begin()
    return world.loop


main.begin = begin_and_keep
status = main.main()
health = json.loads(bytes(broker.health[broker.health_at : broker.health_end]).decode())
results = {
    "status": status, "resets": world.resets, "heap": world.heap, "turns": world.turns, "hungry": world.hungry,
    "count": uart.count[1:], "early": uart.early[1:], "late": uart.late[1:], "live": broker.live[1:],
    "wanted": broker.wanted, "acknowledged": broker.acknowledged, "connections": broker.connections,
    "discovery": broker.discovery, "online": broker.online, "offline": broker.offline, "health": health,
}  # fmt: skip
print(json.dumps(results))
