"""The device's program when it fails: tracebacks, bad starts, safe mode, the last good configuration.

main.py on the unix port; recovery_main.py makes it fail, recovery_machine.py makes the PC a device that can be reset.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import time

import mp
import pytest
from test_device_end_to_end import CONFIG, Device, all_online, no_traceback, requests

from jkbridge.simulator.make import make_line
from jkbridge.simulator.server import Server

RESET = 77
SECRET = "Wlan-Geheim-7"


class Failing(Device):
    """A device that can be told to fail; `device`: with machine.reset()."""

    def __init__(self, folder, device=True):
        super().__init__(folder)
        shutil.copy(mp.FIRMWARE / "main.py", folder / "main.py")
        self.path[0] = mp.FIRMWARE  # as it is, so that it can be made to fail
        shutil.copy(mp.ROOT / "tests" / "recovery_main.py", folder / "run.py")
        if device:
            shutil.copy(mp.ROOT / "tests" / "recovery_machine.py", folder / "machine.py")
        self.orders()

    def orders(self, normal=None, safe=None):
        (self.folder / "orders.json").write_text(json.dumps({"normal": normal or {}, "safe": safe or {}}))

    def start(self):
        command, env = mp.unix_command(self.folder / "run.py", heapsize=self.heapsize, path=self.path)
        with open(self.output, "a") as output:
            self.process = mp.subprocess.Popen(
                command, env=env, cwd=self.folder, stdin=mp.subprocess.DEVNULL, stdout=output, stderr=output, text=True
            )

    def run(self, cause=1):
        """One run to its end; what it said in it."""
        (self.folder / "cause.txt").write_text(str(cause))
        before = len(self.said()) if self.output.exists() else 0
        self.start()
        return self.process.wait(30), self.said()[before:]

    def kept(self, name):
        path = self.folder / name
        return json.loads(path.read_text()) if path.exists() else None


@pytest.fixture
def device(tmp_path):
    made = Failing(tmp_path / "device")
    yield made
    made.close()
    print(made.said() if made.output.exists() else "(never started)")


@pytest.fixture
def line():
    with Server(make_line((1, 2)), tcp="127.0.0.1:0") as serving:
        yield serving


def early(text="broken"):
    return {"fail": 0, "text": text}


def bad_starts(device, count):
    """As after so many bad starts; test_five_bad_starts_... goes all the way."""
    (device.folder / "boots.json").write_text(json.dumps([count, False, 1, "ValueError: broken"]))


def test_five_bad_starts_lead_to_safe_mode_and_a_good_try_out_of_it(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port)
    device.orders(normal=early("broken again"))
    for count in range(1, 6):
        status, said = device.run()
        assert status == RESET
        assert "ValueError: broken again" in said
        assert device.kept("boots.json")[0] == count
        assert ("safe mode" in said) == (count == 5)
    (row,) = device.kept("tracebacks.json")
    assert row[2] == 5  # the same one, counted

    mark = len(subscriber.messages)
    asked = requests(line)
    device.start()
    health = json.loads(subscriber.wait_topic("jkbms/bridge/health", start=mark, timeout=20).payload)
    assert health["mode"] == "safe"
    assert "5 starts in a row failed" in health["reason"]
    assert "ValueError: broken again" in health["reason"]
    for figure in ("uptime", "heap_free", "heap_low", "loop_gap", "mqtt_reconnects", "blocking_longest"):
        assert figure in health
    assert health["reset"] == "power on"
    info = json.loads(subscriber.wait_topic("jkbms/bridge/info", start=mark).payload)
    assert info["problem"] == health["reason"]
    assert info["bus"] == []
    subscriber.wait_topic("jkbms/bridge/state", b"online", start=mark)
    event = json.loads(subscriber.wait_topic("jkbms/bridge/event", start=mark).payload)
    assert event["event_type"] == "error"
    assert event["times"] == 5
    assert event["traceback"].startswith("Traceback (most recent call last):\n")
    assert requests(line) == asked  # the bus is left alone
    device.wait_said("Nothing is read from the batteries. Next try in normal mode in 10 min.")
    device.process.kill()
    device.process.wait()

    # Ten minutes later: one try. It fails, so safe mode again; the next one lasts.
    device.orders(normal=early("broken again"), safe={"jump": 600})
    status, said = device.run()
    assert status == RESET
    assert "tries the normal mode again" in said
    assert device.run()[0] == RESET
    status, said = device.run()
    assert status == RESET
    assert "Safe mode: " in said
    device.orders(normal={"jump": 60})
    mark = len(subscriber.messages)
    device.start()
    all_online(subscriber, mark)
    deadline = time.monotonic() + 15
    while (device.folder / "boots.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert device.end(signal.SIGINT) == 0


def test_an_error_after_a_minute_restarts_and_is_told_once(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port, password=SECRET, user="jk")
    device.orders(normal={"jump": 70, "fail": 70, "text": "no " + SECRET + " for jk"})
    status, said = device.run()
    assert status == RESET
    assert "Please report this" in said
    assert SECRET not in said
    assert device.kept("boots.json") is None
    (row,) = device.kept("tracebacks.json")
    assert row[4].endswith("ValueError: no *** for ***")
    assert row[1] >= 70
    device.orders(normal={"jump": 1})
    mark = len(subscriber.messages)
    device.start()
    event = json.loads(subscriber.wait_topic("jkbms/bridge/event", start=mark, timeout=40).payload)
    assert event["traceback"] == row[4]
    device.wait_said("s after it began")
    assert device.end(signal.SIGINT) == 0
    mark = len(subscriber.messages)
    at = len(device.said())
    device.start()
    all_online(subscriber, mark)
    time.sleep(2)
    assert device.end(signal.SIGINT) == 0
    assert [m for m in subscriber.messages[mark:] if m.topic.endswith("/event")] == []
    no_traceback(device, at)


def test_the_last_three_tracebacks_are_kept(device, line, broker):
    device.configure(line.tcp_port, broker.port)
    for n in range(4):
        device.orders(normal=early(f"number {n}"))
        device.run()
    assert [row[4].split()[-1] for row in device.kept("tracebacks.json")] == ["1", "2", "3"]


def test_a_lost_broker_is_no_bad_start(device, line):
    device.configure(line.tcp_port, 1)
    device.start()
    device.wait_said("nothing listens there")
    device.end(signal.SIGINT)
    assert device.kept("boots.json") is None
    assert device.kept("tracebacks.json") is None


def test_hangs_in_a_row_count_from_the_second_on(device, line):
    device.configure(line.tcp_port, 1)
    device.orders(normal={"hang": 0})
    device.run()
    counts = []
    for _ in range(5):
        device.run(cause=3)
        counts.append(device.kept("boots.json")[0])
    assert counts == [0, 1, 2, 3, 4]
    device.start()
    device.wait_said("the last one because of this: the program hung until the watchdog restarted the device.")


def test_a_hang_in_a_run_that_lasted_is_no_bad_start(device, line):
    device.configure(line.tcp_port, 1)
    for _ in range(3):
        device.orders(normal={"jump": 61, "hang": 75})
        device.start()
        (device.folder / "cause.txt").write_text("3")
        deadline = time.monotonic() + 20
        time.sleep(2)
        while (device.folder / "boots.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        device.close()


def test_a_module_that_raises_when_it_is_imported(device, line, broker, subscriber, tmp_path):
    shutil.copytree(mp.FIRMWARE, tmp_path / "broken")
    module = tmp_path / "broken" / "jkcore" / "bridge.py"
    module.write_text(module.read_text() + "\nraise ValueError('cosmic ray')\n")
    device.path[0] = tmp_path / "broken"
    device.configure(line.tcp_port, broker.port)
    bad_starts(device, 4)
    status, said = device.run()
    assert status == RESET
    assert "cosmic ray" in said
    device.start()
    health = json.loads(subscriber.wait_topic("jkbms/bridge/health", timeout=20).payload)
    assert "ValueError: cosmic ray" in health["reason"]


def test_a_file_that_is_missing_is_named_over_mqtt_too(device, line, broker, subscriber, tmp_path):
    shutil.copytree(mp.FIRMWARE, tmp_path / "broken")
    (tmp_path / "broken" / "jkcore" / "poll.py").unlink()
    device.path[0] = tmp_path / "broken"
    device.configure(line.tcp_port, broker.port)
    bad_starts(device, 4)
    assert "A file of jkbridge is missing" in device.run()[1]
    device.start()
    health = json.loads(subscriber.wait_topic("jkbms/bridge/health", timeout=20).payload)
    assert "A file of jkbridge is missing" in health["reason"]


def test_an_error_in_safe_mode_leaves_the_console_and_the_next_try(tmp_path, line, broker):
    device = Failing(tmp_path / "pc", device=False)
    device.configure(line.tcp_port, broker.port)
    bad_starts(device, 5)
    device.orders(safe=early("safe is not safe"))
    assert device.run()[0] == 1
    status, said = device.run()
    assert status == 1
    assert "jkbridge rests: safe mode failed, too" in said
    device.start()
    device.wait_said("Connected to the MQTT broker")
    assert "Safe mode" not in device.said().split("rests")[1]
    assert device.end(signal.SIGINT) == 0


def test_packs_an_earlier_run_left_online_are_offline_in_safe_mode(device, line, broker, subscriber):
    for topic in ("jkbms/1/availability", "jkbms/2/availability"):
        subscriber.publish(topic, "online", retain=True)
    device.configure(line.tcp_port, broker.port)
    bad_starts(device, 5)
    device.start()
    for address in (1, 2):
        subscriber.wait_topic(f"jkbms/{address}/availability", b"offline", 20)
    subscriber.wait_topic("jkbms/bridge/state", b"online", 20)
    device.process.kill()
    subscriber.wait_topic("jkbms/bridge/state", b"offline")


def test_safe_mode_leaves_the_topics_of_a_living_bridge_alone(device, line, broker, subscriber):
    subscriber.publish("jkbms/bridge/state", "online", retain=True)
    device.configure(line.tcp_port, broker.port)
    bad_starts(device, 5)
    device.start()
    device.wait_said("waiting 25 s for a sign of life")
    subscriber.publish("jkbms/bridge/health", '{"instance":"00000000"}')
    device.wait_said("another bridge")
    assert not [m for m in subscriber.of("jkbms/bridge/info") if b'"problem"' in m.payload]


@pytest.mark.parametrize("content", ["", "[1]", '[9,true,1,"x"]', '[5,1,1,"x"]', "\0\xff" * 4], ids=range(5))
def test_a_broken_record_counts_as_none(device, line, content):
    device.configure(line.tcp_port, 1)
    for name in ("boots.json", "tracebacks.json"):
        (device.folder / name).write_text(content)
    device.orders(normal=early())
    assert device.run()[0] == RESET
    assert device.kept("boots.json")[0] == 1
    assert len(device.kept("tracebacks.json")) == 1


def test_a_good_configuration_is_kept_and_used_while_the_new_one_is_bad(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port, user="jk", password=SECRET)
    device.orders(normal={"jump": 5})
    device.start()
    all_online(subscriber)
    good = device.folder / "config.good.json"
    deadline = time.monotonic() + 30
    while not good.exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert device.end(signal.SIGINT) == 0
    right = (device.folder / "config.json").read_bytes()
    assert good.read_bytes() == right
    for bad in (b"{", right.replace(b'"interval"', b'"intervall"'), None, right.replace(b"tcp://", b"udp://")):
        if bad is None:
            (device.folder / "config.json").unlink()
        else:
            (device.folder / "config.json").write_bytes(bad)
        mark = len(subscriber.messages)
        at = len(device.said())
        device.start()
        all_online(subscriber, mark)
        info = json.loads(subscriber.wait_topic("jkbms/bridge/info", start=mark).payload)
        assert info["problem"].startswith("config.json")
        assert info["problem"].endswith("the last good configuration is used.")
        assert info["problem"] in device.said()[at:].replace('"', "?")
        assert SECRET not in device.said()
        assert good.read_bytes() == right  # what was never online is not kept
        # A new one is noticed by itself.
        (device.folder / "config.json").write_bytes(right)
        assert device.process.wait(25) == RESET
        assert "config.json was changed" in device.said()[at:]
        subscriber.wait_topic("jkbms/bridge/state", b"offline", start=mark)


def test_without_a_configuration_a_device_waits_for_one(device, line, broker, subscriber):
    (device.folder / "cause.txt").write_text("3")  # a Pico, which was restarted by hand
    bad_starts(device, 5)  # with the configuration before
    device.start()
    device.wait_said("config.json is missing")
    assert "make config" in device.said()
    time.sleep(1)
    assert device.process.poll() is None
    device.configure(line.tcp_port, broker.port)
    assert device.process.wait(15) == RESET
    assert device.kept("boots.json") is None
    (device.folder / "cause.txt").unlink()
    device.start()
    all_online(subscriber)
    assert device.kept("boots.json") is None


def test_a_bad_configuration_without_an_earlier_one_is_told_over_mqtt(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port, base="first", intervall=5)
    device.start()
    health = json.loads(subscriber.wait_topic("first/bridge/health").payload)
    assert health["mode"] == "safe"
    assert health["reason"].startswith("config.json: Unknown key intervall. Did you mean interval?")
    assert json.loads(subscriber.wait_topic("first/bridge/info").payload)["problem"] == health["reason"]
    subscriber.wait_topic("first/bridge/state", b"online")
    assert requests(line) == 0
    assert "Unknown key intervall" in device.said()
    mark = len(subscriber.messages)
    device.configure(line.tcp_port, broker.port, base="first")
    assert device.process.wait(25) == RESET
    assert "config.json was changed" in device.said()
    subscriber.wait_topic("first/bridge/state", b"offline", start=mark)
    device.start()
    subscriber.wait_topic("first/1/live", start=mark)
    no_traceback(device)


def test_a_bad_configuration_after_bad_starts_is_told_over_mqtt(device, line, broker, subscriber):
    """What the bad starts left on record is neither settled nor lost by it."""
    bad_starts(device, 2)
    device.configure(line.tcp_port, broker.port, bus={"port": "rs485"})
    device.orders(safe={"jump": 70})
    device.start()
    assert "rs485" in json.loads(subscriber.wait_topic("jkbms/bridge/health").payload)["reason"]
    time.sleep(3)
    assert device.process.poll() is None
    assert device.kept("boots.json")[0] == 2
    no_traceback(device)


def test_a_configuration_whose_network_is_bad_too_leaves_the_console(device):
    (device.folder / "config.json").write_text('{"intervall": 5, "mqtt": {"hosst": "a"}}')
    device.start()
    device.wait_said("jkbridge cannot start. config.json: Unknown key")
    time.sleep(1)
    assert device.process.poll() is None


@pytest.mark.parametrize("config", [{**CONFIG, "log": "loud"}, {"log": "loud"}])
def test_ctrl_c_while_it_waits_leads_to_the_prompt(device, config):
    (device.folder / "config.json").write_text(json.dumps(config))
    for _ in range(3):
        (device.folder / "cause.txt").write_text("3")  # a Pico says so of every restart
        mark = len(device.said()) if device.output.exists() else 0
        device.start()
        deadline = time.monotonic() + 20
        while "config.json: log" not in device.said()[mark:]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert device.end(signal.SIGINT) == 0
        assert device.kept("boots.json") is None


def test_the_settings_that_are_secret_are_those_of_the_configuration():
    sys.path.insert(0, str(mp.FIRMWARE))
    from jkcore import config
    from jkdevice import tracebacks

    secret = {row[0].split(".")[-1] for row in config.rows() if row[1] == "secret"}
    assert secret
    assert secret <= set(tracebacks.SECRET)


def test_nothing_is_written_by_a_start_after_a_good_run(device, line, broker, subscriber):
    device.configure(line.tcp_port, broker.port)
    (device.folder / "config.good.json").write_bytes((device.folder / "config.json").read_bytes())
    device.orders(normal={"jump": 70})
    before = {path.name: path.stat().st_mtime_ns for path in device.folder.iterdir()}
    device.start()
    all_online(subscriber)
    time.sleep(2)
    assert device.end(signal.SIGINT) == 0
    after = {path.name: path.stat().st_mtime_ns for path in device.folder.iterdir() if path != device.output}
    assert after == before


def test_a_flash_that_is_full_or_read_only_is_said(device, line):
    device.configure(line.tcp_port, 1)
    (device.folder / "tracebacks.json.new").mkdir()
    (device.folder / "boots.json.new").mkdir()
    device.orders(normal=early())
    status, said = device.run()
    assert status == RESET
    assert "cannot write tracebacks.json" in said


