"""Serial ports and gateways: opened, read and reopened for ever, each failure one sentence, the loop never stalled."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_fakes import Lines, until

from jkbridge import port_errors, ports
from jkbridge.ports import PortEvent, SerialPort
from jkcore import log as levels


class Running:
    """A started SerialPort and what it had to say."""

    def __init__(self, name: str) -> None:
        self.log = Lines()
        self.woken = threading.Event()
        self.port = SerialPort(name, 115200, self.log, self.woken.set)
        self.events: list[PortEvent] = []
        self.port.start()

    def kinds(self) -> list[str]:
        while (event := self.port.poll()) is not None:
            self.events.append(event)
        return [event.kind for event in self.events]

    def data(self) -> bytes:
        self.kinds()
        return b"".join(event.data for event in self.events)

    def wait(self, kind: str, count: int = 1) -> None:
        until(lambda: self.kinds().count(kind) >= count)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Running]]:
    """The class to start ports with; short waits between attempts, and everything closed at the end."""
    monkeypatch.setattr(ports, "_BACKOFF_FIRST", 0.02)
    monkeypatch.setattr(ports, "_SELECT", 0.05)
    started: list[Running] = []

    class Tracked(Running):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            started.append(self)

    yield Tracked
    for each in started:
        each.port.close()


class Terminal:
    """A pseudo-terminal reached through a link that stays the same when it is unplugged and plugged in."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.plug()

    def plug(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.link.symlink_to(os.ttyname(self.slave))

    def unplug(self) -> None:
        self.link.unlink()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path / "ttyUSB0")
    yield found
    if found.link.is_symlink():
        found.unplug()


def test_bytes_both_ways_with_their_time(running, terminal: Terminal) -> None:
    line = running(str(terminal.link))
    line.wait("opened")
    os.write(terminal.master, b"hello")
    until(lambda: line.data() == b"hello")
    assert line.woken.is_set()
    assert "at 115200 baud" in line.log.text()
    line.port.write(bytearray(b"request---"), 7)
    assert os.read(terminal.master, 100) == b"request"


def test_a_pulled_cable_is_said_once_and_the_port_comes_back(running, terminal: Terminal) -> None:
    line = running(str(terminal.link))
    line.wait("opened")
    terminal.unplug()
    line.wait("closed")
    time.sleep(0.5)  # several attempts meanwhile
    warnings = line.log.at(levels.WARNING)
    assert any("vanished" in text for text in warnings)
    assert len(warnings) == len(set(warnings)) <= 2
    terminal.plug()
    line.wait("opened", 2)
    os.write(terminal.master, b"again")
    until(lambda: line.data() == b"again")
    assert line.port.reopened == 1


def test_a_missing_device_lists_what_there_is(running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_errors, "serial_ports", lambda: ["/dev/serial/by-id/usb-FTDI (/dev/ttyUSB3, FT232R)"])
    line = running("/dev/ttyUSB77")
    line.wait("closed")
    reason = line.events[0].reason
    assert "/dev/ttyUSB77 does not exist" in reason
    assert "usb-FTDI" in reason
    assert "Trying again" in reason


def test_a_port_in_use_names_who_has_it(running, terminal: Terminal) -> None:
    first = running(str(terminal.link))
    first.wait("opened")
    second = running(str(terminal.link))
    second.wait("closed")
    assert "is in use by" in second.events[0].reason
    assert first.kinds() == ["opened"]


def test_holders_finds_a_process_by_device(terminal: Terminal) -> None:
    import subprocess

    with subprocess.Popen(["sleep", "30"], stdin=terminal.slave) as other:
        until(lambda: "sleep" in port_errors.holders(str(terminal.link)))
        assert f"pid {other.pid}" in port_errors.holders(str(terminal.link))
        other.kill()


def test_no_permission_names_the_group_and_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import grp

    file = tmp_path / "ttyUSB0"
    file.touch()
    monkeypatch.setattr(grp, "getgrgid", lambda number: grp.struct_group(("dialout", "x", 20, [])))
    error = OSError(errno.EACCES, "could not open port")
    text = port_errors.sentence(str(file), error)
    assert "No permission" in text
    assert "usermod -aG dialout" in text
    assert str(file) in text


def test_a_file_that_is_no_serial_port(running, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x")
    line = running(str(file))
    line.wait("closed")
    assert "no serial port" in line.events[0].reason


class Gateway:
    """A TCP server as a transparent gateway is one: it serves one client."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.client: socket.socket | None = None

    def accept(self) -> socket.socket:
        self.listener.settimeout(10)
        self.client, _ = self.listener.accept()
        return self.client

    def close(self) -> None:
        self.listener.close()
        if self.client is not None:
            self.client.close()


@pytest.mark.parametrize("scheme", ["tcp", "socket"])
def test_a_gateway_in_pieces_and_whole_then_lost_and_back(running, scheme: str) -> None:
    gateway = Gateway()
    line = running(f"{scheme}://127.0.0.1:{gateway.port}")
    client = gateway.accept()
    line.wait("opened")
    sent = bytes(range(256)) * 12
    client.sendall(sent[:1])
    client.sendall(sent[1:])
    until(lambda: line.data() == sent)
    line.port.write(b"abc", 3)
    assert client.recv(10) == b"abc"
    gateway.close()
    line.wait("closed")
    assert "closed the connection" in line.events[-1].reason
    assert "another program" in line.events[-1].reason
    until(lambda: any("refuses the connection" in text for text in line.log.at(levels.WARNING)))
    gateway = Gateway(gateway.port)
    gateway.accept()
    line.wait("opened", 2)
    gateway.close()


def test_a_gateway_name_that_cannot_be_resolved() -> None:
    error = OSError("wrapped")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    text = port_errors.sentence("tcp://gatway.local:8899", error)
    assert "gatway.local" in text
    assert "cannot be resolved" in text
    error.__cause__ = TimeoutError("timed out")
    assert "does not answer" in port_errors.sentence("tcp://10.0.0.9:8899", error)
    assert "network" in port_errors.sentence("tcp://10.0.0.9:8899", OSError(errno.EHOSTUNREACH, "x"))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this platform has no TCP_USER_TIMEOUT")
@pytest.mark.parametrize("scheme", ["tcp", "socket"])
def test_a_gateway_that_is_cut_off_is_lost_within_seconds(running, scheme: str) -> None:
    """What the kernel then does takes 20 s and a cut cable; that it was told to is what we can see here."""
    gateway = Gateway()
    line = running(f"{scheme}://127.0.0.1:{gateway.port}")
    gateway.accept()
    line.wait("opened")
    found = line.port._serial._socket
    assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
    first, every, count = (
        found.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    )
    assert first + every * count <= 20
    gateway.close()


def test_a_timed_out_connection_is_named() -> None:
    error = OSError(errno.ETIMEDOUT, "Connection timed out")
    assert "the connection broke (Connection timed out)" in port_errors.vanished("tcp://10.0.0.9:8899", error)


def test_reopen_on_request_says_the_given_reason(running) -> None:
    gateway = Gateway()
    line = running(f"tcp://127.0.0.1:{gateway.port}")
    gateway.accept()
    line.wait("opened")
    line.port.reopen("silent for 60 s")
    line.wait("closed")
    assert line.events[-1].reason == "silent for 60 s"
    gateway.accept()
    line.wait("opened", 2)
    gateway.close()


def test_write_never_blocks_and_old_requests_are_not_kept(running) -> None:
    gateway = Gateway()
    line = running(f"tcp://127.0.0.1:{gateway.port}")
    gateway.accept()  # and read nothing
    line.wait("opened")
    began = time.monotonic()
    block = bytes(1_000_000)
    for _ in range(40):
        line.port.write(block, len(block))
    assert time.monotonic() - began < 5  # waiting for it would never end
    assert line.port.dropped > 0
    gateway.close()


def test_writing_to_a_closed_port_is_dropped(running) -> None:
    line = running("/dev/ttyUSB77")
    line.wait("closed")
    line.port.write(b"x", 1)
    assert line.port.dropped == 1


def test_waits_between_attempts_grow_to_half_a_minute_and_start_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    port = SerialPort("/dev/ttyUSB77", 115200, Lines(), lambda: None)
    waits: list[float] = []

    class Stop:
        def is_set(self) -> bool:
            return len(waits) >= 9

        def wait(self, seconds: float) -> None:
            waits.append(seconds)

    outcomes = iter([None] * 6 + ["open"] + [None] * 9)

    def attempt() -> object:
        if next(outcomes) is None:
            raise OSError(errno.ENOENT, "x")
        return SimpleLine()

    class SimpleLine:
        def close(self) -> None: ...

    monkeypatch.setattr(port, "_stop", Stop())
    monkeypatch.setattr(port, "_open", attempt)
    monkeypatch.setattr(port, "_read", lambda line: (True, "lost"))
    port._run()
    bases = [1, 2, 4, 8, 16, 30, 1, 2, 4]
    assert len(waits) == 9
    for wait, base in zip(waits, bases, strict=True):
        assert base <= wait <= base * 1.25


def test_queue_is_bounded_when_the_loop_stands() -> None:
    port = SerialPort("/dev/ttyUSB77", 115200, Lines(), lambda: None)
    for _ in range(ports._QUEUE + 10):
        port._put(PortEvent("data", 0, b"x"))
    port._put(PortEvent("closed", 0, reason="r"))
    assert port.dropped == 10
    kinds = []
    while (event := port.poll()) is not None:
        kinds.append(event.kind)
    assert len(kinds) == ports._QUEUE + 1
    assert kinds[-1] == "closed"
