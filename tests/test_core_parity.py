"""The same (time, bytes) script into a bridge on CPython, on unix MicroPython and on 32 bits, and into the loops of
both homes: the same requests, topics, payloads and retain flags, and the same words in the log, in the same order.
"""

from __future__ import annotations

import collections
import json
import subprocess
import sys
from pathlib import Path

import core_bytes as cb
import core_parity
import mp
import pytest
from core_house import House
from test_core_truth import all_faults

from jkbridge.loop import Loop
from jkbridge.ports import PortEvent

PLAYER = mp.SHARED / "core_parity.py"


class Scripted(House):
    """A house that writes down everything that is done to its bridge."""

    def __init__(self, *arguments, **more) -> None:
        self.script: list[str] = []
        super().__init__(*arguments, connect=False, **more)
        self.script.append(f"{self.now} opened")

    def event(self, what: str) -> None:
        self.script.append(f"{self.now} {what}")

    def turn(self) -> None:
        mark = len(self.heard)
        now = self.now
        super().turn()
        self.script.append(f"{now} turn {bytes(self.heard[mark:]).hex()}".strip())

    def connected(self) -> None:
        self.event("connected")
        self.taking = True
        self.bridge.connected(self.now)

    def disconnected(self) -> None:
        self.event("disconnected")
        self.taking = False
        self.bridge.disconnected(self.now)

    def opened(self) -> None:
        self.event("opened")
        self.bus.opened(self.now)

    def closed(self, reason: str) -> None:
        self.event(f"closed {reason}")
        self.bus.closed(self.now, reason)

    def receive(self, topic: str, payload: str, retained: bool = False) -> None:
        self.event(f"received {topic} {int(retained)} {payload.encode().hex()}")
        super().receive(topic, payload, retained)

    def stop(self) -> None:
        self.event("stop")
        self.bridge.stop(self.now)


def eventful(**more) -> Scripted:
    """A life with everything in it, 90 s long."""
    house = Scripted(
        [1, 2, 9], [1, 2, 3, 9], interval=2, firmware=["14.20", "15.41", "19.27"], latency_ms=(5, 20),
        stories=[("default_password",), (), ("bad_wire",)], seed=5, **more,
    )  # fmt: skip
    house.connected()
    house.run(25)
    all_faults(house.line, 5)
    house.line.slaves[2].battery.settings["cell_overvoltage_protection"] = 3555
    house.line.slaves[9].battery.protection.forced.add("cell_overvoltage")
    house.run(10)
    house.receive("homeassistant/status", "online")
    house.run(5)
    house.disconnected()
    house.line.inject(cb.request(4, cb.LIVE) + cb.unit(cb.live(), 4), house.now)
    house.run(5)
    house.connected()
    house.receive("jkbms/bridge/state", "offline")
    house.receive("jkbms/bridge/health", "x" * 600)
    house.run(10)
    house.closed("the cable was pulled, see /dev/ttyUSB0")
    house.run(15)
    house.opened()
    house.line.faults.clear()
    house.run(20)
    house.stop()
    house.run(1)
    return house


def write(folder: Path, house: Scripted, raw: dict) -> Path:
    file = folder / "script.txt"
    file.write_text("\n".join([json.dumps(raw), *house.script]) + "\n")
    return file


def raw_configuration(**more) -> dict:
    return {"interval": 2, "bus": {"port": "/dev/ttyUSB0", "packs": [1, 2, 3, 9]}, **more}


@pytest.fixture(
    scope="module",
    params=[
        {"start": 1000}, {"start": 0x3FFFFFFF - 40_000, "flat": True},
        {"start": 0x20000000, "base": "Other-base", "pack": [{"address": 2, "name": "Größe \"2\""}]},
    ],
    ids=["plain", "flat, clock wraps", "other base"],
)  # fmt: skip
def script(request, tmp_path_factory):
    """(file, what CPython makes of it)."""
    start = request.param["start"]
    more = {k: v for k, v in request.param.items() if k != "start"}
    house = eventful(start=start, **more)
    file = write(tmp_path_factory.mktemp("parity"), house, raw_configuration(**more))
    said: list[str] = []
    core_parity.main(str(file), said.append)
    # The player does what the house did.
    assert len([s for s in said if s.startswith("send ")]) == len(house.requests)
    counted = [m for m in house.messages if not m.topic.endswith(("/bridge/info", "/bridge/health"))]
    assert len([s for s in said if s[:2] in ("0 ", "1 ")]) == len(counted)
    return file, said


def test_the_script_has_everything_in_it(script):
    _, said = script
    text = "\n".join(said)
    for words in ("/2/live", "/9/event", "/1/settings", "/2/about", "/3/link", "/availability", "homeassistant/sensor/",
                  "sending nothing", "cable was pulled", "/bridge/state online", "/bridge/state offline"):  # fmt: skip
        assert words in text, words
    assert len(said) > 1500


class HostPort:
    """A port as jkbridge.loop sees it."""

    def __init__(self, player: HostPlayer) -> None:
        self.player = player
        self.events: collections.deque[PortEvent] = collections.deque()

    def poll(self) -> PortEvent | None:
        return self.events.popleft() if self.events else None

    def write(self, tx: bytearray, count: int) -> None:
        self.player.sent(tx, count)


class HostPlayer(core_parity.LoopPlayer):
    """The loop of the host on the same fakes."""

    def make(self) -> None:
        self.port = HostPort(self)
        self.loop = Loop(self.bridge, [self.port], self.session)
        self.loop.measuring = False

    def busy(self) -> bool:
        return len(self.port.events) > 0

    def arrive(self, now: int, data: bytes) -> None:
        # As a reader thread hands them over; the device reads 64 at a time.
        for start in range(0, len(data), 64):
            self.port.events.append(PortEvent("data", now, data[start : start + 64]))

    def happen(self, now: int, what: str, rest: str) -> None:
        if what in ("opened", "closed"):
            self.port.events.append(PortEvent(what, now, b"", rest))
        else:
            super().happen(now, what, rest)


@pytest.fixture(scope="module")
def host(script):
    """What the host's loop makes of the script."""
    said: list[str] = []
    core_parity.main(str(script[0]), said.append, HostPlayer)
    assert len(said) > 1500
    return said


def test_the_device_loop_on_cpython_says_what_the_host_loop_says(script, host):
    said: list[str] = []
    core_parity.main(str(script[0]), said.append, core_parity.LoopPlayer)
    assert said == host


def test_the_device_loop_on_unix_micropython_says_what_the_host_loop_says(script, host):
    compare(mp.run_unix(PLAYER, [script[0], "device"], heapsize="8M"), host)


def test_the_device_loop_on_32_bits_says_what_the_host_loop_says(script, host):
    compare(mp.run_wasm(PLAYER, [script[0], "device"], heapsize=1 << 20, copy=[script[0]]), host)


def by_topic(said: list[str]) -> dict[str, list[str]]:
    """Topic -> payloads, the same one twice running counted once."""
    found: dict[str, list[str]] = {}
    for line in said:
        if line[:2] in ("0 ", "1 "):
            retain, topic, payload = line.split(" ", 2)
            payloads = found.setdefault(f"{retain} {topic}", [])
            if not payloads or payloads[-1] != payload:
                payloads.append(payload)
    return found


def test_a_device_that_announces_at_its_own_pace_says_the_same_in_the_end(script, host):
    """10 discovery messages a second instead of 50: other moments, the same words on every topic."""
    done = mp.run_unix(PLAYER, [script[0], "device", "10"], heapsize="8M")
    assert done.returncode == 0, done.stdout[-2000:]
    slow, fast = by_topic(done.stdout.splitlines()), by_topic(host)
    assert {t for t in fast if "homeassistant/" not in t} == {t for t in slow if "homeassistant/" not in t}
    for topic, payloads in slow.items():
        if topic.endswith("/link"):  # tells ages
            continue
        if "homeassistant/" in topic:
            assert set(payloads) <= set(fast[topic]), topic
            continue
        # The announcement takes longer: some states are told later, or not before they have changed.
        left = iter(fast[topic])
        assert all(payload in left for payload in payloads), topic
        assert payloads[-1] == fast[topic][-1], topic
        if topic.endswith(("/live", "/event")):
            assert payloads == fast[topic], topic


def compare(done: subprocess.CompletedProcess[str], said: list[str]) -> None:
    assert done.returncode == 0, done.stdout[-2000:]
    got = done.stdout.splitlines()
    for i, (here, there) in enumerate(zip(said, got, strict=False)):
        assert here == there, f"line {i}: CPython {here!r}, MicroPython {there!r}"
    assert len(got) == len(said)


def test_unix_micropython_says_the_same(script):
    file, said = script
    compare(mp.run_unix(PLAYER, [file], heapsize="8M"), said)


def test_32_bit_micropython_says_the_same(script):
    file, said = script
    compare(mp.run_wasm(PLAYER, [file], heapsize=1 << 20, copy=[file]), said)


def test_cpython_in_another_process_says_the_same(script):
    """Nothing depends on what this process did before (hash seeds, caches)."""
    file, said = script
    done = subprocess.run(
        [sys.executable, str(PLAYER), str(file)], capture_output=True, text=True, timeout=60,
        env={"PYTHONPATH": str(mp.FIRMWARE), "PYTHONHASHSEED": "7", "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    compare(done, said)


def test_recordings_say_the_same(frames_dir, tmp_path):
    """Every recording of a bus, byte for byte, into a bridge that answers for it: foreign traffic to a master."""
    house = Scripted([], [1, 3, 7], interval=5)
    house.connected()
    for name in cb.names("bus_"):
        data = cb.read(name)
        for start in range(0, min(len(data), 4000), 97):
            house.line.inject(data[start : start + 97], house.now)
            house.run(0.05)
        house.run(3)
    house.stop()
    house.run(1)
    file = write(tmp_path, house, {"interval": 5, "bus": {"port": "/dev/ttyUSB0", "packs": [1, 3, 7]}})
    said: list[str] = []
    core_parity.main(str(file), said.append)
    assert any("sending nothing" in s for s in said)
    compare(mp.run_unix(PLAYER, [file], heapsize="8M"), said)
    compare(mp.run_wasm(PLAYER, [file], heapsize=1 << 20, copy=[file]), said)
