"""main.py with a CAN bus on the unix port of MicroPython: batteries on a model of the MCP2515 in, a real mosquitto
out. The hardware is tests/can_board/machine.py.
"""

from __future__ import annotations

import json
import shutil
import signal
import time
from pathlib import Path

import mp
import pytest
from mosquitto import Subscriber
from test_device_end_to_end import Device, line, no_traceback  # noqa: F401

BOARD = mp.ROOT / "tests" / "can_board"
CAN = {"kind": "can", "port": "chip", "bitrate": 500000}


class CanDevice(Device):
    """On the board with the chip."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        shutil.copy(BOARD / "board.py", folder / "board.py")
        self.path = [*self.path, mp.SHARED, BOARD]

    def can(self, broker_port: int, *buses: dict[str, object], **top: object) -> None:
        self.configure(0, broker_port, bus=list(buses or (CAN,)), **top)

    def hardware(self, word: str) -> None:
        """absent, present or off."""
        new = self.folder / "new.txt"
        new.write_text(word)
        new.rename(self.folder / "chip.txt")


@pytest.fixture
def device(tmp_path):
    made = CanDevice(tmp_path / "device")
    yield made
    made.close()
    print(made.said() if made.output.exists() else "(never started)")


def online(heard: Subscriber, ids: tuple[str, ...] = ("0", "1", "2"), start: int = 0, timeout: float = 30) -> None:
    for pack in ids:
        heard.wait_topic(f"jkbms/{pack}/availability", b"online", timeout, start=start)
        heard.wait_topic(f"jkbms/{pack}/live", timeout=timeout, start=start)


def test_publishes_what_the_batteries_broadcast_and_ends_with_offline(device, broker, subscriber):
    device.can(broker.port, discovery={"enabled": True})
    device.start()
    online(subscriber)
    assert "The CAN line is CAN chip at 500 kbit/s." in device.said()
    for pack in range(3):
        # The cells come in groups: the first message may be without them.
        heard = subscriber.wait_for(
            lambda m, topic=f"jkbms/{pack}/live": m.topic == topic and b"cell_voltage_16" in m.payload, 20
        )
        live = json.loads(heard.payload)
        assert (live["soc"], live["pack_voltage"], live["current"]) == (50 + pack, 53.2, 0)
        assert [live[f"cell_voltage_{n}"] for n in range(1, 17)] == [(3330 + n) / 1000 for n in range(1, 17)]
    subscriber.wait_for(lambda m: m.topic.startswith("homeassistant/sensor/"), 20)
    health = subscriber.wait_topic("jkbms/bridge/health", timeout=20)
    assert b'"overflows":0' in health.payload
    assert device.end(signal.SIGINT) == 0
    for topic in ("jkbms/0/availability", "jkbms/2/availability", "jkbms/bridge/state"):
        subscriber.wait_topic(topic, b"offline")
    no_traceback(device)


def test_a_chip_that_is_missing_is_said_and_found_when_it_comes(device, broker, subscriber):
    device.hardware("absent")
    device.can(broker.port)
    device.start()
    device.wait_said("no MCP2515 answers. Check its supply")
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    time.sleep(2)
    assert device.said().count("no MCP2515 answers") == 1
    assert not subscriber.of("jkbms/0/live")
    device.hardware("present")
    online(subscriber)
    mark = len(subscriber.messages)
    device.hardware("absent")
    device.wait_said("was reset or does not answer")
    subscriber.wait_topic("jkbms/0/availability", b"offline", 20, start=mark)
    device.hardware("present")
    online(subscriber, start=mark)
    no_traceback(device)


def test_bus_off_is_said_and_recovers(device, broker, subscriber):
    device.can(broker.port)
    device.start()
    online(subscriber)
    mark = len(subscriber.messages)
    device.hardware("off")
    device.wait_said("is off the bus")
    device.hardware("present")
    device.wait_said("frames come again")
    for pack in (0, 1, 2):
        subscriber.wait_topic(f"jkbms/{pack}/live", timeout=20, start=mark + 5)
    no_traceback(device)


def test_rs485_and_can_side_by_side(device, line, broker, subscriber):  # noqa: F811
    serial = {"port": f"tcp://127.0.0.1:{line.tcp_port}", "packs": "1-2"}
    device.can(broker.port, serial, {**CAN, "prefix": "c"})
    device.start()
    online(subscriber, ("1", "2", "c0", "c1", "c2"))
    assert json.loads(subscriber.of("jkbms/c1/live")[-1].payload)["soc"] == 51
    no_traceback(device)


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        ({"kind": "can"}, "bus.bitrate is missing"),
        ({"kind": "can", "bitrate": 125000}, "bus.bitrate = 125000 is not possible"),
        ({**CAN, "port": "spi"}, 'bus.port = "spi" is not a CAN line of board can-bench: it has "chip"'),
        ({**CAN, "interface": "socketcan"}, "bus.interface is a key of the host only"),
        ({**CAN, "role": "poll"}, "the bridge only listens there"),
    ],
)
def test_what_does_not_fit_is_said_and_the_program_ends(device, broker, bus, words):
    device.can(broker.port, bus)
    status, said = device.run()
    assert status == 1
    assert said.startswith("jkbridge cannot start. config.json: ")
    assert words in said
    no_traceback(device)
