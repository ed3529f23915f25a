"""Serial lines of the device: TCP and UART with a direction pin, on fakes; on CPython and on MicroPython."""

import errno

from device_fakes import FakeLookup, FakeNet, Log, refused

from jkdevice.ports import tcp_port, uart_port


class Bus:
    def __init__(self):
        self.calls = []
        self.wish = ""

    def wants_reopen(self, now):
        return self.wish

    def opened(self, now):
        self.calls.append(("opened", now))

    def closed(self, now, reason):
        self.calls.append(("closed", reason))

    def kinds(self):
        return [call[0] for call in self.calls]


def tcp(net=None):
    bus = Bus()
    net = net or FakeNet()
    return tcp_port.TcpPort(bus, "tcp://gateway:8899", Log(), net), bus, net


def after(now, ms):
    return (now + ms) & 0x3FFFFFFF


def test_addresses_of_lines_on_tcp():
    assert tcp_port.parse("tcp://192.168.1.20:8899") == ["192.168.1.20", 8899]
    assert tcp_port.parse("tcp://[::1]:7000") == ["::1", 7000]
    wrong = ("", "/dev/ttyUSB0", "tcp://", "tcp://host", "tcp://host:", "tcp://host:0", "tcp://host:65536")
    for text in wrong + ("tcp://:7000", "tcp://a:b", "rtu://host:7000"):
        try:
            tcp_port.parse(text)
        except ValueError as error:
            assert "bus.port" in str(error)
            assert "tcp://192.168.1.20:8899" in str(error)
        else:
            raise AssertionError(text)


def test_tcp_line_opens_reads_and_writes():
    port, bus, net = tcp()
    net.made_answer = None
    port.poll(10)
    port.poll(20)
    assert bus.calls == []
    assert port.read() == 0
    port.write(b"lost", 4, 20)
    net.made_answer = True
    port.poll(30)
    assert bus.calls == [("opened", 30)]
    assert port.read() == 0
    net.sock.inbox += bytes([i & 255 for i in range(700)])
    assert port.read() == 512
    assert bytes(port.buf[:4]) == b"\0\1\2\3"
    assert port.read() == 188
    assert port.read() == 0
    port.write(bytearray(b"request and more"), 7, 40)
    assert net.sock.take() == b"request"
    assert net.sock.timeout == 0


def test_tcp_line_lost_is_said_once_and_opened_again():
    def eof(sock):
        sock.eof = True

    def cut(sock):
        sock.error = OSError(errno.ECONNRESET)

    def stuck(sock):
        sock.room = 5

    faults = ((eof, False, "closed the connection"), (cut, False, "cut"), (cut, True, "cut"), (stuck, True, "stuck"))
    for fault, by_write, word in faults:
        port, bus, net = tcp()
        now = 0x3FFFFF00
        port.poll(now)
        fault(net.sock)
        if by_write:
            port.write(b"12345678901", 11, now)
        else:
            assert port.read() == 0
        assert bus.kinds() == ["opened", "closed"]
        assert bus.calls[1][1].startswith("The serial line tcp://gateway:8899 is ")
        assert word in bus.calls[1][1]
        assert net.sock.closed
        port.poll(after(now, 900))
        assert len(net.sockets) == 1
        port.poll(after(now, 1600))
        assert bus.kinds() == ["opened", "closed", "opened"]
        assert net.open_count() == 1


def test_tcp_line_that_cannot_be_opened_is_tried_for_ever_and_said_once():
    port, bus, net = tcp()
    net.start_error = refused()
    for now in range(0, 100000, 100):
        port.poll(now)
    assert bus.kinds() == ["closed"]
    assert "nothing listens there" in bus.calls[0][1]
    assert 6 <= net.resolved <= 13  # 1, 2, 4, 8, 10, 10 .. s, each with up to half on top
    net.start_error = None
    for now in range(100000, 116000, 100):
        port.poll(now)
    assert bus.kinds() == ["closed", "opened"]


def test_a_name_of_a_tcp_line_is_looked_up_without_waiting():
    port, bus, net = tcp()
    where = []
    real = net.resolve
    net.resolve = lambda host, number: where.append((host, number)) or real(host, number)
    port.lookup = lookup = FakeLookup()
    for now in range(0, 3000, 100):
        port.poll(now)
    assert lookup.asked == ["gateway"]
    assert where == []
    lookup.answer = "192.168.1.20"
    port.poll(3000)
    assert where == [("192.168.1.20", 8899)]
    assert bus.kinds() == ["opened"]
    assert lookup.closed == 1


def test_a_name_of_a_tcp_line_that_is_not_found_is_said_and_asked_again():
    port, bus, _ = tcp()
    port.lookup = lookup = FakeLookup()
    lookup.answer = OSError("the DNS server does not know this name")
    for now in range(0, 30000, 100):
        port.poll(now)
    assert bus.kinds() == ["closed"]
    assert "does not know this name" in bus.calls[0][1]
    assert lookup.closed == len(lookup.asked) > 2
    lookup.answer = "192.168.1.20"
    for now in range(30000, 46000, 100):
        port.poll(now)
    assert bus.kinds() == ["closed", "opened"]


def test_tcp_line_that_is_silent_is_opened_again_without_a_word_of_its_own():
    port, bus, net = tcp()
    port.poll(0)
    for start in range(30000, 300000, 60000):
        bus.wish = "nothing comes"
        port.poll(start)
        bus.wish = ""
        assert bus.calls[-1] == ("closed", "nothing comes")
        assert net.open_count() == 0
        for now in range(start, start + 2000, 100):
            port.poll(now)
        assert bus.kinds()[-1] == "opened"
        assert net.open_count() == 1
    assert bus.kinds() == ["opened"] + ["closed", "opened"] * 5
    assert net.resolved == 6  # it may have moved
    info = [text for level, text in port._log.lines if level >= 20]
    assert len(info) == 1  # the first time it was opened; the bus says what is to be said


def test_tcp_line_that_fails_while_opening():
    port, bus, net = tcp()
    net.made_answer = None
    port.poll(0)
    for now in range(0, 4900, 100):
        port.poll(now)
    assert not net.sock.closed
    port.poll(5000)
    assert net.sock.closed
    assert "does not answer" in bus.calls[0][1]
    port, bus, net = tcp()
    net.made_answer = refused()
    port.poll(0)
    assert net.open_count() == 0
    assert "nothing listens there" in bus.calls[0][1]
    port, bus, net = tcp()
    net.resolve_error = OSError("[addrinfo error -2]")
    port.poll(0)
    assert "cannot be opened: no such name." in bus.calls[0][1]


class Uart:
    """machine.UART and the moment of every step."""

    def __init__(self, events):
        self.events = events
        self.inbox = b""
        self.error = None

    def readinto(self, buf):
        n = min(len(buf), len(self.inbox))
        if not n:
            return None
        buf[:n] = self.inbox[:n]
        self.inbox = self.inbox[n:]
        return n

    def write(self, buf, n):
        self.events.append(bytes(buf[:n]))
        return n

    def flush(self):
        self.events.append("flush")
        if self.error:
            raise self.error

    def deinit(self):
        self.events.append("deinit")


def uart(direction, active=1):
    events = []
    fake = Uart(events)
    bus = Bus()
    log = Log()
    pin = events.append if direction else None
    return uart_port.UartPort(bus, "a", fake, pin, active, log), fake, events, bus, log


def test_the_direction_pin_falls_after_the_last_bit():
    for active in (0, 1):
        port, _, events, bus, _ = uart(True, active)
        port.poll(5)
        port.poll(6)
        assert bus.calls == [("opened", 5)]
        port.write(bytearray(b"request, then rubbish"), 7, 6)
        assert events == [active, b"request", "flush", 1 - active]


def test_the_direction_pin_falls_even_if_sending_fails():
    port, fake, events, bus, log = uart(True)
    port.poll(0)
    fake.error = OSError(errno.ETIMEDOUT)
    port.write(b"request", 7, 0)
    assert events[-1] == 0
    assert "could not send" in log.text()
    assert bus.kinds() == ["opened"]


def test_without_a_direction_pin_nothing_waits():
    port, fake, events, _, _ = uart(False)
    port.write(b"request", 7, 0)
    assert events == [b"request"]
    assert port.read() == 0
    fake.inbox = b"echo and answer"
    assert port.read() == 15
    assert bytes(port.buf[:15]) == b"echo and answer"
    port.close()
    assert events[-1] == "deinit"


class Pin:
    OUT = 3

    def __init__(self, number, *mode, **more):
        self.number = number
        self.mode = mode
        self.more = more


class Machine:
    Pin = Pin

    @staticmethod
    def UART(number, **how):
        return (number, how)


def test_uart_and_pin_are_opened_as_the_board_says():
    number, how = uart_port.open_uart(Machine, (1, 17, 16, 4, 1), 115200)
    assert number == 1
    assert (how["tx"].number, how["rx"].number, how["baudrate"]) == (17, 16, 115200)
    assert (how["rxbuf"], how["timeout"], how["timeout_char"]) == (1024, 0, 1)
    for active in (0, 1):
        pin = uart_port.open_direction(Machine, (1, 17, 16, 4, active))
        assert (pin.number, pin.mode, pin.more) == (4, (Pin.OUT,), {"value": 1 - active})
    assert uart_port.open_direction(Machine, (1, 17, 16, None, 0)) is None


def _locked(port, fake, data):
    for _ in range(20):
        fake.left = len(data)
        while port.read():
            pass
        port.write(data, 11, 0)


def test_reading_and_writing_touch_no_heap():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int

    class Still:
        def __init__(self):
            self.left = 0

        def readinto(self, buf):
            n = min(self.left, len(buf))
            self.left -= n
            return n or None

        def write(self, buf, n):
            return n

        def flush(self):
            pass

    fake = Still()
    port = uart_port.UartPort(Bus(), "a", fake, int, 1, Log())
    line, _, net = tcp()
    line.poll(0)
    line._sock = fake
    data = bytearray(308)
    heap_lock()
    try:
        _locked(port, fake, data)
        _locked(line, fake, data)
    finally:
        heap_unlock()
    assert fake.left == 0
    assert net.open_count() == 1
