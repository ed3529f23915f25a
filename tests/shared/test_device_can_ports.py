"""machine.CAN, the module CAN, and the rows of a board file that name them; on CPython and on MicroPython.

The stand-ins have the habits of extmod/machine_can.c (MicroPython 1.29-preview) and of src_can_v2/mod_can.c
(straga/micropython-esp32-twai): what recv() gives and raises, what must be called before, what has no default.
"""

import sys

from mcp2515_model import Chip, IntPin, SelectPin, Spi

from jkdevice import hardware
from jkdevice.can import acceptance, receiver, rows
from jkdevice.can.machine_can import MachineCan
from jkdevice.can.user_can import UserCan


class Resized:
    """A memoryview whose length recv() sets in place, which CPython cannot do: the list gets another one."""

    def __init__(self):
        self.whole = None

    def fill(self, got, index, data):
        if self.whole is None:
            self.whole = got[index]
        for i in range(len(data)):
            self.whole[i] = data[i]
        got[index] = self.whole[: len(data)]


def machine_can(filters_max=28, silent=True):
    """A class machine.CAN of its own, so that tests do not share its state."""

    class CAN:
        MODE_NORMAL, MODE_SLEEP, MODE_LOOPBACK, MODE_SILENT = 0, 1, 2, 3
        STATE_STOPPED, STATE_ACTIVE, STATE_WARNING, STATE_PASSIVE, STATE_BUS_OFF = 0, 1, 2, 3, 4
        FLAG_RTR, FLAG_EXT_ID = 1, 2
        RECV_ERR_FULL, RECV_ERR_OVERRUN = 1, 2
        made = []

        def __init__(self, number, bitrate, mode=0):
            if number != 1:
                raise ValueError("CAN(%d) doesn't exist" % number)
            if mode == CAN.MODE_SILENT and not silent:
                raise ValueError("mode")
            CAN.made.append(self)
            self.bitrate = bitrate
            self.mode = mode
            self.filters = ()
            self.current = CAN.STATE_ACTIVE
            self.counters = [0, 0, 0, 0, 0, 0, 0, None]
            self.inbox = []
            self.view = Resized()
            self.gone = False

        def set_filters(self, filters):
            self.filters = ()
            if filters is None:
                self.filters = None
                return
            for ident, mask, flags in filters:
                top = 1 << 29 if flags & CAN.FLAG_EXT_ID else 1 << 11
                if ident >= top or mask >= top:
                    raise ValueError("invalid id")
                if len(self.filters) == filters_max:
                    raise ValueError
                self.filters += ((ident, mask, flags),)

        def hear(self, ident, flags, data, errors=0):
            extended = flags & CAN.FLAG_EXT_ID
            rows = self.filters
            if rows is None or [r for r in rows if (ident ^ r[0]) & r[1] == 0 and r[2] == extended]:
                self.inbox.append((ident, flags, data, errors))

        def recv(self, got):
            if self.gone:
                raise OSError(22)
            assert len(got) == 4
            if not self.inbox:
                return None
            ident, flags, data, errors = self.inbox.pop(0)
            self.view.fill(got, 1, data)
            got[0], got[2], got[3] = ident, flags, errors
            return got

        def state(self):
            return CAN.STATE_STOPPED if self.gone else self.current

        def get_counters(self, into):
            if self.gone:
                raise OSError(22)
            into[:] = self.counters
            return into

        def deinit(self):
            self.gone = True

    return CAN


def open_machine_can(kind, listen=False, everything=False):
    can = MachineCan("CAN m", listen, kind, 1, 500000, everything)
    can.poll(0)
    return can


def test_machine_can_receives():
    kind = machine_can()
    can = open_machine_can(kind)
    assert can.state == receiver.ACTIVE
    port = kind.made[-1]
    assert (port.bitrate, port.mode) == (500000, kind.MODE_NORMAL)
    assert len(port.filters) == len(acceptance.EXACT)
    port.hear(0x2F4, 0, b"12345678")
    port.hear(0x18F128F4, 2, b"abc")
    port.hear(0x2F5, 1, bytes(8), errors=2)
    port.hear(0x305, 0, b"12345678")
    found = []
    while can.receive():
        found.append((can.ident, can.extended, can.remote, bytes(can.data[: can.length])))
    assert found == [
        (0x2F4, False, False, b"12345678"),
        (0x18F128F4, True, False, b"abc"),
        (0x2F5, False, True, bytes(8)),
    ]
    assert (can.frames, can.overflows) == (3, 1)


def test_machine_can_with_few_filters_takes_everything():
    kind = machine_can(filters_max=4)
    can = open_machine_can(kind)
    assert can.state == receiver.ACTIVE
    assert kind.made[-1].filters is None
    kind = machine_can()
    open_machine_can(kind, everything=True)
    assert kind.made[-1].filters is None


def test_machine_can_listens_only():
    kind = machine_can()
    open_machine_can(kind, listen=True)
    assert kind.made[-1].mode == kind.MODE_SILENT
    can = open_machine_can(machine_can(silent=False), listen=True)
    assert can.state == receiver.CLOSED
    assert can.why == "CAN m cannot be used: mode."


def test_machine_can_states_and_recovery():
    kind = machine_can()
    can = open_machine_can(kind)
    port = kind.made[-1]
    for state, word in ((2, receiver.WARNING), (3, receiver.PASSIVE), (1, receiver.ACTIVE)):
        port.current = state
        port.counters[2] += 1
        can.poll(can._looked + 1000)
        assert can.state == word
    assert can.errors == 3
    port.current = kind.STATE_BUS_OFF
    now = can._looked + 1000
    can.poll(now)
    assert can.state == receiver.BUS_OFF
    while can.state != receiver.ACTIVE:
        now += 100
        can.poll(now)
        assert now < 20000
    assert len(kind.made) == 2
    assert (can.bus_off, can.restarts) == (1, 1)
    kind.made[-1].gone = True  # somebody else
    assert not can.receive()
    can.poll(now + 10)
    assert can.state == receiver.CLOSED
    assert "stopped" in can.why


def user_module():
    class CAN:
        NORMAL, LISTEN_ONLY = 0, 2
        STOPPED, ERROR_ACTIVE, BUS_OFF, RECOVERING = 0, 1, 2, 3
        made = []

        def __init__(self, bus, mode=0, tx=4, rx=5, bitrate=500000, extframe=False, rx_queue=1):
            CAN.made.append(self)
            self.how = (bus, mode, tx, rx, bitrate, extframe)
            self.room = rx_queue
            self.current = CAN.ERROR_ACTIVE
            self.inbox = []
            self.figures = {"rx_missed_count": 0, "bus_error_count": 0, "tx_error_counter": 0, "rx_error_counter": 0}
            self.view = Resized()
            self.started = True

        def hear(self, ident, extended, remote, data):
            if len(self.inbox) == self.room:
                self.figures["rx_missed_count"] += 1
            else:
                self.inbox.append((ident, extended, remote, data))

        def any(self):
            if not self.started:
                raise OSError(259)
            return bool(self.inbox)

        def recv(self, got, timeout=5000):
            if not self.inbox:
                raise OSError(263)  # ESP_ERR_TIMEOUT
            assert timeout == 0
            ident, extended, remote, data = self.inbox.pop(0)
            self.view.fill(got, 3, data)
            got[0], got[1], got[2] = ident, extended, remote
            return got

        def state(self):
            return self.current

        def info(self):
            return dict(self.figures)

        def deinit(self):
            if not self.started:
                raise RuntimeError("Device is not initialized")
            self.started = False

    return CAN


def test_the_module_can_receives_and_recovers():
    kind = user_module()
    can = UserCan("CAN u", True, kind, 7, 6, 250000)
    can.poll(0)
    assert can.state == receiver.ACTIVE
    port = kind.made[-1]
    assert port.how == (0, kind.LISTEN_ONLY, 7, 6, 250000, True)
    port.hear(0x2F4, False, False, b"12345678")
    port.hear(0x18F128F4, True, False, b"abc")
    assert can.receive()
    assert (can.ident, can.extended, bytes(can.data[: can.length])) == (0x2F4, False, b"12345678")
    assert can.receive()
    assert (can.ident, can.extended, bytes(can.data[: can.length])) == (0x18F128F4, True, b"abc")
    assert not can.receive()
    for _ in range(40):
        port.hear(0x2F4, False, False, b"12345678")
    while can.receive():
        pass
    port.figures["bus_error_count"] = 3
    port.figures["rx_error_counter"] = 128
    can.poll(1000)
    assert (can.frames, can.overflows, can.errors, can.state) == (34, 8, 3, receiver.ACTIVE)
    port.current = kind.BUS_OFF
    can.poll(2000)
    assert can.state == receiver.BUS_OFF
    port.current = kind.STOPPED  # the module's own task has recovered, but nobody starts it
    now = 3000
    while can.state != receiver.ACTIVE:
        can.poll(now)
        now += 100
        assert now < 20000
    assert len(kind.made) == 2
    kind.made[-1].started = False
    assert not can.receive()
    can.poll(now)
    now += 1000
    assert not can.receive()


class Board:
    NAME = "bench"
    CAN = (
        ("inside", "twai", "esp32s3", 7, 6),
        ("chip", "mcp2515", 1, 12, 11, 13, 10, 8, 9, 16000000),
        ("bare", "mcp2515", 1, 12, 11, 13, 10, None, None, 8000000),
        ("odd", "mcp2515", 1, 12, 11, 13, 10, None, None, 12000000),
        ("port", "machine", 1),
        ("module", "module", 27, 26),
        ("wrong", "twai", "esp8266", 7, 6),
        ("strange", "pigeon"),
    )


class Machine:
    """Pin and SPI remember how they were made; the chip at CS answers."""

    def __init__(self):
        self.pins = {}
        self.spis = []
        self.chip = chip = Chip()
        machine = self

        class Pin:
            IN, OUT, PULL_UP, IRQ_FALLING = 1, 3, 2, IntPin.IRQ_FALLING

            def __init__(self, number, mode=None, pull=None, value=None):
                machine.pins[number] = (mode, pull, value)
                self.select = SelectPin(chip)
                self.handler = None

            def __call__(self, level=None):
                return chip.int_level() if level is None else self.select(level)

            def irq(self, handler, trigger=0):
                self.handler = handler

        self.Pin = Pin

    def SPI(self, number, **how):
        self.spis.append((number, how["baudrate"], how["polarity"], how["phase"], sorted(how)))
        return Spi(self.chip)


def refused(name, board=Board, bitrate=500000, machine=None):
    try:
        rows.make(board, name, bitrate, None, machine or Machine())
    except hardware.BoardError as error:
        return str(error)
    raise AssertionError(name)


def test_a_row_makes_a_receiver():
    machine = Machine()
    can = rows.make(Board, "", 500000, None, machine)
    assert can.name == "CAN chip"  # never the experiment by itself
    assert can.listen is False
    assert machine.spis == [(1, 10000000, 0, 0, ["baudrate", "miso", "mosi", "phase", "polarity", "sck"])]
    assert machine.pins[10] == (3, None, 1)
    assert machine.pins[8] == (1, 2, None)
    assert machine.pins[9] == (3, None, 1)
    machine.chip.crystal = 8000000
    can = rows.make(Board, "bare", 250000, True, machine)
    can.poll(0)
    assert can.state == receiver.ACTIVE, can.why
    assert machine.chip.bitrate() == 250000
    assert machine.chip.mode() == 3
    machine.mem32 = {}
    can = rows.make(Board, "inside", 500000, None, machine)
    assert can.listen is True
    machine.CAN = machine_can()
    can = rows.make(Board, "port", 500000, None, machine)
    can.poll(0)
    assert can.state == receiver.ACTIVE


def test_the_rows_leave_the_memory_when_they_have_done_their_work():
    before = sys.modules.get("machine")
    sys.modules["machine"] = Machine()
    try:
        can = hardware.open_can(Board, "chip", 500000, True)
    finally:
        del sys.modules["machine"]
        if before:
            sys.modules["machine"] = before
    assert "jkdevice.can.rows" not in sys.modules
    assert (can.name, can.listen) == ("CAN chip", True)


def test_a_module_of_the_firmware_is_found():
    kind = user_module()
    sys.modules["CAN"] = kind
    try:
        can = rows.make(Board, "module", 250000, None, Machine())
        can.poll(0)
        assert can.state == receiver.ACTIVE
        del kind.LISTEN_ONLY
        assert "too old" in refused("module")
    finally:
        del sys.modules["CAN"]
    assert "needs a firmware with the module CAN" in refused("module")


def test_rows_that_do_not_fit_are_refused_with_a_sentence():
    assert "has no CAN controller" in refused("", type("B", (), {"NAME": "x", "CAN": ()}))
    alone = type("B", (), {"NAME": "x", "CAN": Board.CAN[:1]})
    text = refused("", alone)
    assert "experimental" in text
    assert '"port": "inside"' in text
    assert 'it has "inside", "chip"' in refused("nowhere")
    assert "250000" in refused("chip", bitrate=125000)
    text = refused("odd")
    assert "12000000 Hz" in text
    assert "8, 16, 20 MHz" in text
    assert "machine.CAN" in refused("port")
    assert "esp32, esp32c3, esp32s3" in refused("wrong")
    assert "pigeon" in refused("strange")
