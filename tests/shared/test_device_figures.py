"""What a device tells of itself in bridge/health; on CPython and on MicroPython."""

import json
import sys

from jkcore.message import Message
from jkdevice import blocking, figures, hardware


class Machine:
    def __init__(self, cause):
        self.cause = cause

    def reset_cause(self):
        return self.cause


def reason(cause, names, platform="esp32"):
    """reset_reason() on a port whose module machine has these names."""

    class Sys:
        pass

    Sys.platform = platform
    machine = Machine(cause)
    for name, value in names.items():
        setattr(machine, name, value)
    saved = sys.modules.get("machine")
    sys.modules["machine"] = machine
    hardware.sys = Sys
    try:
        return hardware.reset_reason()
    finally:
        hardware.sys = sys
        if saved is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = saved


ESP32 = {"PWRON_RESET": 1, "HARD_RESET": 2, "WDT_RESET": 3, "DEEPSLEEP_RESET": 4, "SOFT_RESET": 5}
PICO = {"PWRON_RESET": 1, "WDT_RESET": 3}


def test_every_reset_has_its_word():
    words = ["power on", "reset", "watchdog", "deep sleep", "restart of the program", "unknown (6)"]
    assert [reason(cause, ESP32) for cause in range(1, 7)] == words
    assert reason(1, PICO, "rp2") == "power on"
    assert reason(3, PICO, "rp2") == "watchdog or reset"


class Network:
    losses = 2

    def __init__(self, rssi):
        self._rssi = rssi

    def rssi(self):
        return self._rssi


class Session:
    def __init__(self, network):
        self.network = network


def told(network):
    out = figures.Figures(Session(network), "watchdog")
    message = Message()
    message.start(False)
    message.body()
    message.open()
    message.string(b"instance", b"x")
    out.put(message)
    message.close()
    return json.loads(bytes(message.buf[message.topic_end : message.end]).decode())


def test_the_members_of_health():
    blocking.counts[0] = blocking.counts[1] = 0
    blocking.note(19)
    blocking.note(20)
    blocking.note(700)
    expected = {"instance": "x", "reset": "watchdog", "blocking_steps": 2, "blocking_longest": 700}
    assert told(None) == expected
    expected["network_losses"] = 2
    assert told(Network(None)) == expected  # a cable, or no WiFi
    expected["rssi"] = -61
    assert told(Network(-61)) == expected
