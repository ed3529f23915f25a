"""`make config`: questions in the terminal, checks before anything is written, no secret shown; `make device-log`."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import tty
from types import SimpleNamespace

import device
import mp
import pytest
from device import config, questions
from device.questions import Interview
from fake_board import FakeBoard
from fake_running_board import RunningBoard

UART = ("rs485", 1, 22, 21, None, 1)
MCP = ("can0", "mcp2515", 1, 14, 13, 12, 15, 4, None, 8000000)


def a_board(serial=(UART,), can=(), network=None):
    return SimpleNamespace(NAME="kit", SERIAL=serial, CAN=can, NETWORK=network)


class Answers:
    """Answers by a word of the question; Enter for all others."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    def __call__(self, prompt):
        self.asked.append(prompt)
        for word, answer in self.answers.items():
            if word in prompt:
                return answer.pop(0) if isinstance(answer, list) else answer
        return ""


def go(board, given, **answers):
    said = Answers(**answers)
    return config.asked(given, board, Interview(board, said, said)), said.asked


def test_the_shortest_way_with_an_rs485_board():
    raw, asked = go(a_board(), {}, broker="192.168.1.10")
    assert raw == {"mqtt": {"host": "192.168.1.10"}, "bus": {"port": "rs485", "kind": "serial"}}
    # One line only: it is not asked for. The last one is whether to write.
    assert len(asked) == 4


def test_user_password_and_packs():
    answers = {"broker": "ha.local", "- for none": "jk", "Password": "secret1", "DIP": "1-4"}
    raw, _ = go(a_board(), {}, **answers)
    assert raw["mqtt"] == {"host": "ha.local", "user": "jk", "password": "secret1"}
    assert raw["bus"]["packs"] == "1-4"


def test_what_is_there_is_the_default_and_what_is_not_asked_stays():
    given = {
        "interval": 10,
        "mqtt": {"host": "a", "user": "u", "password": "p", "keepalive": 30},
        "bus": {"port": "rs485", "kind": "serial", "packs": "1,2", "baud": 9600},
    }
    raw, asked = go(a_board(), given)
    assert raw == given
    assert any("[a]" in prompt for prompt in asked)
    assert not any("p]" in prompt for prompt in asked)


def test_a_dash_removes():
    given = {"mqtt": {"host": "a", "user": "u", "password": "p"}, "bus": {"port": "rs485", "packs": [1, 2]}}
    raw, _ = go(a_board(), given, **{"MQTT user": "-", "DIP": "-"})
    assert raw["mqtt"] == {"host": "a"}
    assert "packs" not in raw["bus"]


def test_can_asks_for_the_bit_rate_and_forgets_what_rs485_had():
    given = {"mqtt": {"host": "a"}, "bus": {"port": "rs485", "kind": "serial", "baud": 9600}}
    raw, _ = go(a_board(can=(MCP,)), given, **{"Bus the": "can0", "bit rate": "250000"})
    assert raw["bus"] == {"port": "can0", "kind": "can", "bitrate": 250000}


def test_a_wrong_answer_is_explained_and_asked_again(capsys):
    raw, _ = go(a_board(), {}, broker="a", DIP=["1-99", "1-3"])
    assert raw["bus"]["packs"] == "1-3"
    assert "This cannot be used yet: bus.packs" in capsys.readouterr().out


def test_nobody_there_for_the_last_question():
    def ask(prompt):
        if "Write" in prompt:
            raise EOFError
        return "a" if "broker" in prompt else ""

    with pytest.raises(device.DeviceError, match="Nobody answers"):
        config.asked({}, a_board(), Interview(a_board(), ask, ask))


def test_what_no_answer_can_mend_can_be_left_behind(capsys):
    """An unknown key on the device, edited in by hand, is not asked for."""
    raw, asked = go(a_board(), {"bogus": 1, "mqtt": {"host": "a"}}, broker=["", "", "b"])
    assert raw == {"mqtt": {"host": "b"}, "bus": {"port": "rs485", "kind": "serial"}}
    assert any("Forget what the device has" in prompt for prompt in asked)
    assert capsys.readouterr().out.count("Unknown key bogus") == 2


def test_an_answer_that_is_no_utf8_is_asked_again(capsys):
    raw, _ = go(a_board(), {}, broker=["M\udcfcller", "Müller"])
    assert raw["mqtt"]["host"] == "Müller"
    assert "set it to UTF-8" in capsys.readouterr().out


def test_a_password_can_be_removed():
    given = {"wifi": {"ssid": "home", "password": "secret12"}, "mqtt": {"host": "a"}}
    raw, asked = go(a_board(network="wifi"), given, **{"Password of the WiFi": "-"})
    assert raw["wifi"] == {"ssid": "home"}
    assert any("- removes it" in prompt for prompt in asked)


def test_an_empty_list_of_buses_is_asked_for():
    raw, _ = go(a_board(), {"mqtt": {"host": "a"}, "bus": []}, DIP="1-2")
    assert raw["bus"] == {"port": "rs485", "kind": "serial", "packs": "1-2"}


def test_a_list_of_buses_is_not_touched():
    buses = [{"port": "rs485"}, {"port": "tcp://192.168.1.20:8899"}]
    raw, asked = go(a_board(), {"mqtt": {"host": "a"}, "bus": buses})
    assert raw["bus"] == buses
    assert not any("DIP" in prompt for prompt in asked)


def test_wifi_is_asked_where_the_board_has_it(monkeypatch):
    rows = [["net.ssid", "text", "1..32", "", "x", "d"], ["net.password", "secret", "0..63", "", "x", "d"]]
    monkeypatch.setattr(questions, "wifi_table", lambda: "net")
    monkeypatch.setattr(config, "wifi_table", lambda: "net")
    monkeypatch.setattr(config.checker, "load", lambda raw, home: {"bus": [], "mqtt": raw["mqtt"]})
    monkeypatch.setattr(config.checker, "rows", lambda: rows)
    board = a_board(network="wifi")
    raw, _ = go(board, {}, **{"Name of the WiFi": ["", "home"], "Password": "hidden", "broker": "a"})
    assert raw["net"] == {"ssid": "home", "password": "hidden"}
    assert "hidden" not in config.public(raw)


def test_no_secret_is_shown():
    raw = {"mqtt": {"host": "a", "user": "someone", "password": "secret1"}, "bus": [{"port": "rs485"}]}
    text = config.public(raw)
    assert "secret1" not in text
    assert "someone" not in text
    assert json.loads(text)["mqtt"]["host"] == "a"


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({"mqtt": {"host": "a"}, "bus": {"prot": "rs485"}}, "Did you mean bus.port"),
        ({"mqtt": {"host": "a"}, "bus": {"port": "rs232"}}, "is not a line of board kit"),
        ({"mqtt": {"host": "a"}, "bus": {"kind": "can", "bitrate": 500000}}, "has no CAN controller"),
        ({"bus": {"port": "rs485"}}, "mqtt.host is missing"),
    ],
)
def test_a_bad_configuration_is_refused(raw, says):
    with pytest.raises(device.DeviceError, match=says):
        config.check(raw, a_board())


def test_can_without_a_bit_rate_is_refused():
    with pytest.raises(device.DeviceError, match="bitrate is missing"):
        config.check({"mqtt": {"host": "a"}, "bus": {"kind": "can"}}, a_board(can=(MCP,)))


def make(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools")}
    return subprocess.run(
        [sys.executable, "-m", "device", *arguments],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_a_bad_file_never_reaches_the_device(tmp_path):
    file = tmp_path / "my.json"
    with FakeBoard(tmp_path / "flash") as board:
        for text, says in (
            ('{"mqtt": {"host": "a"}', "my.json is not JSON"),
            ("[]", "must hold one"),
            ('{"mqtt": {"host": "a", "pasword": "secret1"}}', "Did you mean mqtt.password"),
        ):
            file.write_text(text)
            done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
            assert done.returncode == 1
            assert says in done.stdout
            assert "secret1" not in done.stdout
        done = make("config", "--board", "desktop", "--port", board.port)
        assert "The questions need a terminal" in done.stdout
        for place in (tmp_path, tmp_path / "no.json"):
            done = make("config", "--board", "desktop", "--port", board.port, "--file", str(place))
            assert f"make config: There is no file {place}" in done.stdout
    assert board.files() == {}


def test_the_file_is_written_whole_and_the_next_step_named(tmp_path):
    file = tmp_path / "my.json"
    raw = {"mqtt": {"host": "a", "user": "jk", "password": "geheim ü"}, "bus": {"port": "tcp://127.0.0.1:8899"}}
    file.write_text(json.dumps(raw))
    with FakeBoard(tmp_path / "flash") as board:
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert done.returncode == 0, done.stdout
    assert "geheim" not in done.stdout
    assert f"Next: make deploy BOARD=desktop PORT={board.port}" in done.stdout
    assert json.loads(board.files()["config.json"]) == raw


def test_the_present_configuration_is_read_from_the_device(tmp_path):
    board = FakeBoard(tmp_path / "flash")
    given = {"mqtt": {"host": "a"}, "bus": {"port": "tcp://127.0.0.1:8899"}, "interval": 7}
    (board.folder / "config.json").write_text(json.dumps(given))
    with board:
        opened = device.link.open_board(board.port)
        assert config.on_device(opened) == given
        opened.write("/config.json", b"{ no")
        assert config.on_device(opened) == {}
        # Valid JSON of the wrong shape: the questions have tables to put their answers into.
        opened.write("/config.json", b'{"wifi": null, "mqtt": "a", "bus": ["rs485"], "interval": 7}')
        assert config.on_device(opened) == {"interval": 7}
        opened.close()


def test_questions_and_answers_with_a_device(tmp_path, capsys):
    """From the empty device to its configuration; it runs while the questions are asked."""
    said = Answers(broker="192.168.1.10", Bus="tcp://127.0.0.1:8899")
    with RunningBoard(tmp_path / "flash") as board:
        interview = Interview(a_board(serial=()), said, said)
        config.configure("desktop", board.port, interview=interview)
        assert board.starts >= 2
        config.configure("desktop", board.port, interview=Interview(a_board(serial=()), Answers(DIP="1-2"), Answers()))
    written = json.loads((tmp_path / "flash/config.json").read_text())
    assert written["mqtt"] == {"host": "192.168.1.10"}
    assert written["bus"] == {"port": "tcp://127.0.0.1:8899", "kind": "serial", "packs": "1-2"}


# make device-log


def test_the_log_shows_what_comes_sends_nothing_and_comes_back(tmp_path):
    link = tmp_path / "port"

    def plug_in():
        master, slave = pty.openpty()
        tty.setraw(slave)
        link.symlink_to(os.ttyname(slave))
        return master, slave

    master, slave = plug_in()
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools"), "PYTHONUNBUFFERED": "1"}
    log = open(tmp_path / "log.txt", "w+")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-m", "device", "log", "--port", str(link)], env=environment, stdout=log, stderr=log
    )

    def wait_for(text):
        deadline = time.monotonic() + 15
        while text not in (tmp_path / "log.txt").read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline, (tmp_path / "log.txt").read_text()
            time.sleep(0.05)

    try:
        wait_for("Console of the device")
        time.sleep(0.3)
        os.write(master, b"123 info    pack 1 online, K\xc3")
        wait_for("pack 1 online, K")
        os.write(master, b"\xbcche \xff\r\n")
        wait_for("123 info    pack 1 online, K\u00fcche \ufffd\n")
        os.close(master)
        link.unlink()
        wait_for("waiting for it to come back")
        os.close(slave)
        master, slave = plug_in()
        wait_for("[it is back]")
        time.sleep(0.5)
        os.write(master, b"again\r\n")
        wait_for("again\n")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        # Not one byte, and so no Ctrl-C, has gone to the device.
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 1)
    finally:
        process.kill()
        log.close()
    assert "Log ended; the device goes on." in (tmp_path / "log.txt").read_text()


def test_a_log_into_a_pipe_that_ends_with_it(tmp_path):
    """`make device-log | tee log.txt`: Ctrl-C ends both."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    environment = {**os.environ, "PYTHONPATH": str(mp.ROOT / "tools")}
    process = subprocess.Popen(
        [sys.executable, "-m", "device", "log", "--port", os.ttyname(slave)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert b"Console of the device" in process.stdout.readline()
        process.stdout.close()
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
        assert process.wait(10) == 0
    finally:
        process.kill()
        os.close(master)
        os.close(slave)
