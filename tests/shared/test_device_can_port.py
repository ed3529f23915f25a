"""A CAN bus in the device's program: the loop, the port, the MCP2515 driver and the core on a model of the chip; on
CPython and on MicroPython, 64 and 32 bit.
"""

import json
import sys

from can_battery import Battery
from device_fakes import Log
from mcp2515_model import Chip, IntPin, SelectPin, Spi

from jkcore import config
from jkcore.bridge import Bridge
from jkdevice import hardware, start
from jkdevice.can import mcp2515, rows
from jkdevice.loop import Loop
from jkdevice.ports.can_port import CanPort

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = int

PACKS = 15
RATE = 500000


class Session:
    """Takes every message."""

    def __init__(self):
        self.idle = True
        self.reconnects = 0
        self.last = {}

    def poll(self, now):
        pass

    def ready(self):
        return True

    def publish(self, message):
        topic = bytes(message.buf[7 : message.topic_end]).decode()
        self.last[topic] = bytes(message.buf[message.topic_end : message.end])

    def close(self, polite):
        pass


class World:
    """A device with one MCP2515. It is line `send` of its batteries, see core_can.Battery."""

    def __init__(self, packs=0, pin=True, listen=False, start=0x3FFFFF00):
        self.chip = Chip()
        self.spi = Spi(self.chip)
        self.int = IntPin(self.chip) if pin else None
        self.log = Log()
        raw = {"interval": 1, "bus": {"kind": "can", "bitrate": RATE, "listen_only": listen}}
        raw["mqtt"] = {"host": "x"}
        raw["discovery"] = {"enabled": False}
        self.bridge = Bridge(config.load(raw, "device"), self.log, b"aabbccdd", "test", "bench", 1000)
        self.bus = self.bridge.buses[0]
        how = (mcp2515.TIMING[(16000000, RATE)], False, int)
        self.can = mcp2515.Mcp2515("CAN chip", listen, self.spi, SelectPin(self.chip), self.int, None, *how)
        self.port = CanPort(self.bus, self.can, self.log)
        self.session = Session()
        self.loop = Loop(self.bridge, [self.port], self.session, self.ticks, None)
        self.now = start
        self.batteries = [Battery(self, address, soc=40 + address) for address in range(packs)]
        self.cycle = 0
        self.lock = False  # True: what the device does with a frame runs without heap
        self.made = 0  # live messages while it did
        self.bridge.connected(self.now)
        if self.int is not None:
            self.chip.edge = self.ring

    def ticks(self):
        return self.now

    def send(self, base, data, address):
        ident = base + address
        self.chip.hear(ident, ident > 0x7FF, data, RATE)
        if self.int is None:
            self.port.drain(self.now)

    def ring(self):
        if self.int.handler is None:
            return
        if self.lock:
            heap_lock()
        try:
            self.int.handler(self.int)
        finally:
            if self.lock:
                heap_unlock()

    def run(self, ms):
        """100 ms at a time: all batteries speak, the device turns behind each of them."""
        for _ in range(ms // 100):
            for battery in self.batteries:
                battery(self.cycle)
                battery.runtime = 1000
                self.turn()
            self.cycle += 1
            self.now = (self.now + 100) & 0x3FFFFFFF
            self.turn()

    def turn(self):
        if self.lock:
            self.locked_turn()
        else:
            self.loop.turn(self.now)

    def locked_turn(self):
        """What is done in every turn: frames in, live messages out."""
        bridge = self.bridge
        now = self.now
        self.can._looked = now  # its look at the chip once a second may take heap
        heap_lock()
        try:
            self.loop._serve(self.port, now)
            self.bus.check_stale(now)
            while bridge.publisher.put_pack(bridge.message, 16, now):
                self.made += 1
        finally:
            heap_unlock()

    def said(self, level=None):
        return [line[1] for line in self.log.lines if level in (None, line[0])]

    def live(self, address):
        return json.loads(self.session.last["jkbms/%d/live" % address])

    def online(self):
        return len([pack for pack in self.bridge.packs if pack.online])


def test_15_packs_are_online_with_their_values():
    for pin in (True, False):
        world = World(PACKS, pin)
        world.run(8000)
        assert world.online() == PACKS
        for address in range(PACKS):
            assert world.live(address)["soc"] == 40 + address
        assert world.said()[0] == "The CAN line is CAN chip at 500 kbit/s."
        assert world.chip.sends == 0
        assert (world.can.overflows, world.chip.lost) == (0, 0)


def test_a_frame_takes_no_heap_from_the_spi_to_the_live_message():
    world = World(PACKS)
    world.run(10000)
    frames = world.bus.frames
    world.lock = True
    try:
        world.run(5000)
    except MemoryError:
        raise AssertionError("a frame takes heap")
    assert world.bus.frames - frames > 50 * 2 * PACKS
    assert world.made >= 4 * PACKS
    assert world.online() == PACKS
    message = world.bridge.message
    assert b"cell_voltage_16" in bytes(message.buf[: message.end])


def test_a_bus_that_never_ends_does_not_starve_the_rest():
    world = World()
    world.run(100)
    calls = []

    class Endless:
        ident, extended, remote, length, data = 0x2F4, False, False, 5, bytearray(8)

        def receive(self):
            calls.append(1)
            return True

    world.port._receiver = Endless()
    world.port.drain(world.now)
    assert len(calls) == 64
    assert world.bus.rejects[1] == 64  # short


def test_frames_are_fetched_between_two_messages():
    world = World(PACKS)
    world.run(8000)
    steps = []
    world.port.drain = lambda now: steps.append("drain")
    world.session.publish = lambda message: steps.append("message")
    while not steps or "message" not in steps:
        world.run(100)
    assert "message message" not in " ".join(steps)


def test_short_and_remote_frames_are_counted_as_what_they_are():
    world = World()
    world.run(100)
    world.chip.hear(0x2F4, False, b"12345", RATE)
    world.turn()
    world.chip.hear(0x18F128F4, True, b"", RATE, remote=True, dlc=8)
    world.turn()
    assert list(world.bus.rejects) == [0, 1, 1, 0, 0]


def test_a_chip_that_is_not_there_is_said_once_and_found_when_it_comes():
    world = World(1)
    world.chip.alive = False
    world.run(30000)
    assert len(world.said()) == 1
    assert "no MCP2515 answers. Check its supply" in world.said()[0]
    assert "tried again" in world.said()[0]
    assert world.bus.state() == "closed"
    assert b"no MCP2515" in world.bus.reason.encode()
    world.chip.alive = True
    world.run(40000)
    assert "The CAN line is CAN chip at 500 kbit/s." in world.said()
    assert world.online() == 1
    # It falls off while the bridge runs, and comes back.
    world.chip.alive = False
    world.run(10000)
    assert world.online() == 0
    assert world.session.last["jkbms/0/availability"] == b"offline"
    assert [text for text in world.said() if "was reset or does not answer" in text]
    world.chip.alive = True
    world.run(40000)
    assert world.online() == 1


def test_bus_off_is_said_and_recovers():
    world = World(1)
    world.run(8000)
    world.chip.transmit_errors(256)
    world.run(1500)
    assert "is off the bus" in world.said()[-1]
    assert world.bus.evidence.verdict == world.said()[-1]
    world.run(20000)  # the driver sets it up again
    assert world.bus.evidence.verdict is None
    assert world.online() == 1
    assert world.bus._port[2] == 1
    before = len(world.said())
    world.run(20000)
    assert len(world.said()) == before
    health = []
    world.session.publish = lambda message: health.append(bytes(message.buf[: message.end]))
    world.run(65000)
    assert [text for text in health if b'"bus_off":1' in text]


def test_a_wrong_bit_rate_and_a_silent_bus_are_told_apart():
    world = World(1)
    world.run(5000)
    world.batteries, speakers = [], world.batteries
    world.run(5000)
    assert world.bus.evidence.verdict is None
    world.run(8000)
    assert "no frame of a JK BMS comes at 500 kbit/s" in world.bus.evidence.verdict
    for _ in range(30):
        world.chip.hear(0x2F4, False, bytes(8), 250000)
        world.run(100)
    assert 'Try "bitrate": 250000' in world.bus.evidence.verdict
    world.run(20000)
    assert "only errors" in world.bus.evidence.verdict
    world.batteries = speakers
    world.run(5000)
    assert world.bus.evidence.verdict is None
    assert world.said()[-1].endswith("frames come again.") or "online" in world.said()[-1]


def test_words_leave_the_memory():
    world = World()
    world.run(100)
    assert world.said()
    assert "jkdevice.can.words" not in sys.modules


def test_listening_only_is_said():
    world = World(1, listen=True)
    world.run(8000)
    assert "acknowledges nothing" in world.said()[0]
    assert (world.online(), world.chip.acks) == (1, 0)


def test_a_port_cannot_write():
    assert not hasattr(World().port, "write")


def test_configuration_of_a_device():
    def bus(**keys):
        raw = {"kind": "can"}
        raw.update(keys)
        return config.load({"bus": raw, "mqtt": {"host": "x"}}, "device")["bus"][0]

    assert (bus()["port"], bus()["listen_only"]) == ("", None)
    assert bus(listen_only=True)["listen_only"] is True
    assert bus(listen_only=False, port="chip", bitrate=250000)["bitrate"] == 250000
    for raw, words in (
        ({"interface": "socketcan"}, "host only"),
        ({"bitrate": 125000}, "bus.bitrate"),
        ({"role": "poll"}, "only listens"),
        ({"baud": 9600}, "is for kind"),
    ):
        try:
            bus(**raw)
        except config.ConfigError as error:
            assert words in str(error)
        else:
            raise AssertionError(raw)
    two = {"bus": [{"port": "rs485"}, {"kind": "can", "bitrate": RATE}], "mqtt": {"host": "x"}}
    try:
        config.load(two, "device")
    except config.ConfigError as error:
        assert "board file" in str(error)
    else:
        raise AssertionError(two)


class Board:
    NAME = "bench"
    SERIAL = ()
    CAN = (("chip", "mcp2515", 1, 12, 11, 13, 10, None, None, 16000000),)


def test_a_bit_rate_that_is_missing_is_asked_for():
    try:
        rows.make(Board, "", 0, None, None)
    except hardware.BoardError as error:
        text = start._explain(error)
    assert text.startswith("config.json: bus.bitrate is missing")
    assert '"bitrate": 500000' in text


def test_capture_without_a_line_it_can_record_is_refused():
    try:
        start._capture("console", [World().port])
    except hardware.BoardError as error:
        assert "candump" in str(error)
    else:
        raise AssertionError
