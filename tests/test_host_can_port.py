"""The CAN port: opened, read and reopened for ever, each failure one sentence, the loop never stalled, nothing sent."""

from __future__ import annotations

import ast
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import can
import mp
import pytest
from can_fakes import ACK_DELIMITER, BUS_OFF, RESTARTED, STUFF, FakeBus, FakeDriver, message
from host_fakes import Lines, until

from jkbridge import can_bitrate, can_health, can_link, can_open, can_port
from jkbridge.can_frame import CanEvent
from jkbridge.can_port import CanPort
from jkbridge.simulator import CanServer, make_can, write_log
from jkcore import log as levels

HOST = mp.ROOT / "host_shim" / "jkbridge"


class Running:
    """A started CanPort and what it had to say."""

    def __init__(self, interface: str, channel: str, bitrate: int = 500_000, **options: Any) -> None:
        self.log = Lines()
        self.woken = threading.Event()
        self.port = CanPort(interface, channel, bitrate, self.log, self.woken.set, **options)
        self.events: list[CanEvent] = []
        self.port.start()

    def kinds(self) -> list[str]:
        while (event := self.port.poll()) is not None:
            self.events.append(event)
        return [event.kind for event in self.events]

    def frames(self) -> list[Any]:
        self.kinds()
        return [event.frame for event in self.events if event.kind == "frame"]

    def reasons(self, kind: str) -> list[str]:
        self.kinds()
        return [event.reason for event in self.events if event.kind == kind]

    def wait(self, kind: str, count: int = 1) -> None:
        until(lambda: self.kinds().count(kind) >= count)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Running]]:
    """Starts ports; short waits everywhere, and everything closed at the end."""
    monkeypatch.setattr(can_port, "_BACKOFF_FIRST", 0.02)
    monkeypatch.setattr(can_port, "_BACKOFF_MAX", 0.05)
    monkeypatch.setattr(can_port, "_WAIT", 0.02)
    monkeypatch.setattr(can_health, "ERRORS_S", 0.1)
    monkeypatch.setattr(can_health, "SILENT_S", 0.3)
    monkeypatch.setattr(can_bitrate, "_LISTEN_S", 0.2)
    monkeypatch.setattr(can_open, "_CLOSING", 0.1)
    started: list[Running] = []

    def start(*arguments: Any, **options: Any) -> Running:
        started.append(Running(*arguments, **options))
        return started[-1]

    yield start
    for each in started:
        each.port.close()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeDriver]:
    """Puts a FakeDriver in the place of can.Bus."""

    def put(plan: Callable[[dict[str, Any]], FakeBus]) -> FakeDriver:
        fake = FakeDriver(plan)
        monkeypatch.setattr(can, "Bus", fake)
        return fake

    return put


@pytest.fixture
def can0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SocketCAN interface can0 that is up, as far as the file system tells; `ip` knows nothing."""
    monkeypatch.setattr(can_link, "SYSTEM", tmp_path)
    monkeypatch.setattr(can_link, "details", lambda channel: None)
    folder = tmp_path / "can0"
    folder.mkdir()
    (folder / "type").write_text("280\n")
    (folder / "flags").write_text("0x40081\n")
    return folder


# --- nothing is sent


def _refuses_to_write(node: ast.AST) -> bool:
    """What the loop would call if the core left something to send: `write` with a docstring and a raise, no more."""
    if not isinstance(node, ast.FunctionDef) or node.name != "write" or len(node.body) != 2:
        return False
    return isinstance(node.body[0], ast.Expr) and isinstance(node.body[1], ast.Raise)


def test_no_line_of_the_hosts_can_code_can_send():
    forbidden = ("send", "send_periodic", "sendto", "sendmsg", "write", "_send_once", "_write", "transmit")
    files = [*HOST.glob("can_*.py")]
    assert len(files) >= 9
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if _refuses_to_write(node):
                continue
            names = {getattr(node, "attr", ""), getattr(node, "id", ""), getattr(node, "name", "")}
            if isinstance(node, ast.Constant):
                names.add(str(node.value))
            assert not names & set(forbidden), f"{path.name}:{getattr(node, 'lineno', 0)}"
    assert not any(hasattr(CanPort, name) for name in forbidden)


def test_nobody_else_gets_hold_of_a_python_can_bus():
    """But the simulator, which stays away from real buses (test_can_simulator.py)."""
    used = {"can_open.py": 0, "can_port.py": 0}
    for path in HOST.rglob("*.py"):
        if "simulator" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            if any(module.split(".")[0] == "can" for module in modules):
                assert path.name == "can_frame.py", path.name
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "attr", getattr(called, "id", ""))
            if name in ("Bus", "open_bus"):
                used[path.name] += 1  # a KeyError for any other file
    assert used == {"can_open.py": 1, "can_port.py": 1}


# --- what comes


def test_frames_of_a_simulated_bus_arrive_in_order_with_their_time(running):
    with can.Bus(interface="virtual", channel="house") as sender:
        line = running("virtual", "house", 0)
        line.wait("opened")
        packs = list(make_can([0, 11]).play(3))
        for sent in packs:
            sender.send(message(sent.frame.id, sent.frame.data))
        until(lambda: len(line.frames()) == len(packs))
    for frame, sent in zip(line.frames(), packs, strict=True):
        assert (frame.id, frame.extended, frame.data) == (sent.frame.id, sent.frame.extended, sent.frame.data)
        assert frame.dlc == 8
        assert not frame.remote
        assert not frame.error
    times = [event.at for event in line.events if event.kind == "frame"]
    assert times == sorted(times)
    assert [event.frame.at for event in line.events if event.kind == "frame"] == times
    assert line.woken.is_set()
    assert line.port.frames == len(packs)
    assert line.port.state == "good"


def test_udp_multicast_between_processes_as_a_user_would_try_it(running):
    channel = f"239.74.{os.getpid() % 251}.77"  # nobody else's on this machine
    line = running("udp_multicast", channel, 0)
    until(line.kinds)
    if line.kinds()[0] == "closed":
        pytest.skip(f"this machine has no multicast: {line.events[0].reason}")
    with CanServer(make_can([0]), "udp_multicast", channel):
        until(lambda: {frame.id for frame in line.frames()} >= {0x2F4, 0x4F4, 0x18F128F4})


def test_remote_error_and_short_frames_are_told_apart_and_nonsense_is_counted(running, driver):
    odd = [
        message(data=b"\x01\x02"),
        can.Message(arbitration_id=0x2F4, is_extended_id=False, is_remote_frame=True, dlc=8),
        STUFF,
        can.Message(arbitration_id=0x2F4, is_extended_id=False, is_fd=True, data=bytes(12)),
        can.Message(arbitration_id=0x2F4, is_extended_id=False, dlc=8, data=bytes(3)),
        can.Message(arbitration_id=0x800, is_extended_id=False, data=bytes(8)),
        can.Message(arbitration_id=0x123, is_extended_id=True, data=bytes(8)),
    ]
    driver(lambda options: FakeBus(odd))
    line = running("gs_usb", "0")
    until(lambda: len(line.frames()) == 4)
    short, remote, error, extended = line.frames()
    assert (short.dlc, short.data) == (2, b"\x01\x02")
    assert (remote.remote, remote.dlc, remote.data) == (True, 8, b"")
    assert (error.error, error.id) == (True, 0x88)
    assert (extended.extended, extended.id) == (True, 0x123)
    assert line.port.garbled == 3
    assert line.port.errors == 1
    assert line.port.frames == 3


def test_filters_go_to_the_interface_where_it_filters_and_hold_everywhere(running, driver, can0):
    items = [message(0x2F4), message(0x305), message(0x18F128F5), STUFF]
    fake = driver(lambda options: FakeBus(items))
    wanted = [(0x2F4, 0x7F0, False), (0x18F128F4, 0x1FFFFFF0, True)]
    for interface, channel in (("socketcan", "can0"), ("gs_usb", "0")):
        line = running(interface, channel, filters=wanted)
        until(lambda line=line: len(line.frames()) == 3)
        assert [frame.id for frame in line.frames()] == [0x2F4, 0x18F128F5, 0x88]
    assert fake.asked[0]["can_filters"][1] == {"can_id": 0x18F128F4, "can_mask": 0x1FFFFFF0, "extended": True}
    assert "can_filters" not in fake.asked[1]


def test_a_loop_that_stands_still_does_not_make_memory_grow(running, driver, monkeypatch):
    monkeypatch.setattr(can_port, "_QUEUE", 100)
    driver(lambda options: FakeBus([message()] * 500))
    line = running("gs_usb", "0")
    until(lambda: line.port.frames == 500)
    assert line.port.dropped >= 400
    assert len(line.frames()) <= 100


# --- modes


@pytest.mark.parametrize(
    ("interface", "channel", "options", "listening"),
    [
        ("slcan", "/dev/ttyACM0", {"listen_only": True, "bitrate": 500_000, "channel": "/dev/ttyACM0"}, True),
        ("seeedstudio", "/dev/ttyUSB0", {"operation_mode": "silent"}, True),
        ("cantact", "0", {"monitor": True, "channel": 0}, True),
        ("kvaser", "1", {"driver_mode": False, "channel": 1}, True),
        ("pcan", "PCAN_USBBUS1", {"state": can.BusState.PASSIVE}, True),
        ("gs_usb", "0", {"bitrate": 500_000, "channel": 0}, False),
        ("udp_multicast", "239.1.1.1", {}, False),
        ("socketcand", "can0@192.168.1.20:29536", {"host": "192.168.1.20", "port": 29536, "channel": "can0"}, False),
    ],
)
def test_listen_only_where_the_interface_knows_it(interface, channel, options, listening, running, driver):
    fake = driver(lambda options: FakeBus())
    line = running(interface, channel)
    line.wait("opened")
    asked = fake.asked[0]
    assert options.items() <= asked.items()
    assert asked["ignore_config"]
    assert line.port.listening == listening
    assert ("in listen-only mode" in line.log.text()) == listening
    assert ("it acknowledges frames" in line.log.text()) == (interface == "gs_usb")
    if interface in ("udp_multicast", "socketcand"):
        assert "bitrate" not in asked


def test_normal_mode_when_it_is_asked_for(running, driver):
    fake = driver(lambda options: FakeBus())
    line = running("slcan", "/dev/ttyACM0", listen_only=False)
    line.wait("opened")
    assert "listen_only" not in fake.asked[0]
    assert not line.port.listening
    assert "acknowledges" not in line.log.text()


def test_socketcan_tells_its_mode_and_a_bit_rate_that_is_not_the_configured_one(running, driver, can0, monkeypatch):
    monkeypatch.setattr(can_link, "details", lambda channel: can_link.Link(250_000, True, "ERROR-ACTIVE", 100))
    fake = driver(lambda options: FakeBus())
    line = running("socketcan", "can0", 500_000)
    line.wait("opened")
    assert "bitrate" not in fake.asked[0]
    assert line.port.listening
    assert line.port.bitrate == 250_000
    (warning,) = line.log.at(levels.WARNING)
    assert "can0 runs at 250 kbit/s, but bus.bitrate is 500000" in warning
    assert "can0 up type can bitrate 500000" in warning


# --- what fails


@pytest.mark.parametrize(
    "failure",
    [can.CanOperationError("Error receiving: No such device", errno.ENODEV), OSError(errno.ENODEV, "gone")],
)
def test_an_adapter_that_vanishes_is_said_once_and_the_bus_comes_back(failure, running, driver, can0):
    there = threading.Event()

    def plan(options: dict[str, Any]) -> FakeBus:
        if not can0.exists():
            raise OSError(errno.ENODEV, "No such device")
        return FakeBus([message()], then=None if there.is_set() else failure)

    driver(plan)
    can0.rename(can0.with_name("hidden"))
    line = running("socketcan", "can0")
    line.wait("closed")
    assert "can0 does not exist" in line.events[0].reason
    can0.with_name("hidden").rename(can0)
    line.wait("opened")
    until(line.frames)
    there.set()
    line.wait("opened", 2)
    time.sleep(0.2)
    warnings = line.log.at(levels.WARNING)
    assert 1 <= sum("can0 has vanished" in text for text in warnings) <= line.kinds().count("opened")
    assert line.port.reopened >= 1


def test_an_interface_that_is_switched_off_gets_the_line_for_it(running, driver, can0):
    (can0 / "flags").write_text("0x40080\n")
    fake = driver(lambda options: FakeBus([message()]))
    line = running("socketcan", "can0", 250_000)
    line.wait("closed")
    assert "sudo ip link set can0 up type can bitrate 250000" in line.events[0].reason
    time.sleep(0.2)
    assert line.kinds() == ["closed"]  # several attempts, said once
    assert not fake.asked
    (can0 / "flags").write_text("0x40081\n")
    line.wait("frame")


def test_an_interface_that_goes_down_while_open(running, driver, can0):
    down = can.CanOperationError("Error receiving: Network is down", errno.ENETDOWN)
    driver(lambda options: FakeBus([message()], then=down))
    line = running("socketcan", "can0")
    line.wait("closed")
    assert "can0 was switched off: sudo ip link set can0 up" in line.reasons("closed")[0]


def test_a_driver_that_hangs_in_shutdown_holds_up_nobody(running, driver):
    hang = threading.Event()
    driver(lambda options: FakeBus([message()], then=can.CanOperationError("dead"), hang=hang))
    line = running("gs_usb", "0")
    line.wait("opened", 2)
    assert "does not let itself be closed" in line.log.text()
    began = time.monotonic()
    line.port.close()
    assert time.monotonic() - began < 3
    hang.set()


def test_a_driver_that_hangs_in_recv_does_not_hold_up_close(running, driver):
    release = threading.Event()

    class Stuck(FakeBus):
        def recv(self, timeout: float) -> None:
            release.wait(20)

    driver(lambda options: Stuck())
    line = running("pcan", "PCAN_USBBUS1")
    line.wait("opened")
    began = time.monotonic()
    line.port.close()
    assert time.monotonic() - began < 3
    release.set()


def test_a_driver_that_hangs_while_it_opens_is_said(running, driver, monkeypatch):
    monkeypatch.setattr(can_port, "_OPENING", 0.1)
    release = threading.Event()

    def plan(options: dict[str, Any]) -> FakeBus:
        release.wait(20)
        return FakeBus([message()])

    driver(plan)
    line = running("pcan", "PCAN_USBBUS1")
    line.wait("closed")
    assert "its driver hangs" in line.events[0].reason
    release.set()
    line.wait("frame")


def test_a_driver_that_does_not_wait_keeps_no_core_busy(running, driver):
    fake = driver(lambda options: FakeBus(waits=False))
    line = running("slcan", "/dev/ttyACM0")
    line.wait("opened")
    time.sleep(0.3)
    assert fake.buses[0].asked < 100


def test_an_slcan_line_that_lost_bytes_is_counted_and_nonsense_without_end_closes(running, driver):
    lost = [ValueError("invalid literal for int() with base 16: 'zz'"), message(), IndexError("string index")]
    driver(lambda options: FakeBus([*lost, message()]))
    line = running("slcan", "/dev/ttyACM0")
    until(lambda: len(line.frames()) == 2)
    assert line.port.garbled == 2
    assert "closed" not in line.kinds()
    driver(lambda options: FakeBus(then=ValueError("what is this")))
    other = running("slcan", "/dev/ttyACM1")
    other.wait("closed")
    assert "says nothing that can be understood (what is this)" in other.events[-1].reason


def unreadable() -> can.CanOperationError:
    """What python-can's slcan makes of a byte that is no text."""
    error = can.CanOperationError("Could not read from serial device")
    error.__cause__ = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    return error


class Sticky(FakeBus):
    """Stumbles over the same bytes until they are thrown away."""

    stuck = True

    def recv(self, timeout: float) -> can.Message | None:
        if self.stuck:
            raise unreadable()
        return super().recv(timeout)

    def flush(self) -> None:
        self.stuck = False


def test_a_byte_that_is_no_text_does_not_close_an_slcan_adapter(running, driver):
    driver(lambda options: Sticky([message(), unreadable(), message()]))
    line = running("slcan", "/dev/ttyACM0")
    until(lambda: len(line.frames()) == 2)
    assert line.port.garbled == 2
    assert "closed" not in line.kinds()


def test_another_kind_of_adapter_is_told_from_a_bus_without_frames(running, driver):
    driver(lambda options: FakeBus(then=unreadable()))
    line = running("slcan", "/dev/ttyACM0", 0)
    line.wait("closed")
    assert "says nothing that can be understood" in line.events[-1].reason


def test_an_adapter_that_would_not_tell_that_it_is_gone_is_opened_again_without_a_word(running, driver, monkeypatch):
    monkeypatch.setattr(can_port, "_MUTE_S", 0.1)
    monkeypatch.setattr(can_health, "SILENT_S", 60)
    gone = threading.Event()

    def plan(options: dict[str, Any]) -> FakeBus:
        if gone.is_set():
            raise can.CanInitializationError("Cannot find device 0. Devices found: 0")
        return FakeBus([message()])

    fake = driver(plan)
    line = running("gs_usb", "0")
    until(lambda: len(fake.buses) >= 3)
    assert set(line.kinds()) == {"opened", "frame"}
    assert line.kinds().count("opened") == 1
    gone.set()
    line.wait("closed")
    assert "gs_usb:0 does not exist" in line.events[-1].reason
    assert line.port.reopened == 1
    gone.clear()
    line.wait("opened", 2)


def test_reopen_and_close(running, driver):
    fake = driver(lambda options: FakeBus(then=message()))
    line = running("gs_usb", "0")
    line.wait("frame")
    line.port.reopen("Nothing was heard for a minute. Opening it again.")
    line.wait("opened", 2)
    assert line.reasons("closed") == ["Nothing was heard for a minute. Opening it again."]
    line.port.close()
    until(lambda: all(bus.closed for bus in fake.buses))
    asked = len(fake.asked)
    time.sleep(0.1)
    assert len(fake.asked) == asked


# --- the bus


def test_errors_without_a_frame_name_the_bit_rate(running, driver, can0):
    driver(lambda options: FakeBus([STUFF] * 3))
    line = running("socketcan", "can0", 500_000)
    line.wait("state")
    (reason,) = line.reasons("state")
    assert "only errors come from the bus at 500 kbit/s" in reason
    assert "can0 up type can bitrate 250000" in reason
    assert line.port.state == "errors"
    time.sleep(0.2)
    assert line.kinds().count("state") == 1


def test_errors_at_the_acknowledge_name_the_trap(running, driver, can0):
    driver(lambda options: FakeBus(then=ACK_DELIMITER))
    line = running("socketcan", "can0")
    line.wait("state")
    assert "nobody acknowledges its frames" in line.reasons("state")[0]
    assert "listen-only off" in line.reasons("state")[0]
    assert line.port.errors > 3


def test_frames_after_trouble_are_news(running, driver, can0):
    driver(lambda options: FakeBus([STUFF] * 3 + [None] * 20 + [message()]))
    line = running("socketcan", "can0")
    line.wait("state", 2)
    assert line.reasons("state")[1] == ""
    assert line.port.state == "good"
    assert "frames come from the bus again" in line.log.text()


def test_a_few_errors_among_frames_are_no_trouble(running, driver, can0):
    driver(lambda options: FakeBus(([message()] * 5 + [STUFF]) * 20 + [None] * 8))
    line = running("socketcan", "can0")
    until(lambda: len(line.frames()) == 120)
    assert "state" not in line.kinds()
    assert line.port.errors == 20


def test_silence_names_what_to_look_at(running, driver, can0):
    driver(lambda options: FakeBus([message(), STUFF]))
    line = running("socketcan", "can0")
    line.wait("state")
    (reason,) = line.reasons("state")
    assert "nothing comes from the bus at 500 kbit/s" in reason
    assert "000 (250 kbit/s) or 006 (500 kbit/s)" in reason
    assert line.port.state == "silent"


def test_bus_off_is_healed_by_opening_again_where_that_is_ours_to_do(running, driver):
    items = [[message(), BUS_OFF], [message()]]
    fake = driver(lambda options: FakeBus(items.pop(0) if items else []))
    line = running("gs_usb", "0")
    line.wait("opened", 2)
    assert "is off the bus after too many errors" in line.reasons("closed")[0]
    until(lambda: len(line.frames()) == 3)
    assert fake.buses[0].closed
    assert line.port.bus_offs == 1


def test_bus_off_of_socketcan_waits_for_the_system_and_says_how(running, driver, can0):
    driver(lambda options: FakeBus([message(), BUS_OFF, None, None, RESTARTED, message()]))
    line = running("socketcan", "can0")
    line.wait("state")
    assert "sudo ip link set can0 type can restart" in line.reasons("state")[0]
    until(lambda: sum(not frame.error for frame in line.frames()) == 2)
    assert line.port.state == "good"
    assert "closed" not in line.kinds()


# --- bit rates


def bus_at(real: int, alone: bool = False) -> Callable[[dict[str, Any]], FakeBus]:
    """Opens buses of a wire that runs at `real` bit/s; alone: nobody but us could acknowledge there."""

    def plan(options: dict[str, Any]) -> FakeBus:
        heard = options["bitrate"] == real and not (alone and options.get("listen_only"))
        return FakeBus(then=message() if heard else None)

    return plan


@pytest.mark.parametrize("real", [500_000, 250_000])
def test_the_bit_rate_is_found_by_listening(real, running, driver):
    fake = driver(bus_at(real))
    line = running("slcan", "/dev/ttyACM0", 0)
    line.wait("frame")
    assert line.port.bitrate == real
    assert f"the bus runs at {real // 1000} kbit/s" in line.log.text()
    assert all(options["listen_only"] for options in fake.asked)
    assert all(bus.closed for bus in fake.buses[:-1])


def test_a_bus_of_somebody_else_is_named_by_its_bit_rate(running, driver):
    driver(bus_at(125_000))
    line = running("slcan", "/dev/ttyACM0", 0)
    line.wait("closed")
    assert "this bus runs at 125 kbit/s, which is no bit rate of JK's" in line.events[0].reason


def test_alone_with_a_battery_nothing_is_found_by_listening_and_probing_is_not_done_unasked(running, driver):
    fake = driver(bus_at(250_000, alone=True))
    line = running("slcan", "/dev/ttyACM0", 0)
    line.wait("closed")
    assert "no frame came at 500, 250, 125 or 1000 kbit/s" in line.events[0].reason
    assert "listen_only = false" in line.events[0].reason
    assert all(options.get("listen_only") for options in fake.asked)


def test_probing_takes_part_at_jks_two_rates_alone(running, driver):
    fake = driver(bus_at(250_000, alone=True))
    line = running("slcan", "/dev/ttyACM0", 0, probe=True, listen_only=False)
    line.wait("frame")
    assert line.port.bitrate == 250_000
    assert {options["bitrate"] for options in fake.asked if not options.get("listen_only")} == {500_000, 250_000}


def test_an_interface_that_cannot_listen_is_not_tried_out(running, driver):
    fake = driver(bus_at(250_000))
    line = running("gs_usb", "0", 0)
    line.wait("closed")
    assert "a wrong bit rate would disturb the others" in line.events[0].reason
    assert not fake.asked
    probing = running("gs_usb", "0", 0, probe=True)
    probing.wait("frame")
    assert [options["bitrate"] for options in fake.asked[:2]] == [500_000, 250_000]


def test_a_wrong_bit_rate_in_the_configuration_is_named_with_the_right_one(running, driver):
    fake = driver(bus_at(250_000))
    line = running("slcan", "/dev/ttyACM0", 500_000)
    until(lambda: any("set bus.bitrate = 250000" in reason for reason in line.reasons("state")))
    assert all(options["listen_only"] for options in fake.asked)
    until(lambda: fake.asked[-1]["bitrate"] == 500_000)  # what is configured counts all the same
    time.sleep(0.5)
    assert line.port.bitrate == 500_000
    assert "closed" not in line.kinds()
    assert len(line.log.at(levels.WARNING)) == 2


def test_other_bit_rates_are_tried_once_in_one_trouble(running, driver):
    fake = driver(lambda options: FakeBus([] if len(fake.asked) == 1 else [STUFF]))
    line = running("pcan", "PCAN_USBBUS1", 500_000)
    line.wait("state", 2)
    assert "nothing comes from the bus" in line.reasons("state")[0]
    assert "only errors come from the bus" in line.reasons("state")[1]
    time.sleep(0.3)
    others = [options["bitrate"] for options in fake.asked if options["bitrate"] != 500_000]
    assert others == [250_000, 125_000, 1_000_000]
    assert len(line.log.at(levels.WARNING)) == 2


# --- files


def test_a_log_in_the_place_of_a_bus(running, tmp_path):
    path = tmp_path / "bus.log"
    count = write_log(make_can([0, 1]), str(path), 0.5)
    line = running("file", str(path), 0)
    began = time.monotonic()
    until(lambda: len(line.frames()) == count)
    assert time.monotonic() - began > 0.3
    line.wait("state")
    assert "has been played to its end" in line.reasons("state")[0]


def test_a_log_that_is_not_there(running, tmp_path):
    line = running("file", str(tmp_path / "absent.log"), 0)
    line.wait("closed")
    assert "absent.log cannot be read: No such file" in line.events[0].reason
    assert line.events[0].reason.endswith("directory. Trying again.")


def test_a_file_that_is_no_log(running, tmp_path):
    path = tmp_path / "read.me"
    path.write_text("nothing")
    line = running("file", str(path), 0)
    line.wait("closed")
    assert line.events[0].reason.endswith(".trc. Trying again.")
