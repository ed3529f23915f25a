"""Recording on the device: lines to console or TCP without a secret and without waiting; on CPython and MicroPython."""

from core_bytes import ABOUT, LIVE, live, request, unit
from device_fakes import FakeNet, refused
from planted import about, leaks, masked

from jkdevice import capture


class Port:
    def __init__(self):
        self.bus = "the bus"
        self.buf = bytearray(512)
        self.inbox = []
        self.steps = []

    def poll(self, now):
        self.steps.append(b"poll")

    def read(self):
        if not self.inbox:
            return 0
        data = self.inbox.pop(0)
        self.buf[: len(data)] = data
        return len(data)

    def write(self, buf, length, now):
        self.steps.append(bytes(buf[:length]))

    def close(self):
        self.steps.append(b"close")


class Sink:
    """Takes `room` characters in all."""

    def __init__(self, room=1000000):
        self.fresh = True
        self.room = room
        self.text = b""
        self.closed = False

    def poll(self, now):
        pass

    def write(self, text, count, now):
        count = min(count, self.room)
        self.room -= count
        self.text += bytes(text[:count])
        return count

    def close(self):
        self.closed = True


def data_of(text, way="<"):
    """(times, bytes) of the lines of one direction."""
    times = []
    data = b""
    for line in text.decode().split("\n"):
        words = line.split("#")[0].split()
        if words and words[1] == way:
            times.append(words[0])
            data += bytes.fromhex("".join(words[2:]))
    return times, data


def test_a_port_is_recorded_on_its_way():
    inner = Port()
    sink = Sink()
    port = capture.CapturedPort(inner, capture.Tape(sink))
    assert port.bus == "the bus"
    assert port.buf is inner.buf
    answer = unit(about(), 1)
    now = 0x3FFFFF00  # the clock wraps meanwhile
    port.poll(now)
    port.write(request(1, ABOUT) + b"rest", 11, now)
    inner.inbox = [answer[:200], answer[200:]]
    for _ in range(3):
        now = (now + 200) & 0x3FFFFFFF
        port.poll(now)
        count = port.read()
        if count:
            assert bytes(port.buf[:count]) == answer[: len(answer)][-count:] or count == 200
    port.poll((now + 5) & 0x3FFFFFFF)
    assert inner.steps.count(b"poll") == 5
    assert request(1, ABOUT) in inner.steps
    assert sink.text.startswith(b"# jkbridge ")
    assert data_of(sink.text, ">") == (["0.000"], request(1, ABOUT))
    times, data = data_of(sink.text)
    assert data == masked(answer)
    assert not leaks(data)
    assert times[0] == "0.200" and times[-1] == "0.400"
    for line in sink.text.split(b"\n"):
        assert len(line) < 64, line
    port.close()
    assert inner.steps[-1] == b"close"
    assert sink.closed


def test_noise_leaves_after_a_second_of_silence():
    sink = Sink()
    tape = capture.Tape(sink)
    tape.take(0, b"\x99\x98", 2, 100)
    tape.tick(1099)
    assert data_of(sink.text) == ([], b"")
    tape.tick(1100)
    assert data_of(sink.text)[1] == b"\x99\x98"


def test_times_of_a_long_recording():
    sink = Sink()
    tape = capture.Tape(sink)
    now = 5
    for _ in range(30):  # 30 days
        tape.take(0, unit(live(), 1), 308, now)
        tape.tick(now)
        now = (now + 86400000) & 0x3FFFFFFF
    assert data_of(sink.text)[0][-1] == "2505600.000"


def test_what_nobody_takes_is_dropped_by_the_line_and_counted():
    sink = Sink(room=100)
    tape = capture.Tape(sink)
    tape.tick(0)
    answer = unit(live(), 1)
    for i in range(20):
        tape.take(0, answer, 308, 100 * i)
        tape.tick(100 * i)
    assert len(sink.text) == 100
    lost = tape.lost
    assert lost > 200
    sink.room = 1000000
    tape.tick(2000)
    tape.take(0, answer, 308, 2100)
    tape.tick(2100)
    assert b"\n# %d lines lost here\n2.100 < " % lost in sink.text
    assert data_of(sink.text)[1].endswith(answer)
    times = data_of(sink.text)[0]
    assert len(times) + lost == 21 * 20  # 128 + 128 + 52 bytes, 16 in a line


def test_the_console_gets_whole_lines_at_its_own_speed():
    written = []
    busy = []
    console = capture.Console(written.append, lambda: not busy)
    tape = capture.Tape(console)
    tape.tick(0)
    tape.take(0, unit(live(), 1), 308, 0)
    for now in range(2, 60, 2):
        tape.tick(now)
    assert len(written) == 5  # every 12 ms
    assert all([text.endswith("\n") and len(text) <= 128 for text in written])
    busy.append(1)
    for now in range(60, 200):
        tape.tick(now)
    assert len(written) == 5
    busy.clear()
    for now in range(200, 400):
        tape.tick(now)
    assert data_of("".join(written).encode())[1] == unit(live(), 1)


def test_log_lines_are_comments_on_a_recorded_console():
    out = []
    capture.comments(out.append)("pack 1 online")
    assert out == ["# pack 1 online"]


def test_the_listener_may_come_late_and_go():
    net = FakeNet()
    net.start_error = refused()
    tape = capture.Tape(capture.Tcp("192.168.1.10", 7000, net))
    answer = unit(live(), 1)
    tape.take(0, answer, 308, 0)
    tape.tick(0)
    assert net.resolved == 1
    tape.tick(500)
    assert net.resolved == 1  # not again at once
    net.start_error = None
    net.made_answer = None
    tape.tick(1600)
    tape.tick(1700)
    net.made_answer = True
    tape.tick(1800)
    head = net.sock.take()
    assert head.startswith(b"# jkbridge")
    net.sock.room = 50
    tape.take(0, answer, 308, 2000)
    tape.tick(2000)
    assert len(net.sock.take()) == 50
    net.sock.error = OSError(104)
    tape.tick(2100)
    assert net.open_count() == 0
    tape.tick(4000)
    tape.tick(4001)
    assert len(net.sockets) == 2
    text = net.sock.take()
    assert text.startswith(b"# jkbridge")  # not the rest of a line whose start is gone
    tape.take(0, answer, 308, 5000)
    tape.tick(5000)
    assert data_of(net.sock.take())[1] == answer
    tape.close()
    assert net.open_count() == 0


def test_a_socket_that_is_full_is_not_lost():
    net = FakeNet()
    tape = capture.Tape(capture.Tcp("h", 1, net))
    tape.tick(0)
    tape.tick(1)
    net.sock.room = 0
    tape.take(0, unit(live(), 1), 308, 10)
    tape.tick(10)
    import errno

    net.sock.error = OSError(errno.EAGAIN)
    tape.tick(20)
    assert net.open_count() == 1
    net.sock.error = None
    net.sock.room = None
    tape.tick(30)
    assert data_of(net.sock.take())[1] == unit(live(), 1)


def test_addresses():
    port = capture.start("tcp://192.168.1.10:7000", Port())
    assert isinstance(port, capture.CapturedPort)
    assert isinstance(capture.start("console", Port()), capture.CapturedPort)
    for wrong in ("bus.txt", "tcp://x", "udp://a:1"):
        try:
            capture.start(wrong, Port())
        except ValueError as error:
            assert 'capture = "' + wrong + '"' in str(error)
            assert "tcp://192.168.1.10:7000" in str(error)
        else:
            raise AssertionError(wrong)
    try:
        capture.start("tcp://recorder:7000", Port(), True)
        raise AssertionError("taken")
    except ValueError as error:
        assert "Use the numeric address" in str(error)
    assert isinstance(capture.start("tcp://192.168.1.10:7000", Port(), True), capture.CapturedPort)
    assert isinstance(capture.start("tcp://recorder:7000", Port()), capture.CapturedPort)


def test_requests_of_a_healthy_line_cost_no_held_memory():
    """A day of polling: nothing piles up."""
    sink = Sink()
    tape = capture.Tape(sink)
    tape.tick(0)
    for i in range(500):
        sink.text = b""
        tape.take(1, request(1, LIVE), 11, 200 * i)
        tape.take(0, unit(live(), 1), 308, 200 * i + 40)
        tape.tick(200 * i + 40)
        assert len(data_of(sink.text)[1]) == 308
    assert tape.lost == 0
