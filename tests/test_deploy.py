"""`make deploy` end to end on a fake board (fake_board.py): what is copied, what is kept, what is said."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
import tty
from types import SimpleNamespace

import device
import dialect
import mp
import pytest
from device import deploy, link, ports, release
from fake_board import FakeBoard
from fake_running_board import RunningBoard

from jkbridge.simulator.make import make_line
from jkbridge.simulator.server import Server


def make(*arguments, board=None):
    """What a target of the Makefile runs, as a process: (exit status, all it says)."""
    mp.require_mpy_cross()
    mp.require_umqtt()
    command = [sys.executable, "-m", "device", *arguments]
    if board is not None:
        command += ["--port", board.port]
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools")}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def installed(board):
    with board:
        status, said = make("deploy", "--board", "desktop", board=board)
    assert status == 0, said
    return said


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The flash after a first installation, and what was said. Not to be changed: `board` is a copy."""
    board = FakeBoard(tmp_path_factory.mktemp("finished") / "flash")
    return board, installed(board)


@pytest.fixture
def board(tmp_path, finished):
    shutil.copytree(finished[0].folder, tmp_path / "flash")
    return FakeBoard(tmp_path / "flash")


def test_first_installation(finished):
    board, said = finished
    files = board.files()
    assert "0 there already" in said
    assert said.splitlines()[-1].startswith(f"Next: make config BOARD=desktop PORT={board.port}")
    assert files["jk/slot"] == b"a"
    assert files["main.py"] == release.LAUNCHER.read_bytes()
    listed = release.listed(files["jk/a/release"])
    assert {name[5:] for name in files if name.startswith("jk/a/")} == {*listed, "release"}
    for path, sha in listed.items():
        assert hashlib.sha256(files[f"jk/a/{path}"]).hexdigest() == sha
    for needed in ("main.mpy", "board.mpy", "jkcore/bridge.mpy", "jkdevice/loop.mpy", "umqtt/simple.mpy"):
        assert needed in listed
    # The whole chain of imports works: the program looks for its configuration.
    assert "config.json is missing" in board.boot()


def test_nothing_is_copied_when_nothing_changed(board):
    (board.folder / "config.json").write_text('{"mqtt": {"host": "192.168.1.10"}}')
    before = {p: p.stat().st_mtime_ns for p in board.folder.rglob("*")}
    said = installed(board)
    assert "nothing copied" in said
    assert {p: p.stat().st_mtime_ns for p in board.folder.rglob("*")} == before
    assert said.splitlines()[-1].startswith("Next: make device-log")


def test_update_sends_what_changed_and_keeps_the_configuration(board):
    (board.folder / "config.json").write_text('{"mqtt": {"host": "192.168.1.10"}}')
    older = {name: data for name, data in board.files().items() if name.startswith("jk/a/")}
    older = {name[5:]: data for name, data in older.items() if name != "jk/a/release"}
    older["jkcore/config.mpy"] += b"of the release before"
    older["jkcore/gone.mpy"] = b"a module that was"
    for name in ("jkcore/config.mpy", "jkcore/gone.mpy"):
        (board.folder / "jk/a" / name).write_bytes(older[name])
    (board.folder / "jk/a/release").write_bytes(release.listing(older, "desktop"))
    said = installed(board)
    assert f"slot b: 2 files to send, {len(older) - 2} to copy inside the device, 0 there already" in said
    files = board.files()
    assert files["jk/slot"] == b"b"
    assert "jk/b/jkcore/gone.mpy" not in files
    assert files["config.json"] == b'{"mqtt": {"host": "192.168.1.10"}}'
    assert "config.json was kept" in said
    # The old release is still there to fall back to; the next update goes into its place.
    assert files["jk/a/jkcore/gone.mpy"] == b"a module that was"
    assert "nothing copied" in installed(board)


def test_a_main_py_of_somebody_else_is_kept(tmp_path, small):
    small()
    board = FakeBoard(tmp_path / "flash")
    (board.folder / "main.py").write_text("print('blink')\n")
    with board:
        deploy.deploy("desktop", board.port)
    assert board.files()["main_before_jkbridge.py"] == b"print('blink')\n"
    assert board.boot() == "tiny\n"


def tiny(**more):
    return {"main.py": b"def main():\n    print('tiny')\n", "board.py": b"NAME = 'desktop'\n", **more}


def test_the_installed_program_publishes(board, broker, subscriber):
    with Server(make_line((1,)), tcp="127.0.0.1:0") as line:
        config = {
            "bus": {"port": f"tcp://127.0.0.1:{line.tcp_port}", "packs": "1"},
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "discovery": {"enabled": False},
        }
        (board.folder / "config.json").write_text(json.dumps(config))
        process = board.start()
        try:
            subscriber.wait_topic("jkbms/1/live", timeout=20)
        finally:
            process.kill()
            process.wait()


def test_a_running_device_is_stopped_updated_and_publishes_again(board, broker, subscriber):
    with Server(make_line((1,)), tcp="127.0.0.1:0") as line:
        config = {
            "interval": 1,
            "bus": {"port": f"tcp://127.0.0.1:{line.tcp_port}", "packs": "1"},
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "discovery": {"enabled": False},
        }
        (board.folder / "config.json").write_text(json.dumps(config))
        path = board.folder / "jk/a/jkcore/config.mpy"
        path.write_bytes(path.read_bytes() + b"older")
        older = {name[5:]: data for name, data in board.files().items() if name[:5] == "jk/a/"}
        del older["release"]
        (board.folder / "jk/a/release").write_bytes(release.listing(older, "desktop"))
        with RunningBoard(board.folder) as running:
            subscriber.wait_topic("jkbms/1/live", timeout=20)
            mark = len(subscriber.messages)
            status, said = make("deploy", "--board", "desktop", board=running)
            assert status == 0, said
            # Its program said goodbye when it was stopped, and the new one is back by itself.
            subscriber.wait_topic("jkbms/bridge/state", b"offline", 20, start=mark)
            subscriber.wait_topic("jkbms/1/live", timeout=20, start=len(subscriber.messages))
            assert running.starts == 2
        assert b"Ending." in running.said
        assert (board.folder / "jk/slot").read_bytes() == b"b"


@pytest.fixture
def small(monkeypatch):
    """small(): `make deploy` installs tiny(); small(files) these."""

    def use(files=None):
        monkeypatch.setattr(release, "build", lambda name: tiny() if files is None else files)
        monkeypatch.setattr(release, "umqtt_files", dict)

    return use


# The launcher


@pytest.fixture
def two(tmp_path):
    """A board with two whole tiny releases, the second of which starts."""
    board = FakeBoard(tmp_path / "two")
    for slot in "ab":
        files = tiny(**{"jkcore/__init__.py": b"", "jkcore/word.py": b"WORD = 'slot %s'\n" % slot.encode()})
        files["main.py"] = b"from jkcore.word import WORD\n\n\ndef main():\n    print(WORD)\n"
        for name, data in release.complete(files, "desktop").items():
            path = board.folder / "jk" / slot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    (board.folder / "jk/slot").write_text("b")
    shutil.copy(release.LAUNCHER, board.folder / "main.py")
    return board


def test_the_named_slot_starts(two):
    assert two.boot() == "slot b\n"
    (two.folder / "jk/slot").write_text("a\n")
    assert two.boot() == "slot a\n"


@pytest.mark.parametrize("name", ["jkcore/word.py", "release", "main.py"])
def test_a_missing_or_shorter_file_means_the_other_slot(two, name):
    path = two.folder / "jk/b" / name
    path.write_bytes(path.read_bytes()[:-30])
    assert two.boot() == "jkbridge: there is no whole release in /jk/b.\nslot a\n"
    path.unlink()
    assert two.boot() == "jkbridge: there is no whole release in /jk/b.\nslot a\n"


@pytest.mark.parametrize("damage", [b"X", b"\0"])
def test_a_release_that_cannot_be_imported_means_the_other_slot(two, damage):
    # jkcore of slot b is in memory by then: none of it may be used by the release of slot a.
    path = two.folder / "jk/b/main.py"
    path.write_bytes(path.read_bytes().replace(b"main():", damage * 5 + b"()"))
    said = two.boot()
    assert said.startswith("jkbridge: the release in /jk/b cannot be loaded:\nTraceback")
    assert said.endswith("\nslot a\n")


@pytest.mark.parametrize("text", ["", "?", None])
def test_a_damaged_slot_file_is_no_end(two, text):
    path = two.folder / "jk/slot"
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert two.boot() == "slot a\n"


def test_no_release_at_all_is_said(two):
    shutil.rmtree(two.folder / "jk")
    assert two.boot().endswith("install it again with `make deploy`. config.json is kept.\n")


def test_deploy_takes_the_slot_that_starts_for_the_running_one(two, small):
    """Slot b is named but broken, so a starts: the new release must not be written over it."""
    (two.folder / "jk/b/jkcore/word.py").unlink()
    small()
    with two:
        deploy.deploy("desktop", two.port)
    assert two.boot() == "tiny\n"
    assert (two.folder / "jk/slot").read_text() == "b"
    assert (two.folder / "jk/a/jkcore/word.py").exists()


# What can be wrong


@contextlib.contextmanager
def waits_for_restart(board):
    yield
    board.process.wait(10)


def test_a_full_flash_is_said_before_anything_is_written(two, small):
    files = tiny(**{"big.py": b"#" * 600_000})
    small(files)
    (two.folder / "mine.bin").write_bytes(b"\0" * 300_000)
    two.blocks = 212
    before = two.files()
    says = r"ARGS=--one-slot.*starts only after another"
    with two, waits_for_restart(two), pytest.raises(device.DeviceError, match=says):
        deploy.deploy("desktop", two.port)
    assert two.files() == before
    # The release that runs was stopped for nothing, so it has been started again.
    assert two.process.returncode == 0


def test_one_slot_replaces_the_only_release(two, small):
    small()
    with two:
        deploy.deploy("desktop", two.port, one_slot=True)
    assert two.boot() == "tiny\n"
    assert not [name for name in two.files() if name.startswith("jk/a")]


@pytest.mark.parametrize("error", [link.serial.SerialException("no more"), KeyboardInterrupt()])
def test_a_release_that_is_being_replaced_is_not_said_to_run_still(two, small, monkeypatch, error):
    small()

    def write(board, path, data):
        with link._explained(board.port, answered=True):
            raise error

    monkeypatch.setattr(link.Board, "write", write)
    with two, pytest.raises(device.DeviceError, match="starts only after another `make deploy`") as raised:
        deploy.deploy("desktop", two.port, one_slot=True)
    assert "still runs" not in str(raised.value)


def test_umqtt_that_cannot_be_fetched_is_said_to_an_owner(monkeypatch, tmp_path):
    """Who deploys has nothing to do with tests."""
    import fetch_umqtt
    import requests

    def no_internet(*_, **__):
        raise requests.ConnectionError("no route")

    monkeypatch.setattr(release, "UMQTT", tmp_path / "simple.py")
    monkeypatch.setattr("pypi_simple.PyPISimple.get_project_page", no_internet)
    with pytest.raises(device.DeviceError, match=r"has no umqtt\.simple.*Check the internet connection") as raised:
        release.umqtt()
    assert "test" not in str(raised.value)

    monkeypatch.setattr(fetch_umqtt, "download", lambda: b"")
    monkeypatch.setattr(fetch_umqtt, "unpack", lambda archive: b"class MQTTClient: pass\n")
    monkeypatch.setattr(fetch_umqtt, "TARGET", tmp_path / "simple.py")
    monkeypatch.setattr(fetch_umqtt, "fetch_frozen", lambda version: pytest.fail("wanted by tests only"))
    assert release.umqtt().exists()


def about(**changes):
    known = {"platform": "esp32", "version": "1.28.0", "mpy": 6, "free": 0, "block": 4096, "has_umqtt": True}
    return link.About(**{**known, "machine": "Generic ESP32S3 module with ESP32S3", **changes})


def test_a_fitting_device_is_accepted():
    link.check_runs(about(), "esp32s3", "esp32")
    link.check_runs(about(machine="LILYGO with ESP32", version="1.24.1"), "esp32", "esp32")
    link.check_runs(about(machine="Raspberry Pi Pico W with RP2040", platform="rp2"), "rp2040", "rp2")
    link.check_runs(about(), "", "")  # a board file that names no chip


@pytest.mark.parametrize(
    ("changes", "chip", "says"),
    [
        ({}, "esp32", "is no esp32: it says Generic ESP32S3"),
        ({"machine": "M5Stack ATOM with ESP32"}, "esp32s3", "is no esp32s3"),
        ({"platform": "rp2", "machine": "Raspberry Pi Pico W with RP2040"}, "esp32s3", "Is BOARD= right?"),
        ({"version": "1.22.2"}, "esp32s3", "MicroPython 1.22.2 .* needs 1.24 or newer"),
        ({"mpy": 7}, "esp32s3", r"\.mpy version 7"),
    ],
)
def test_another_device_is_refused(changes, chip, says):
    with pytest.raises(device.DeviceError, match=says):
        link.check_runs(about(**changes), chip, "esp32")


def test_the_micropython_of_a_board_without_wifi_is_noticed(tmp_path, monkeypatch, small):
    """RPI_PICO on a Pico W: everything would be installed, and nothing would start."""
    small()
    with FakeBoard(tmp_path / "flash") as board:
        opened = link.open_board(board.port)
        assert not opened.about().has_network  # as the unix port
        opened.close()
    known = deploy.boards.load("desktop")
    known.NETWORK, known.FIRMWARE = "wifi", "RPI_PICO_W"
    monkeypatch.setattr(deploy.boards, "load", lambda name: known)
    says = r"has no network.*/RPI_PICO_W"
    with FakeBoard(tmp_path / "flash") as board, pytest.raises(device.DeviceError, match=says):
        deploy.deploy("desktop", board.port)
    assert board.files() == {}


def test_no_such_port():
    status, said = make("deploy", "--board", "desktop", "--port", "/dev/nothing")
    assert status == 1
    assert "make deploy: There is no port /dev/nothing." in said


def test_ctrl_c_during_an_installation_starts_the_device_again(tmp_path):
    mp.require_mpy_cross()
    mp.require_umqtt()
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools")}
    with RunningBoard(tmp_path / "flash") as running:
        command = [sys.executable, "-m", "device", "deploy", "--board", "desktop", "--port", running.port]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in process.stdout:
            if "files to send" in line:
                break
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        assert process.returncode == 130, said
        assert said.startswith("\nInterrupted. What was installed before is still there")
        deadline = time.monotonic() + 10
        while running.starts < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert not (running.folder / "jk/slot").exists()


def test_what_is_sent_to_the_device_is_micropython():
    assert list(dialect.dialect(link.AGENT.read_text())) == []


def test_a_port_in_use(tmp_path):
    with FakeBoard(tmp_path / "flash") as board:
        holder = ports.serial.Serial(board.port, exclusive=True)
        try:
            with pytest.raises(device.DeviceError, match="is in use by another program"):
                link.open_board(board.port)
        finally:
            holder.close()


def test_a_port_that_may_not_be_used(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "usermod -aG dialout" in ports.why_not(str(tmp_path), PermissionError(13, "Permission denied"))


def test_something_that_is_no_micropython(monkeypatch):
    monkeypatch.setattr(link, "PATIENCE", 0.3)
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        with pytest.raises(device.DeviceError, match=r"No MicroPython answers on .*make flash BOARD"):
            link.open_board(os.ttyname(slave))
    finally:
        os.close(master)
        os.close(slave)


def test_a_board_that_restarts_again_and_again_is_no_end(monkeypatch):
    """What it says comes without a pause long enough to be noticed."""
    monkeypatch.setattr(link, "PATIENCE", 0.5)
    monkeypatch.setattr(link, "_ATTEMPTS", 2)
    master, slave = pty.openpty()
    tty.setraw(slave)
    ended = threading.Event()

    def say():
        while not ended.wait(0.02):
            os.write(master, b"rst:0xc (SW_CPU_RESET)\r\nBrownout detector was triggered\r\n")

    talking = threading.Thread(target=say)
    talking.start()
    try:
        with pytest.raises(device.DeviceError, match=r"No MicroPython answers on .*`make device-log PORT=/dev/pts/"):
            link.open_board(os.ttyname(slave))
    finally:
        ended.set()
        talking.join()
        os.close(master)
        os.close(slave)


def test_a_device_that_stops_answering_has_micropython(tmp_path, monkeypatch):
    """It hangs or its cable has come loose: nobody should be told to flash it."""
    with FakeBoard(tmp_path / "flash") as board:
        opened = link.open_board(board.port)
        monkeypatch.setattr(opened._transport, "read_until", lambda *_, **__: b"")  # its patience is 10 s
        with pytest.raises(device.DeviceError, match=r"stopped answering in the middle .* goes on where it stopped"):
            opened.run("print(1)")
        opened.close()


@pytest.mark.parametrize(
    ("found", "result"),
    [([], "there is no USB serial port"), (["/dev/ttyUSB0"], None), (["/dev/ttyACM0", "/dev/ttyUSB0"], "several")],
)
def test_the_port_may_be_left_out_when_there_is_one(monkeypatch, found, result):
    built_in = SimpleNamespace(device="/dev/ttyS0", vid=None)
    usb = [SimpleNamespace(device=name, vid=0x1A86) for name in found]
    monkeypatch.setattr(ports.list_ports, "comports", lambda: [built_in, *usb])
    if result is None:
        assert ports.choose("") == "/dev/ttyUSB0"
    else:
        with pytest.raises(device.DeviceError, match=result):
            ports.choose("")
    assert ports.choose("/dev/null") == "/dev/null"
