"""main.py with board desktop on the unix port of MicroPython: the simulator on TCP in, a real mosquitto out."""

from __future__ import annotations

import functools
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import core_bytes
import mp
import pytest
from mosquitto import Broker, Subscriber, free_port, require_mosquitto

sys.path.insert(0, str(mp.ROOT / "tools"))
import compact
import heap

from jkbridge import cli, recording
from jkbridge.simulator.make import make_line
from jkbridge.simulator.server import Server


@functools.cache
def installed() -> Path:
    """What a device gets: firmware/ with short names and merged files, compiled."""
    folder = Path(tempfile.mkdtemp())
    heap.compile_device(folder)
    (folder / "main.py").write_text(compact.Firmware().files()[Path("main.py")])
    (folder / "main.mpy").unlink()
    return folder


class Device:
    """main.py and board.py in a folder of their own, and the process that runs them: as a device gets them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        shutil.copy(installed() / "main.py", folder / "main.py")
        shutil.copy(mp.ROOT / "boards" / "desktop.py", folder / "board.py")
        self.path = [installed(), mp.require_umqtt()]
        self.heapsize: str | None = None
        self.program: tuple[str, ...] = ("main.py",)
        self.process: subprocess.Popen[str] | None = None
        self.output = folder / "output.txt"

    def configure(self, line_port: int, broker_port: int, *, user: str = "", password: str = "", **top: object) -> None:
        config = {
            "interval": 1,
            "bus": {"port": f"tcp://127.0.0.1:{line_port}", "packs": "1-2"},
            "mqtt": {"host": "127.0.0.1", "port": broker_port, "keepalive": 5, "user": user, "password": password},
            # Its messages are paced: without them the device is online at once.
            "discovery": {"enabled": False},
            **top,
        }
        (self.folder / "config.json").write_text(json.dumps(config))

    def start(self) -> None:
        script, *words = self.program
        command, env = mp.unix_command(self.folder / script, words, heapsize=self.heapsize, path=self.path)
        with open(self.output, "a") as output:
            self.process = subprocess.Popen(
                command, env=env, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True
            )

    def run(self) -> tuple[int, str]:
        """Run to its own end, as it does when it cannot start."""
        self.start()
        assert self.process is not None
        return self.process.wait(20), self.said()

    def end(self, number: int) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)

    def said(self) -> str:
        return self.output.read_text()

    def wait_said(self, text: str, timeout: float = 15) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.said():
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, f"{text!r} was not said within {timeout} s:\n{self.said()}"
            time.sleep(0.02)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def device(tmp_path):
    made = Device(tmp_path / "device")
    yield made
    made.close()
    print(made.said() if made.output.exists() else "(never started)")


@pytest.fixture
def line():
    with Server(make_line((1, 2)), tcp="127.0.0.1:0") as serving:
        yield serving


@pytest.fixture
def running(device, line, broker, subscriber):
    """A device that has published both packs."""
    device.configure(line.tcp_port, broker.port)
    device.start()
    all_online(subscriber)
    return device


def all_online(heard: Subscriber, start: int = 0, timeout: float = 30) -> None:
    for address in (1, 2):
        heard.wait_topic(f"jkbms/{address}/availability", b"online", timeout, start=start)
        heard.wait_topic(f"jkbms/{address}/live", timeout=timeout, start=start)
    heard.wait_topic("jkbms/bridge/state", b"online", timeout, start=start)


def requests(line: Server) -> int:
    with line.lock:
        return sum(slave.answered for slave in line.line.slaves.values())


def no_traceback(device: Device, start: int = 0) -> None:
    """Nobody complained of himself. The unix port takes Ctrl-C in the middle of a collection too, and then leaves the
    heap locked for good; a device takes it between two instructions.
    """
    said = device.said()[start:]
    before, _, after = said.partition("Ending.")
    assert "Traceback" not in before, said
    assert after.count("Traceback") == after.count("heap is locked"), said


def test_publishes_what_the_packs_say_and_ends_with_offline(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port, discovery={"enabled": True})
    device.start()
    all_online(subscriber)
    about = subscriber.wait_topic("jkbms/1/about", timeout=20)
    assert json.loads(about.payload)["software_version"] == "15.41"
    live = json.loads(subscriber.of("jkbms/1/live")[-1].payload)
    with line.lock:
        sent = list(line.line.slaves[1].sent["live"])
    names = ["pack_voltage", *(f"cell_voltage_{n}" for n in range(1, 17))]
    assert [live[name] for name in names] in [[truth[name] / 1000 for name in names] for truth in sent]
    subscriber.wait_for(lambda m: m.topic.startswith("homeassistant/sensor/"), 20)
    # Home Assistant has restarted: everything is announced again.
    time.sleep(0.5)
    mark = len(subscriber.messages)
    subscriber.publish("homeassistant/status", "online")
    subscriber.wait_for(lambda m: m.topic.startswith("homeassistant/sensor/"), 20, start=mark)

    with Subscriber(broker, "jkbms/#") as late:
        late.wait_topic("jkbms/1/availability", b"online")
        assert late.wait_topic("jkbms/2/about").retain

    assert device.end(signal.SIGINT) == 0
    for topic in ("jkbms/1/availability", "jkbms/2/availability", "jkbms/bridge/state"):
        subscriber.wait_topic(topic, b"offline")
    no_traceback(device)
    assert "Ending." in device.said()
    # A goodbye, so the last word is ours and no will follows.
    assert [m.payload for m in subscriber.of("jkbms/bridge/state")].count(b"offline") == 1


def test_runs_in_a_small_heap(device, line, broker, subscriber):
    """On 64 bit everything is about twice as large as on a device."""
    device.heapsize = "256k"
    device.configure(line.tcp_port, broker.port, discovery={"enabled": True})
    device.start()
    all_online(subscriber)
    subscriber.wait_for(lambda m: m.topic.startswith("homeassistant/sensor/"), 20)
    health = subscriber.wait_for(lambda m: m.topic.endswith("/health") and b'"heap_free":null' not in m.payload, 30)
    print("free heap:", json.loads(health.payload)["heap_free"], "of", device.heapsize)
    no_traceback(device)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_will_speaks_for_a_device_that_is_killed(running, subscriber, number):
    running.end(number)
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


def test_comes_back_when_the_broker_is_killed_and_restarted(running, line, broker, subscriber):
    for times in (2, 3):
        broker.kill()
        running.wait_said("is lost")
        asked = requests(line)
        time.sleep(1.5)
        assert requests(line) > asked  # the packs are read on
        mark = len(subscriber.messages)
        broker.start()
        subscriber.wait_subscribed(times)
        all_online(subscriber, mark)
    no_traceback(running)


def test_a_broker_that_stalls_does_not_hold_the_bus(running, line, broker, subscriber):
    broker.freeze()
    asked = requests(line)
    gaps = []
    last = time.monotonic()
    deadline = last + 12  # keepalive is 5 s: it is left, and its successor answers nothing either
    while time.monotonic() < deadline:
        time.sleep(0.02)
        if requests(line) != asked:
            asked = requests(line)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()
    assert max(gaps) < 4, gaps  # two packs, each once a second; held by the broker they would come after 5 s
    running.wait_said("is lost")
    running.wait_said("within 5 s")
    mark = len(subscriber.messages)
    broker.thaw()
    all_online(subscriber, mark, 40)
    health = subscriber.wait_topic("jkbms/bridge/health", start=mark, timeout=20)
    assert json.loads(health.payload)["loop_gap"] < 3000
    no_traceback(running)


def test_a_broker_that_is_not_there_yet(device, line, tmp_path):
    require_mosquitto()
    broker = Broker(tmp_path / "late")
    device.configure(line.tcp_port, broker.port)
    device.start()
    device.wait_said("nothing listens there")
    with broker, Subscriber(broker, "#") as heard:
        all_online(heard)
    no_traceback(device)


def test_a_wrong_password_is_said_and_nothing_is_published(device, line, tmp_path):
    with Broker(tmp_path / "closed", user="jk", password="right") as broker:
        device.configure(line.tcp_port, broker.port, user="jk", password="wrong one")
        device.start()
        device.wait_said("check mqtt.user, mqtt.password")
        with Subscriber(broker, "jkbms/#") as heard:
            time.sleep(3)
            assert heard.messages == []
        assert "wrong one" not in device.said()
        device.end(signal.SIGINT)
        device.configure(line.tcp_port, broker.port, user="jk", password="right")
        with Subscriber(broker, "#") as heard:
            device.start()
            all_online(heard)
        no_traceback(device)


def test_a_broker_name_that_does_not_resolve_is_said_and_the_packs_are_read_on(device, line):
    device.configure(line.tcp_port, 1883, mqtt={"host": "no-such-broker.invalid"})
    device.start()
    text = "The name of the MQTT broker, no-such-broker.invalid, cannot be looked up "
    device.wait_said(text + "(no such name).", 60)
    asked = requests(line)
    time.sleep(2.5)
    assert requests(line) >= asked + 2
    assert device.said().count("cannot be looked up") < 4
    no_traceback(device)


def test_comes_back_when_the_serial_line_is_cut(running, line, subscriber):
    line.drop_clients()
    running.wait_said("The serial line")
    running.wait_said("is lost")
    mark = len(subscriber.messages)
    for address in (1, 2):
        subscriber.wait_topic(f"jkbms/{address}/live", timeout=15, start=mark)
    no_traceback(running)


def test_a_serial_line_that_is_not_there_is_said_and_the_bridge_is_online_all_the_same(device, broker, subscriber):
    port = free_port()
    device.configure(port, broker.port)
    device.start()
    device.wait_said("cannot be opened: nothing listens there")
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    assert not subscriber.of("jkbms/1/live")
    mark = len(subscriber.messages)
    with Server(make_line((1, 2)), tcp=f"127.0.0.1:{port}"):
        subscriber.wait_topic("jkbms/1/live", timeout=25, start=mark)
    no_traceback(device)


def test_long_and_strange_messages_do_no_harm(running, subscriber):
    subscriber.publish("jkbms/bridge/info", b"A" * 200_000)
    subscriber.publish("jkbms/bridge/info", b"\xff\x00\xfe")
    subscriber.publish("jkbms/bridge/info", b"")
    subscriber.publish("jkbms/bridge/health", b"{" * 511)
    subscriber.publish("jkbms/bridge/info", b"x" * 513)
    time.sleep(0.5)
    mark = len(subscriber.messages)
    for address in (1, 2):
        subscriber.wait_topic(f"jkbms/{address}/live", start=mark)
    assert "is lost" not in running.said()
    no_traceback(running)


def test_what_is_no_broker(device, line):
    """A web server, one that says nothing, and one that hangs up: each said, each tried again."""
    answers = [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x20\x02", None]
    with socket.create_server(("127.0.0.1", 0)) as server:
        device.configure(line.tcp_port, server.getsockname()[1])
        taken = []

        def serve() -> None:
            for answer in answers:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                taken.append(client)
                client.recv(1000)
                if answer is not None:
                    client.sendall(answer)
                    client.close()

        threading.Thread(target=serve, daemon=True).start()
        device.start()
        device.wait_said("not MQTT")
        device.wait_said("closed the connection")
        device.wait_said("within 5 s", 30)
        assert len(taken) == 4
        for client in taken:
            client.close()
    no_traceback(device)


CONFIG = {"bus": {"port": "tcp://127.0.0.1:1"}, "mqtt": {"host": "127.0.0.1"}}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, ["config.json is missing", '{"mqtt": {"host": "192.168.1.10"}}']),
        ("", ["config.json is not JSON", "its end does not fit"]),
        ({"mqtt": CONFIG["mqtt"]}, ["config.json: bus.port is missing", "tcp://192.168.1.20:8899"]),
        ({**CONFIG, "mqtt": {"host": "a", "tls": True, "ca": "x.crt"}}, ["no such file on the device. `make config`"]),
        ('{\n "interval": five\n}', ["config.json is not JSON", "line 2"]),
        ({**CONFIG, "intervall": 5}, ["config.json: ", "intervall", "interval"]),
        ({"bus": CONFIG["bus"]}, ["config.json: mqtt.host is missing"]),
        ({**CONFIG, "bus": {"port": "/dev/ttyUSB0"}}, ["config.json: ", "/dev/ttyUSB0", "tcp://192.168.1.20:8899"]),
        ({"mqtt": {"host": "a", "tls": True}, "bus": CONFIG["bus"]}, ["config.json: ", "mqtt.ca is missing"]),
    ],
)
def test_a_configuration_that_cannot_be_used_is_explained(device, config, words):
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        (device.folder / "config.json").write_text(text)
    status, said = device.run()
    assert status == 1
    assert said.startswith("jkbridge cannot start. ")
    for word in words:
        assert word in said
    assert len(said.splitlines()) == 1


def test_missing_files_are_named(device):
    device.configure(1, 1)
    device.path = [installed()]
    status, said = device.run()
    assert status == 1
    assert "umqtt.simple is missing: `make deploy BOARD=... PORT=...` installs it" in said
    (device.folder / "board.py").unlink()
    assert device.run()[0] == 1
    assert "board.py is missing: `make deploy BOARD=... PORT=...` installs it" in device.said()
    device.path = []
    assert device.run()[0] == 1
    assert "A file of it is missing (no module named 'jkdevice'): install it with `make deploy`." in device.said()
    no_traceback(device)


PLANTED = {"serial_number": "90817263544", "setup_password": "PlantSetup77", "device_name": "Plantedname-1"}


def recorded_on(device, broker, subscriber, capture, recorded):
    """A device that records packs full of secrets until both have told their about data; recorded(): what there is."""
    line = make_line((1, 2), paced=True)
    for slave in line.slaves.values():
        slave.battery.texts = PLANTED
    with Server(line, tcp="127.0.0.1:0") as serving:
        device.configure(serving.tcp_port, broker.port, capture=capture, log="trace")
        device.start()
        for address in (1, 2):
            subscriber.wait_topic(f"jkbms/{address}/about", timeout=30)
        end = time.monotonic() + 15
        while len(core_bytes.frames_in(received_in(recorded()), core_bytes.ABOUT)) < 4:  # a console takes its time
            assert time.monotonic() < end, recorded()
            time.sleep(0.2)
        device.end(signal.SIGINT)
    no_traceback(device)


def received_in(content):
    whole = content[: content.rfind(b"\n") + 1]
    return b"".join(chunk.data for chunk in recording.parse(whole) if chunk.direction == "<")


def check_recording(content, tmp_path, capsys):
    """It holds both packs, can be replayed, and no secret."""
    chunks = recording.parse(content)
    received = received_in(content)
    assert recording.has_times(content)
    assert any(chunk.direction == ">" for chunk in chunks)
    about = core_bytes.frames_in(received, core_bytes.ABOUT)
    assert len(about) >= 4
    for word in PLANTED.values():
        assert word.encode() not in received + content
    path = tmp_path / "recorded.txt"
    path.write_bytes(content)
    assert cli.main(["replay", str(path), "--print", "--log", "error"]) == 0
    topics = {line.partition(" ")[0] for line in capsys.readouterr().out.splitlines()}
    assert {"jkbms/1/live", "jkbms/2/about"} <= topics


def test_the_console_is_a_recording_when_asked_for(device, broker, subscriber, tmp_path, capsys):
    recorded_on(device, broker, subscriber, "console", lambda: device.said().encode())
    said = device.said()
    assert "# " in said
    check_recording(said.replace("Ending.", "").encode(), tmp_path, capsys)


def test_a_listener_gets_the_recording(device, broker, subscriber, tmp_path, capsys):
    got = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen():
            connection = listener.accept()[0]
            with connection:
                while data := connection.recv(4096):
                    got.extend(data)

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        recorded_on(device, broker, subscriber, f"tcp://127.0.0.1:{listener.getsockname()[1]}", lambda: bytes(got))
        thread.join(5)
    check_recording(bytes(got), tmp_path, capsys)
    assert "55 aa" not in device.said()


def test_a_capture_that_is_not_possible_is_said(device, broker):
    device.configure(1, broker.port, capture="bus.txt")
    status, said = device.run()
    assert status == 1
    assert 'config.json: capture = "bus.txt" is not possible on a device' in said
