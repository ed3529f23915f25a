"""The device's side on 32-bit MicroPython: its tests, the heap it takes, the states of what every turn calls."""

from __future__ import annotations

import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tools"))
import mpyfile

# What every turn of the loop calls, with a session that is up and lines that are open.
EVERY_TURN = {
    "loop.py": {"turn", "_note_gap", "_lines", "_serve", "_publish", "_chores"},
    "mqtt.py": {"ready", "publish", "_receive", "_read", "_handle", "_keep_up", "_unstall"},
    "mqtt_link.py": {"_push", "_write", "_joined", "_may_block"},
    "network/wifi.py": {"poll", "_watch"},
    "network/lan.py": {"poll", "_watch", "_has_address"},
    "mqtt_reader.py": {"next", "_length", "_publish"},
    "backoff.py": {"due"},
}


SHARED = ["test_device_mqtt", "test_device_ports", "test_device_loop", "test_device_files", "test_device_boots"]


@pytest.mark.parametrize("name", SHARED)
def test_on_32_bits(name):
    done = mp.run_wasm(mp.RUNNER, [name])
    assert done.returncode == 0, done.stdout
    print(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("file", EVERY_TURN)
def test_no_function_of_every_turn_takes_its_state_from_the_heap(file, tmp_path):
    source = mp.FIRMWARE / "jkdevice" / file
    mp.mpy_cross(source, tmp_path / "x.mpy")
    found = list(mpyfile.functions((tmp_path / "x.mpy").read_bytes()))
    defined = [line.split("def ")[1].split("(")[0] for line in source.read_text().splitlines() if "def " in line]
    named = [f for f in found if f.name in defined]
    known = EVERY_TURN[file] - {"next"}  # a name that MicroPython has built in
    assert known <= {f.name for f in named}, "a function was renamed: correct the list here"
    big = {f.name: f.words for f in named if f.on_heap and f.name in EVERY_TURN[file]}
    assert not big, f"more than eleven words of state, each call takes it from the heap: {big}"


MODULES = [
    "jkcore.log", "jkcore.clock", "jkdevice.oserrors", "jkdevice.backoff", "jkdevice.mqtt_pipe", "jkdevice.mqtt_reader",
    "jkdevice.mqtt_link", "jkdevice.mqtt", "jkdevice.loop", "jkdevice.console", "jkdevice.ports.uart_port",
]
MAKE = """
import device_fakes
fakes = [device_fakes.FakeBridge(), device_fakes.FakeNet(), device_fakes.Log()]
module = device_fakes.umqtts()[0]
config = {'host': 'broker', 'port': 1883, 'user': 'u', 'password': 'p', 'client_id': '', 'keepalive': 15}
"""
OBJECTS = """
session = mqtt.Session(config, fakes[0], fakes[2], int, fakes[1], module, 'jkbridge-test')
fakes[0].poller = True
port = uart_port.UartPort(fakes[0], 'a', None, None, 0, fakes[2])
turning = loop.Loop(fakes[0], [port], session, int, int)
"""


def test_heap_of_the_device_side(tmp_path):
    """jkdevice from .mpy, without the core, umqtt.simple and the network module: printed, and kept within bounds."""
    mp.compile_firmware(tmp_path / "lib")
    collect = "gc.collect()"
    then = []
    for module in MODULES:
        report = f"print('{module}', gc.mem_alloc() - before)"
        then += [collect, "before = gc.mem_alloc()", f"import {module}", collect, report]
    then += [MAKE, "from jkdevice import mqtt, loop\nfrom jkdevice.ports import uart_port", collect]
    then += ["before = gc.mem_alloc()", OBJECTS, collect, "print('objects', gc.mem_alloc() - before)"]
    done = mp.run_wasm("import gc", path=[tmp_path / "lib", mp.SHARED], then=then)
    assert done.returncode == 0, done.stdout
    print("heap bytes on 32 bit:\n" + done.stdout)
    taken = {name: int(count) for name, count in (line.split() for line in done.stdout.splitlines())}
    # New names take a pool of some kB now and then, which counts for whoever asks for it.
    assert sum(taken[module] for module in MODULES if module.startswith("jkdevice")) < 24_750
    assert taken["objects"] < 3_500
