"""The commands that change settings through a running bridge: a real broker, a real bridge, a simulated line."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from change_rig import Typed
from host_fakes import until
from mosquitto import Broker, Subscriber

from jkbridge import cli
from jkbridge import settings as settings_module
from jkbridge.change import command, mqtt_way
from jkbridge.run import Runner
from jkbridge.simulator import Server, make_line

CONFIG = """
writes = "{writes}"
unlock = "{unlock}"
interval = 1
[bus]
port = "tcp://127.0.0.1:{port}"
packs = "1-2"
[mqtt]
host = "127.0.0.1"
port = {broker}
[[pack]]
address = 1
name = "One"
chemistry = "lfp"
[[pack]]
address = 2
name = "Two"
chemistry = "lfp"
"""


class World:
    """A broker, a line with two packs, and a bridge between them."""

    def __init__(self, folder: Path, writes: str, unlock: str) -> None:
        self.folder = folder
        self.broker = Broker(folder / "broker")
        self.line = make_line([1, 2], firmware="15.30", stories=((),))
        self.server = Server(self.line, tcp="127.0.0.1:0")
        self.writes = writes
        self.unlock = unlock
        self.runner: Runner | None = None
        self.screen = Typed(None)

    def __enter__(self) -> World:
        self.broker.start()
        self.server.start()
        self.file = self.folder / "jkbridge.toml"
        self.file.write_text(CONFIG.format(
            writes=self.writes, unlock=self.unlock, port=self.server.tcp_port, broker=self.broker.port))  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self.end_bridge()
        self.server.stop()
        self.broker.stop()

    def start_bridge(self) -> None:
        self.runner = Runner(settings_module.load(str(self.file), {}, {}), Sink(), False)  # type: ignore[arg-type]
        self.runner.start()
        self.thread = threading.Thread(target=self.runner.spin)
        self.thread.start()
        with Subscriber(self.broker, "jkbms/#") as heard:
            for topic in ("1/settings", "2/settings", "1/about", "2/about"):
                heard.wait_for(lambda m, t=topic: m.topic == f"jkbms/{t}", 20)
            heard.wait_topic("jkbms/bridge/state", b"online", 20)
            time.sleep(2)  # commands sooner than 2 s after its subscription are refused

    def end_bridge(self) -> None:
        if self.runner is not None:
            self.runner.stop()
            self.thread.join(10)
            self.runner.finish()
            self.runner = None

    def run(self, *words: str, answers: list[str] | None = None) -> int:
        args = cli.parse(words)
        loaded = settings_module.load(str(self.file), {}, cli.flags(args))
        self.screen = Typed(answers)
        return command.main(args, loaded, self.screen)

    @property
    def out(self) -> str:
        return self.screen.out

    @property
    def err(self) -> str:
        return self.screen.err

    def written(self, address: int) -> list[dict[str, int]]:
        with self.server.lock:
            return [write.asked for write in self.line.slaves[address].writes.log]

    def kept(self, address: int) -> dict[str, int]:
        with self.server.lock:
            return dict(self.line.slaves[address].settings())


class Sink:
    """A log that keeps nothing."""

    level = 99
    sink: Any = None

    def __call__(self, level: int, text: str) -> None:
        pass


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world"), "all", "off") as made:
        made.start_bridge()
        yield made


@pytest.fixture
def fresh(world: World) -> World:
    """The packs as they are at first, and nothing written yet."""
    with world.server.lock:
        for slave in world.line.slaves.values():
            slave.writes.log.clear()
    return world


def test_get_tells_what_the_bridge_has_read_and_how_old_it_is(fresh: World) -> None:
    assert fresh.run("get", "all", "cell_overvoltage_protection", "model") == 0
    assert "cell_overvoltage_protection  3.65" in fresh.out
    assert "at most a minute or two ago" in fresh.err
    assert fresh.run("get", "9") == 2
    assert "knows no pack 9. Packs there: 1, 2." in fresh.err


def test_get_of_a_pack_that_never_answered_says_so_and_not_to_wait(fresh: World) -> None:
    with Subscriber(fresh.broker, "jkbms/#") as other:
        other.publish("jkbms/5/availability", b"offline", retain=True, qos=1)
        try:
            assert fresh.run("get", "5") == 1
        finally:
            other.publish("jkbms/5/availability", b"", retain=True, qos=1)
    assert "Pack 5 is offline" in fresh.err
    assert "try again" not in fresh.err


def test_set_goes_through_the_bridge_as_one_command(fresh: World) -> None:
    with Subscriber(fresh.broker, "jkbms/+/set", "jkbms/+/result") as heard:
        code = fresh.run("set", "1", "balance_trigger_voltage=0.02", "rcv_time=4", answers=["yes"])
        assert code == 0, fresh.out + fresh.err
        sent = heard.of("jkbms/1/set")
        assert len(sent) == 1
        assert not sent[0].retain
        heard.wait_topic("jkbms/1/result")
    order = json.loads(sent[0].payload)
    assert {name: order[name] for name in order if name != "id"} == {"balance_trigger_voltage": 0.02, "rcv_time": 4.0}
    assert fresh.out.count("done, and read back") == 2
    assert fresh.written(1) == [{"balance_trigger_voltage": 20}, {"rcv_time": 40, "rfv_time": 50}]
    assert fresh.written(2) == []


def test_a_dangerous_change_carries_the_word(fresh: World) -> None:
    assert fresh.run("set", "1", "discharge_switch=OFF", answers=["CONFIRM 2"]) == 1
    assert fresh.run("set", "1", "discharge_switch=OFF", "--yes") == 1
    assert fresh.written(1) == []
    assert fresh.run("set", "1", "discharge_switch=OFF", answers=["CONFIRM 1", "yes"]) == 0, fresh.err
    assert fresh.written(1) == [{"discharge_switch": 0}]
    with fresh.server.lock:
        fresh.line.slaves[1].store({"discharge_switch": 1}, 0)


def test_refusals_here_send_no_command_at_all(fresh: World) -> None:
    with Subscriber(fresh.broker, "jkbms/+/set") as heard:
        assert fresh.run("set", "1", "cell_overvoltage_recovery=3.60", "--yes") == 1
        assert "must stay below" in fresh.err
        assert fresh.run("set", "1", "balance_switch=OFF") == 1  # no terminal
        assert fresh.run("set", "1", "balance_switch=OFF", answers=["no"]) == 1
        assert fresh.run("set", "1,2", "balance_switch=OFF", "--yes") == 2
        time.sleep(0.3)
        assert heard.messages == []


def test_the_bridge_has_the_last_word(fresh: World) -> None:
    """The battery was changed behind its back: what is kept at the broker is old."""
    with fresh.server.lock:
        fresh.line.slaves[1].store({"cell_soc100_voltage": 3585, "cell_request_charge_voltage": 3590}, 0)
    code = fresh.run("set", "1", "cell_overvoltage_recovery=3.588", "--yes")
    assert code == 1
    assert "must stay below cell_soc100_voltage" in fresh.err
    assert fresh.written(1) == []
    usual = ("cell_soc100_voltage=3.59", "cell_request_charge_voltage=3.60")
    until(lambda: fresh.run("set", "1", *usual, "--yes") == 0, 5)


def test_all_packs_backup_diff_and_restore(fresh: World, tmp_path: Path) -> None:
    assert fresh.run("backup", "1") == 0
    file = tmp_path / "pack1.json"
    file.write_text(fresh.out)
    assert json.loads(fresh.out)["chemistry"] == "lfp"
    assert fresh.run("set", "all", "balance_switch=OFF", "smart_sleep_time=20", "--all", "--yes") == 0, fresh.err
    assert fresh.kept(1)["balance_switch"] == fresh.kept(2)["balance_switch"] == 0
    assert fresh.run("diff", "1", str(file)) == 1
    assert [text.split()[0] for text in fresh.out.splitlines()[1:]] == ["balance_switch", "smart_sleep_time"]
    assert fresh.run("restore", str(file), "--to", "1", answers=["yes"]) == 0, fresh.err
    assert fresh.kept(1)["balance_switch"] == 1
    assert fresh.run("diff", "1", str(file)) == 0


def test_what_the_bridge_publishes_afterwards_is_what_was_set(fresh: World) -> None:
    assert fresh.run("set", "2", "balance_trigger_voltage=0.031", "--yes") == 0
    with Subscriber(fresh.broker, "jkbms/2/settings") as heard:
        heard.wait_for(lambda m: json.loads(m.payload)["balance_trigger_voltage"] == 0.031, 5)


def test_writes_of_the_command_line_is_for_the_bus(fresh: World) -> None:
    assert fresh.run("set", "1", "smart_sleep_time=21", "--yes", "--writes", "off") == 0
    assert "counts only directly on the bus" in fresh.err


def test_an_unlock_that_is_not_allowed_is_refused_by_the_bridge(fresh: World) -> None:
    assert fresh.run("unlock", "all", "5") == 1
    assert "`unlock` of the configuration is off" in fresh.err
    assert fresh.run("unlock", "all", "90") == 2
    assert fresh.run("unlock", "safe") == 2


def test_no_result_is_said_with_what_to_do(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_way, "_STEP_S", 0.0)
    monkeypatch.setattr(mqtt_way, "_WAY_S", 0.01)
    assert fresh.run("set", "1", "smart_sleep_time=22", "--yes") == 1
    assert "No result came" in fresh.err
    assert "What was changed is not known: look with jkbridge get" in fresh.err
    until(lambda: fresh.kept(1)["smart_sleep_time"] == 22, 10)
    time.sleep(1)  # its result


def test_results_of_others_are_not_ours(fresh: World) -> None:
    stop = threading.Event()

    def shout() -> None:
        with Subscriber(fresh.broker, "x") as other:
            while not stop.wait(0.02):
                for payload in (
                    '{"id":"else","status":"ok","fields":[]}', "x", "[]", '{"field":"a","status":"ok"}',
                    '{"field":"a","asked":1,"status":"refused","value":null,"reason":"no"}',
                    '{"status":"refused","reason":"no","fields":[{"field":"a","asked":1,"status":"refused"}]}',
                ):  # fmt: skip
                    other.publish("jkbms/1/result", payload)

    thread = threading.Thread(target=shout)
    thread.start()
    try:
        assert fresh.run("set", "1", "smart_sleep_time=23", "--yes") == 0
    finally:
        stop.set()
        thread.join()
    assert "done, and read back" in fresh.out
    assert fresh.kept(1)["smart_sleep_time"] == 23


def test_a_refusal_before_anything_was_read_is_told_at_once(fresh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names neither the command nor a field; waiting for another one would take half a minute."""
    long = b'{"smart_sleep_time":' + b" " * 600 + b"22}"
    monkeypatch.setattr("jkbridge.change.order.Order.payload", lambda order: long)
    monkeypatch.setattr("jkbridge.change.order.Order.fits", lambda order: True)
    monkeypatch.setattr("jkbridge.change.proposal.check", lambda *_: 1)
    began = time.monotonic()
    assert fresh.run("set", "1", "smart_sleep_time=22", "--yes") == 1
    assert "more than 512 bytes" in fresh.err
    assert time.monotonic() - began < 10


# worlds of their own


def test_unlock_opens_a_bridge_for_a_while(tmp_path: Path) -> None:
    with World(tmp_path, "off", "safe") as world:
        world.start_bridge()
        assert world.run("set", "1", "balance_switch=OFF", "--yes") == 1
        assert "jkbridge unlock safe 10" in world.err
        assert "needs writes = safe; now it is off" in world.err
        assert world.written(1) == []
        assert world.run("unlock", "safe", "5") == 0
        assert world.out == "The bridge is open for safe changes for 5 min.\n"
        assert world.run("set", "1", "balance_switch=OFF", "--yes") == 0
        assert world.run("unlock", "off") == 0
        assert world.run("set", "1", "balance_switch=ON", "--yes") == 1
        # The bridge ends: what it has kept at the broker is no way to the packs, and there is no port of ours.
        world.end_bridge()
        world.file.write_text(world.file.read_text().replace("tcp://127.0.0.1", "tcp://127.0.0.2"))
        code = world.run("get", "1")
        assert code == 2
        assert "No bridge is online" in world.err
        assert "Going directly to tcp://127.0.0.2" in world.err


def test_a_bridge_that_takes_no_commands_says_so_at_once(tmp_path: Path) -> None:
    with World(tmp_path, "off", "off") as world:
        world.start_bridge()
        began = time.monotonic()
        assert world.run("set", "1", "balance_switch=OFF", "--yes") == 1
        assert "`writes` and `unlock` are off" in world.err
        assert world.run("unlock", "safe", "5") == 1
        assert time.monotonic() - began < 5
        assert world.run("get", "1", "cell_count") == 0


def test_a_bridge_that_has_lost_its_broker_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    """It goes on asking the packs meanwhile: nobody else may talk on its bus."""
    with World(tmp_path, "all", "off") as world:
        world.start_bridge()
        world.broker.restart()
        assert world.run("get", "1", "cell_count") == 0
        assert "Going directly" not in world.err


def test_a_bridge_that_dies_in_between_is_told(tmp_path: Path) -> None:
    with World(tmp_path, "all", "off") as world:
        world.start_bridge()
        with world.server.lock:
            world.line.fault("silence", 1)
        threading.Timer(2.0, lambda: world.runner and world.runner.session.close(False)).start()
        assert world.run("set", "1", "balance_switch=OFF", "--yes") == 1
        assert "went offline before it told the result" in world.err


def test_without_bridge_the_bus_is_used_and_never_both_at_once(tmp_path: Path) -> None:
    with Server(make_line([1], firmware="15.30", stories=((),)), pty=True) as server:
        file = tmp_path / "jkbridge.toml"
        file.write_text(f'[bus]\nport = "{server.pty_path}"\npacks = "1"\n[mqtt]\nhost = "127.0.0.1"\nport = 1\n')

        def run(*words: str) -> tuple[int, Typed]:
            args = cli.parse(words)
            screen = Typed(None)
            return command.main(args, settings_module.load(str(file), {}, cli.flags(args)), screen), screen

        code, screen = run("get", "1", "cell_count")
        assert code == 0, screen.err
        assert "No MQTT broker listens at 127.0.0.1:1. Going directly to" not in screen.err
        assert "Going directly to" in screen.err
        assert "Trying again" not in screen.err
        import serial

        with serial.Serial(server.pty_path, exclusive=True):
            code, screen = run("set", "1", "balance_switch=OFF", "--yes", "--writes", "safe")
        assert code == 2, screen.err
        assert "is in use by" in screen.err
        assert "Name its broker (--broker)" in screen.err
        assert list(server.line.slaves[1].writes.log) == []
        code, screen = run("unlock", "safe", "5")
        assert code == 2
        assert "nothing to unlock" in screen.err


def test_no_way_at_all_names_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jkbridge.change.way._EMBEDDED", ("127.0.0.1", 1))
    args = cli.parse(["get"])
    screen = Typed(None)
    assert command.main(args, settings_module.load(None, {}, {}, []), screen) == 2
    assert "--broker" in screen.err
    assert "--port" in screen.err


def test_a_port_named_just_now_is_not_the_bridges(fresh: World) -> None:
    """Pack 1 of another bus is another battery."""
    with Server(make_line([1], firmware="15.30", stories=((),), cells=8), pty=True) as server:
        assert fresh.run("get", "1", "cell_count", "--json", "--port", str(server.pty_path)) == 0
        assert json.loads(fresh.out) == {"1": {"cell_count": 8}}
        assert "uses another port" in fresh.err
