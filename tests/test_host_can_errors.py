"""What people read when CAN does not work: the sentences, and what is known of interfaces and links."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import can
import pytest
from can_fakes import ACK_DELIMITER, BUS_OFF, RESTARTED, STUFF, error

from jkbridge import can_errors, can_interfaces, can_link, can_open
from jkbridge.can_frame import PythonCanMissingError, frame_of
from jkbridge.can_health import ERRORS_S, SILENT_S, CanHealth
from jkcore.config import ConfigError


def why(interface: str, channel: str, bitrate: int = 500_000) -> str:
    """The sentence for what python-can really does on this machine, which has no adapter."""
    with pytest.raises(Exception) as caught:
        can_open.open_bus(interface, channel, bitrate, True)
    return can_errors.sentence(interface, channel, bitrate, caught.value)


@pytest.mark.parametrize(
    ("interface", "channel", "words"),
    [
        ("gs_usb", "0", "pip install gs-usb"),
        ("cantact", "0", "pip install cantact"),
        ("canalystii", "0", "pip install canalystii"),
        ("neovi", "0", "pip install python-ics"),
        ("pcan", "PCAN_USBBUS1", "PCAN-Basic"),
        ("kvaser", "0", "CANlib"),
        ("ixxat", "0", "VCI"),
        ("slcan", "/dev/ttyACM77", "/dev/ttyACM77 does not exist: is the adapter plugged in"),
        ("slcan", "/dev/ttyACM77@921600", "/dev/ttyACM77 does not exist"),
        ("seeedstudio", "/dev/ttyUSB77", "/dev/ttyUSB77 does not exist"),
        ("iscan", "0", "iscan needs the driver"),
        ("udp_multicast", "10.0.0.1", "is it a multicast address"),
    ],
)
def test_what_python_can_raises_becomes_a_sentence(interface, channel, words):
    text = why(interface, channel)
    assert words in text
    assert text.endswith("Trying again.")


def test_python_can_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "can", None)
    assert 'pip install "jkbridge[can]"' in why("socketcan", "can0")


def test_msgpack_that_is_not_installed(monkeypatch):
    from can.interfaces.udp_multicast import utils

    monkeypatch.setattr(utils, "msgpack", None)
    assert "pip install msgpack" in why("udp_multicast", "239.1.1.1")


@pytest.fixture
def no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(can_link, "SYSTEM", tmp_path)
    return tmp_path


def link(folder: Path, name: str, flags: str = "0x40081", kind: str = "280") -> None:
    (folder / name).mkdir()
    (folder / name / "flags").write_text(flags + "\n")
    (folder / name / "type").write_text(kind + "\n")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (OSError(errno.ENODEV, "No such device"), "can0 does not exist: is the adapter plugged in? CAN interfaces of "
         "this machine: can1. Then: sudo ip link set can0 up type can bitrate 250000"),
        (can_errors.InterfaceDownError("off"), "can0 is switched off: sudo ip link set can0 up type can bitrate "
         "250000"),
        (OSError(errno.EAFNOSUPPORT, "no"), "this system has no SocketCAN"),
        (AttributeError("module 'socket' has no attribute 'PF_CAN'"), "this system has no SocketCAN"),
        (PermissionError(errno.EPERM, "no"), "network_mode: host"),
    ],
)  # fmt: skip
def test_socketcan(raised, words, no_links):
    link(no_links, "can1")
    link(no_links, "eth0", kind="1")
    assert words in can_errors.sentence("socketcan", "can0", 250_000, raised)


@pytest.mark.parametrize(
    ("interface", "raised", "words"),
    [
        ("gs_usb", OSError(errno.EACCES, "Access denied (insufficient permissions)"), "udev rule"),
        ("gs_usb", OSError(errno.EBUSY, "Resource busy"), 'interface = "socketcan"'),
        ("gs_usb", ValueError("No backend available"), "sudo apt install libusb-1.0-0"),
        ("gs_usb", can.CanInitializationError("Cannot find device 0. Devices found: 0"), "is the adapter plugged in"),
        ("slcan", ValueError("Invalid bitrate, choose one of 10000, 20000."), "cannot do 500 kbit/s"),
        ("etas", can.CanInterfaceNotImplementedError("no windll"), "ETAS"),
        ("robotell", can.CanInterfaceNotImplementedError("strange"), "robotell cannot be used here: strange"),
        ("socketcand", TimeoutError("connect_to_server: Failed"), "is socketcand running there, and reachable?"),
        ("virtual", RuntimeError(), "virtual:x cannot be opened: RuntimeError"),
    ],
)
def test_other_failures(interface, raised, words):
    assert words in can_errors.sentence(interface, "x", 500_000, raised)


def test_no_permission_for_an_slcan_adapter_names_the_group(tmp_path, monkeypatch):
    import grp

    file = tmp_path / "ttyACM0"
    file.touch()
    monkeypatch.setattr(grp, "getgrgid", lambda number: grp.struct_group(("dialout", "x", 20, [])))
    cause = PermissionError(errno.EACCES, "could not open port")
    raised = can.CanInitializationError(str(cause))
    raised.__cause__ = cause
    assert "usermod -aG dialout" in can_errors.sentence("slcan", f"{file}@115200", 500_000, raised)


def test_what_vanished(no_links):
    lost = can.CanOperationError("Error receiving: No such device", errno.ENODEV)
    assert can_errors.vanished("socketcan", "can0", lost).startswith("can0 has vanished: was the adapter pulled?")
    link(no_links, "can0", "0x40080")
    off = can.CanOperationError("Network is down", errno.ENETDOWN)
    assert "can0 was switched off" in can_errors.vanished("socketcan", "can0", off)
    assert "/dev/ttyACM7 has vanished" in can_errors.vanished("slcan", "/dev/ttyACM7@1000000", OSError(errno.EIO, "io"))
    assert "stopped working (Input/output error)" in can_errors.vanished("pcan", "x", OSError(errno.EIO, "io"))


def test_no_sentence_tells_the_user_to_send_or_swears_by_a_machine():
    for text in (
        can_errors.wrong_bitrate("slcan", "x", 250_000), can_errors.elsewhere("slcan", "x", 500_000, 125_000),
        can_errors.silent("slcan", "x", 0, True), can_errors.bus_off("socketcan", "can0", 100),
        can_errors.garbled("slcan", "x", ValueError("y")), can_errors.slow("slcan", "x", 30),
    ):  # fmt: skip
        assert text[0] != " "
        assert "  " not in text


# --- configuration


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        (("canable", "x", 0), 'use slcan with channel = "/dev/ttyACM0"'),
        (("can0", "can0", 0), 'use socketcan with channel = "can0"'),
        (("sockecan", "can0", 0), "allowed is one of canalystii"),
        (("socketcan", "", 500_000), "bus.channel is missing"),
        (("socketcan", "can0", 500), "500000 for 006"),
        (("socketcand", "can0", 0), "CHANNEL@HOST:PORT"),
        (("socketcand", "can0@host:99999", 0), "CHANNEL@HOST:PORT"),
    ],
)
def test_a_bus_that_can_be_none_is_refused_with_an_example(bus, words):
    with pytest.raises(ConfigError) as caught:
        can_interfaces.check_can(*bus)
    assert words in str(caught.value)
    assert "Example: " in str(caught.value)


def test_every_interface_python_can_has_is_possible_and_ours():
    for name in [*can.VALID_INTERFACES, "file"]:
        can_interfaces.check_can(name, "can0@localhost:29536", 500_000)


def test_without_python_can_a_plug_in_may_be_meant(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "can", None)
    can_interfaces.check_can("socketcan", "can0", 0)
    can_interfaces.check_can("candle", "0", 0)
    with pytest.raises(PythonCanMissingError):
        can_open.open_bus("candle", "0", 0, True)


# --- what Linux says


def test_what_ip_prints_is_understood():
    answer: Any = [{
        "ifname": "can0", "operstate": "UP",
        "linkinfo": {"info_kind": "can", "info_data": {
            "ctrlmode": ["LISTEN-ONLY", "BERR-REPORTING"], "state": "ERROR-PASSIVE", "restart_ms": 100,
            "bittiming": {"bitrate": 250000, "sample_point": "0.875"},
        }},
    }]  # fmt: skip
    assert can_link.link_of(answer) == can_link.Link(250_000, True, "ERROR-PASSIVE", 100)
    assert can_link.link_of([{"ifname": "vcan0", "linkinfo": {"info_kind": "vcan"}}]) == can_link.Link()
    for other in ([], {}, None, [[]], [{"linkinfo": {"info_data": {"bittiming": {"bitrate": "fast"}}}}]):
        assert can_link.link_of(other) is None


def test_links_of_this_machine_are_looked_at_without_harm():
    assert can_link.details("no-such-link") is None
    assert not can_link.exists("no-such-link")
    assert not can_link.exists("../../etc")
    assert "lo" not in can_link.interfaces()


# --- health


def fed(health: CanHealth, message: can.Message, now: float) -> bool:
    frame = frame_of(message, 0)
    assert frame is not None
    return health.error(frame, now) if frame.error else health.frame(now)


def test_a_controller_that_only_reports_its_own_state_is_enough():
    health = CanHealth(linux_errors=True)
    health.opened(0)
    assert not fed(health, error(0x04, 0, 0x10), 0.1)  # receiver error-passive: one report, then none
    assert not health.quiet(ERRORS_S)
    assert health.quiet(0.1 + ERRORS_S)
    assert health.state == "errors"
    assert not health.quiet(100)


def test_an_error_as_the_battery_goes_is_no_wrong_bit_rate():
    health = CanHealth(linux_errors=True)
    health.opened(0)
    fed(health, can.Message(arbitration_id=1, is_extended_id=False), 1)
    fed(health, STUFF, 1.1)
    assert not health.quiet(1.1 + ERRORS_S)
    assert health.quiet(1.1 + SILENT_S)
    assert health.state == "silent"


def test_acknowledge_errors_need_the_format_that_tells_them():
    for linux, state in ((True, "unacknowledged"), (False, "errors")):
        health = CanHealth(linux_errors=linux)
        health.opened(0)
        for tenth in range(40):
            fed(health, ACK_DELIMITER, tenth / 10)
        assert health.state == state


def test_bus_off_lasts_until_it_is_over():
    health = CanHealth(linux_errors=True)
    health.opened(0)
    assert fed(health, BUS_OFF, 1)
    assert not fed(health, BUS_OFF, 2)
    assert not health.quiet(100)
    assert health.bus_offs == 1
    fed(health, RESTARTED, 101)
    assert health.state == "unknown"
    fed(health, can.Message(arbitration_id=1, is_extended_id=False), 102)
    assert health.state == "good"
