"""`jkbridge run` as a process: simulated line in, mosquitto or embedded broker out; how it begins and how it ends."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host_fakes import until
from mosquitto import Broker, Subscriber

from jkbridge import settings
from jkbridge.broker import EmbeddedBroker
from jkbridge.run import Runner
from jkbridge.simulator import Server, make_line

needs_amqtt = pytest.mark.skipif(
    importlib.util.find_spec("amqtt") is None,
    reason="no embedded broker: amqtt is not installed (pip install 'jkbridge[demo]')",
)


class Bridge:
    """A `jkbridge run` process; `patch` is Python run in it first."""

    def __init__(self, folder: Path, *arguments: str, patch: str = "") -> None:
        self.output = folder / f"run{len(list(folder.glob('run*')))}.txt"
        env = {name: value for name, value in os.environ.items() if not name.startswith("JKBRIDGE_")}
        env |= {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder)}
        program = f"import sys\nfrom jkbridge import cli\n{patch}\nsys.exit(cli.main(['run'] + sys.argv[1:]))"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", program, *arguments], stdout=out, stderr=out, cwd=folder, env=env
            )

    def text(self) -> str:
        return self.output.read_text()

    def says(self, *words: str) -> str:
        until(lambda: all(word in self.text() for word in words) or self.process.poll() is not None, 20)
        assert all(word in self.text() for word in words), self.text()
        return self.text()

    def ends(self, number: int | None = None) -> int:
        """Its exit code, after this signal."""
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def bridges(tmp_path: Path) -> Iterator[list[Bridge]]:
    started: list[Bridge] = []
    yield started
    for bridge in started:
        if bridge.process.poll() is None:
            bridge.process.kill()
            bridge.process.wait()


@pytest.fixture
def line() -> Iterator[Server]:
    with Server(make_line([1, 2]), tcp="127.0.0.1:0", pty=True) as server:
        yield server


def arguments(line: Server, broker: Broker, *more: str) -> list[str]:
    port = f"tcp://127.0.0.1:{line.tcp_port}"
    return ["--port", port, "--broker", f"127.0.0.1:{broker.port}", "--interval", "1", *more]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_values_arrive_and_a_signal_ends_it_politely(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker, subscriber: Subscriber, number: int
) -> None:
    bridges.append(Bridge(tmp_path, *arguments(line, broker, "--port", str(line.pty_path))))
    for address in (1, 2):
        live = json.loads(subscriber.wait_for(lambda m, a=address: m.topic == f"jkbms/{a}/live", 20).payload)
        assert (
            abs(live["pack_voltage"] - line.line.slaves[address].truth(line.now_ms(), "live")["pack_voltage"] / 1000)
            < 1
        )
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    assert bridges[0].ends(number) == 0
    for topic in ("jkbms/1/availability", "jkbms/2/availability", "jkbms/bridge/state"):
        subscriber.wait_topic(topic, b"offline")
    text = bridges[0].text()
    assert "Traceback" not in text
    assert "Ended." in text
    assert 'pack 1 "' in text  # the plain report: its output is no terminal
    broker.wait_log("received DISCONNECT")


def test_a_signal_during_the_start_ends_it_politely(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker
) -> None:
    patch = (
        "import os\nfrom jkbridge.run import Runner\nstart = Runner.start\n"
        "def told(self):\n    os.kill(os.getpid(), 2)\n    start(self)\nRunner.start = told"
    )
    bridges.append(Bridge(tmp_path, *arguments(line, broker), patch=patch))
    assert bridges[0].ends() == 0
    assert "Traceback" not in bridges[0].text()
    assert "Ended." in bridges[0].text()


def test_signals_that_come_together_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("jkbridge.run.time.monotonic", lambda: now[0])
    runner = Runner(settings.load(env={}, search=[]), lambda level, text: None)
    runner.on_signal(signal.SIGTERM, None)
    now[0] += 0.2  # `timeout` tells the process, and then its group
    runner.on_signal(signal.SIGTERM, None)
    now[0] += 0.2  # somebody who loses patience
    with pytest.raises(KeyboardInterrupt):
        runner.on_signal(signal.SIGINT, None)


def test_a_hanging_loop_ends_with_70_and_the_will(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker, subscriber: Subscriber
) -> None:
    patch = """
import functools, os, time
from jkbridge import run
run.Watchdog = functools.partial(run.Watchdog, limit=1.0)
turn = run.Loop.turn
def hang(self, now):
    while os.path.exists("hang"):
        time.sleep(0.05)
    return turn(self, now)
run.Loop.turn = hang
"""
    bridges.append(Bridge(tmp_path, *arguments(line, broker), patch=patch))
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    (tmp_path / "hang").touch()
    assert bridges[0].ends() == 70
    subscriber.wait_topic("jkbms/bridge/state", b"offline")
    assert "has not turned" in bridges[0].text()


STOPPED = """
import functools
from jkbridge import loop, run
loop._LONGEST_REST = 50
run.Watchdog = functools.partial(run.Watchdog, limit=0.8)
"""


def test_a_bridge_that_was_stopped_goes_on(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker, subscriber: Subscriber
) -> None:
    """Ctrl-Z and fg, a paused container: longer than the watchdog waits."""
    bridges.append(Bridge(tmp_path, *arguments(line, broker), patch=STOPPED))
    subscriber.wait_topic("jkbms/1/availability", b"online", 20)
    for _ in range(3):
        bridges[0].process.send_signal(signal.SIGSTOP)
        time.sleep(0.95)
        bridges[0].process.send_signal(signal.SIGCONT)
        with Subscriber(broker, "jkbms/1/live") as heard:
            until(lambda h=heard: h.messages or bridges[0].process.poll() is not None, 20)
        assert bridges[0].process.poll() is None, bridges[0].text()
    assert bridges[0].ends(signal.SIGTERM) == 0
    assert "has not turned" not in bridges[0].text()


def test_a_port_that_floods_keeps_neither_mqtt_nor_the_watchdog_waiting(
    tmp_path: Path, bridges: list[Bridge], broker: Broker, subscriber: Subscriber
) -> None:
    noise = bytes(range(256)) * 256
    with socket.create_server(("127.0.0.1", 0)) as server:

        def flood() -> None:
            with contextlib.suppress(OSError):
                connection = server.accept()[0]
                with connection:
                    while True:
                        connection.sendall(noise)

        threading.Thread(target=flood, daemon=True).start()
        patch = "import functools\nfrom jkbridge import run\nrun.Watchdog = functools.partial(run.Watchdog, limit=4.0)"
        port = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        bridges.append(Bridge(tmp_path, "--port", port, "--broker", f"127.0.0.1:{broker.port}", patch=patch))
        subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
        subscriber.wait_for(lambda m: m.topic == "jkbms/bridge/health", 20)
        assert bridges[0].ends(signal.SIGTERM) == 0
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


@needs_amqtt
def test_an_embedded_broker_that_ends_is_named_and_ends_the_bridge(tmp_path: Path, bridges: list[Bridge]) -> None:
    patch = """
import asyncio
from jkbridge.broker import EmbeddedBroker
serve = EmbeddedBroker._serve
async def dies(self):
    serving = asyncio.ensure_future(serve(self))
    while not self._up.is_set():
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.7)
    raise OSError("no more sockets")
EmbeddedBroker._serve = dies
"""
    bridges.append(Bridge(tmp_path, patch=patch))
    assert bridges[0].ends() == 1
    text = bridges[0].text()
    assert "embedded MQTT broker has ended (OSError('no more sockets'))" in text
    assert "--broker" in text
    assert "Traceback" not in text


@needs_amqtt
def test_an_embedded_broker_that_is_stopped_has_not_ended_by_itself() -> None:
    broker = EmbeddedBroker(0)
    broker.start()
    assert broker.ended() == ""
    broker.stop()
    assert broker.ended() == ""


IN_LOOP = """
from jkcore.bridge import Bridge
tick = Bridge.tick
def fail(self, now):
    tick(self, now)
    if any(pack.online for pack in self.packs):
        raise KeyError("bug")
Bridge.tick = fail
"""
IN_THREAD = """
import time
from jkbridge.ports import SerialPort
SerialPort._read = lambda self, line: time.sleep(1) or 1 / 0
"""


@pytest.mark.parametrize(
    ("patch", "code", "words"),
    [(IN_LOOP, 1, "The bridge failed: KeyError('bug')"), (IN_THREAD, 70, "failed: ZeroDivisionError")],
    ids=["loop", "thread"],
)
def test_a_bug_ends_it_with_the_will_and_a_traceback(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker, subscriber: Subscriber,
    patch: str, code: int, words: str,
) -> None:  # fmt: skip
    bridges.append(Bridge(tmp_path, *arguments(line, broker), patch=patch))
    assert bridges[0].ends() == code
    assert words in bridges[0].text()
    assert "Traceback" in bridges[0].text()
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


def test_port_and_broker_may_come_later_and_go(
    tmp_path: Path, bridges: list[Bridge], line: Server, broker: Broker
) -> None:
    broker.stop()
    link = tmp_path / "ttyUSB0"
    bridges.append(Bridge(tmp_path, *arguments(line, broker, "--port", str(link))))
    text = bridges[0].says("does not exist", "No MQTT broker listens at")
    link.symlink_to(str(line.pty_path))
    broker.start()
    with Subscriber(broker, "#") as heard:
        heard.wait_topic("jkbms/1/availability", b"online", 30)
    assert bridges[0].process.poll() is None
    assert text.count("does not exist") == 1
    assert bridges[0].ends(signal.SIGTERM) == 0


@needs_amqtt
def test_with_nothing_configured_two_packs_and_a_broker_are_there(tmp_path: Path, bridges: list[Bridge]) -> None:
    bridges.append(Bridge(tmp_path, "--set", "interval=1"))
    text = bridges[0].says("2 simulated packs on", "embedded broker on", "mosquitto_sub -h 127.0.0.1", "pack 2 online")
    port = int(re.search(r"embedded broker on 127\.0\.0\.1:(\d+)", text)[1])
    with Subscriber(_Address(port), "jkbms/#") as heard:
        heard.wait_topic("jkbms/bridge/state", b"online", 20)
        for address in (1, 2):
            heard.wait_for(lambda m, a=address: m.topic == f"jkbms/{a}/live", 20)
        with Subscriber(_Address(port), "jkbms/+/availability") as late:
            assert late.wait_for(lambda m: m.topic == "jkbms/1/availability").retain
        assert bridges[0].ends(signal.SIGINT) == 0
        heard.wait_topic("jkbms/bridge/state", b"offline")
    lines = [line for line in bridges[0].text().splitlines() if line.strip()]
    assert all(re.match(r"\d{4}-\d\d-\d\d ", line) for line in lines), lines  # amqtt says nothing


def test_without_the_embedded_broker_the_way_out_is_named(tmp_path: Path, bridges: list[Bridge]) -> None:
    bridges.append(Bridge(tmp_path, patch="sys.modules['amqtt'] = None"))
    assert bridges[0].ends() == 1
    text = bridges[0].text()
    assert "pip install 'jkbridge[demo]'" in text
    assert "--broker" in text
    assert "Traceback" not in text


@needs_amqtt
def test_embedded_broker_beside_another_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        broker = EmbeddedBroker(taken.getsockname()[1])
        broker.start()
        try:
            assert broker.port != broker.wanted_port
            with Subscriber(_Address(broker.port), "#") as one:
                one.publish("state", b"kept", retain=True)
                one.wait_topic("state", b"kept")
                with Subscriber(_Address(broker.port), "state") as late:
                    assert late.wait_topic("state").retain
        finally:
            broker.stop()
    until(lambda: _refuses(broker.port))


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


class _Address:
    """What Subscriber wants of a broker that is none of its own."""

    host = "127.0.0.1"
    user = ""
    tls = False

    def __init__(self, port: int) -> None:
        self.port = port

    def log(self) -> str:
        return ""
