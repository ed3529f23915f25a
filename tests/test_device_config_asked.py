"""`make config`: questions in the terminal, checks before anything is written, no secret shown; `make device-log`."""

from __future__ import annotations

import json
import os
import pty
import signal
import ssl
import subprocess
import sys
import time
import tty
from types import SimpleNamespace

import device
import mp
import pytest
from certificates import Authority
from device import certificates, config
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
    return config.asked(given, board, Interview(board, said, said))[0], said.asked


def test_the_shortest_way_with_an_rs485_board():
    raw, asked = go(a_board(), {}, broker="192.168.1.10")
    assert raw == {"mqtt": {"host": "192.168.1.10"}, "bus": {"port": "rs485", "kind": "serial"}}
    # One line only: it is not asked for. The last one is whether to write.
    assert len(asked) == 5


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


def test_wifi_is_asked_where_the_board_has_it(capsys):
    raw, _ = go(a_board(network="wifi"), {}, Name=["", "home"], Password="hidden12", broker="a")
    assert raw["wifi"] == {"ssid": "home", "password": "hidden12"}
    said = capsys.readouterr().out
    assert "wifi.ssid is missing: board kit reaches the broker over WiFi" in said
    assert "hidden12" not in said


def test_a_wifi_password_that_is_too_short_is_asked_again(capsys):
    raw, _ = go(a_board(network="wifi"), {}, Name="home", Password=["1234567", "12345678"], broker="a")
    assert raw["wifi"]["password"] == "12345678"
    assert "cannot be used yet: wifi.password cannot be right: WPA has 8 to 63 characters" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "mqtt"),
    [
        (["a:1884"], {"host": "a", "port": 1884}),
        (["a:70000", "a"], {"host": "a"}),
        (["mqtt://a:1884", "b"], {"host": "b"}),
        (["a:mqtt", "b:1"], {"host": "b", "port": 1}),
        (["-", "fe80::1"], {"host": "fe80::1"}),
        ([""], {"host": "old", "port": 1885}),
        (["new"], {"host": "new"}),
    ],
)
def test_the_port_of_the_broker_is_written_behind_it(answers, mqtt, capsys):
    raw, asked = go(a_board(), {"mqtt": {"host": "old", "port": 1885}}, **{"MQTT broker": list(answers)})
    assert raw["mqtt"] == mqtt
    assert "[old:1885]" in asked[0]
    assert capsys.readouterr().out.count("cannot be used yet: mqtt.") == len(answers) - 1


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
        ({"mqtt": {"host": "a"}, "bus": {"port": "tcp://gateway"}}, "bus.port = .* is not possible on this board"),
        ({"mqtt": {"host": "a"}, "bus": {"port": "tcp://gateway:99999"}}, "is not possible on this board"),
        ({"mqtt": {"host": "a"}, "bus": [{"port": "rs485"}, {"port": "rs485"}]}, "Bus 1 and bus 2 both have port"),
        ({"mqtt": {"host": "a"}, "capture": "bus.txt"}, 'capture = "bus.txt" is not possible on a device'),
        ({"mqtt": {"host": "a"}, "wifi": {"ssid": "home"}}, "board kit has the network of its system: remove wifi"),
        ({"mqtt": {"host": "\ud800"}}, "surrogates not allowed"),
    ],
)
def test_a_bad_configuration_is_refused(raw, says):
    with pytest.raises(device.DeviceError, match=says):
        config.check(raw, a_board())


def test_a_recorder_by_name_is_refused_where_the_network_is_ours():
    raw = {"mqtt": {"host": "a"}, "wifi": {"ssid": "home"}, "capture": "tcp://recorder:7000"}
    with pytest.raises(device.DeviceError, match="Use the numeric address"):
        config.check(raw, a_board(network="wifi"))
    raw["capture"] = "tcp://192.168.1.10:7000"
    config.check(raw, a_board(network="wifi"))


def test_tables_that_are_null_count_as_absent():
    raw = {"mqtt": {"host": "a"}, "wifi": None, "bus": None, "pack": None, "discovery": None}
    config.check(raw, a_board())
    assert json.loads(config.public(raw)) == raw
    with pytest.raises(device.DeviceError, match="ssid is missing"):
        config.check(raw, a_board(network="wifi"))


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
        (board.folder / "boots.json").write_text('[5, false, 1, "ValueError: of the configuration before"]')
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert done.returncode == 0, done.stdout
    assert "boots.json" not in board.files()
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


# Files for TLS


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """A folder with a blank in its name: ca.crt, client.crt and client.key of one authority."""
    authority = Authority(tmp_path_factory.mktemp("tls") / "my files")
    authority.issue("client", server=False)
    return authority.folder


def secured(**mqtt):
    return {"mqtt": {"host": "a", "tls": True, **mqtt}, "bus": {"port": "tcp://127.0.0.1:8899"}}


def test_the_files_of_a_configuration_are_copied_and_the_next_time_left(tmp_path, tls):
    file = tls / "my config.json"
    file.write_text(json.dumps(secured(ca="ca.crt", cert=str(tls / "client.crt"), key="client.key")))
    board = FakeBoard(tmp_path / "flash")
    with board:
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert done.returncode == 0, done.stdout
    for name in ("ca.crt", "client.crt", "client.key"):
        assert board.files()[name] == (tls / name).read_bytes()
        assert f"{name} is copied to the device and checked" in done.stdout
    written = json.loads(board.files()["config.json"])["mqtt"]
    assert [written[key] for key in ("ca", "cert", "key")] == ["ca.crt", "client.crt", "client.key"]
    with board:
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert "ca.crt is on the device already." in done.stdout


def test_a_file_for_tls_that_is_nowhere_is_said_and_nothing_written(tmp_path):
    file = tmp_path / "my.json"
    file.write_text(json.dumps(secured(ca="ca.crt")))
    board = FakeBoard(tmp_path / "flash")
    with board:
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert done.returncode == 1
    assert 'mqtt.ca = "ca.crt": there is no such file on this PC, and none on the device' in done.stdout
    assert board.files() == {}
    (board.folder / "ca.crt").write_text("copied by hand")
    with board:
        done = make("config", "--board", "desktop", "--port", board.port, "--file", str(file))
    assert done.returncode == 0, done.stdout
    assert board.files()["ca.crt"] == b"copied by hand"


def test_the_question_for_the_file_switches_tls_on_and_off(tls):
    wrong, right = str(tls / "no.crt"), str(tls / "ca.crt")
    said = Answers(broker="b", TLS=[wrong, str(tls / "client.key"), right])
    raw, found = config.asked({}, a_board(), Interview(a_board(), said, said))
    assert raw["mqtt"] == {"host": "b", "ca": "ca.crt", "tls": True}
    assert found == {"ca.crt": (tls / "ca.crt").read_bytes()}
    said = Answers()
    again, found = config.asked(raw, a_board(), Interview(a_board(), said, said), ["ca.crt"].__contains__)
    assert (again, found) == (raw, {})
    raw["mqtt"].update(cert="client.crt", key="client.key")
    off, _ = go(a_board(), raw, TLS="-")
    assert off["mqtt"] == {"host": "b"}


@pytest.mark.parametrize(
    ("mqtt", "says"),
    [
        ({"ca": "client.key"}, "client.key holds no certificate"),
        ({"ca": "bundle.crt"}, "has 39 kB, more than a device has memory for"),
        ({"ca": "ca.crt", "cert": "client.crt", "key": "ca.key"}, "are no certificate with its key"),
        ({"ca": "ca.crt", "cert": "client.crt", "key": "locked.key"}, "or the key has a password"),
        ({"ca": "ca.crt", "cert": "other/ca.crt", "key": "client.key"}, "another file of this name"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tls, mqtt, says):
    (tls / "bundle.crt").write_text((tls / "ca.crt").read_text() * 60 + "#" * 40000)
    (tls / "bundle.crt").write_bytes((tls / "bundle.crt").read_bytes()[:40000])
    (tls / "other").mkdir(exist_ok=True)
    (tls / "other/ca.crt").write_bytes((tls / "client.crt").read_bytes())
    lock = ["openssl", "pkey", "-in", tls / "client.key", "-aes128", "-passout", "pass:x", "-out", tls / "locked.key"]
    subprocess.run(lock, check=True)
    with pytest.raises(device.DeviceError, match=says):
        certificates.find({"mqtt": mqtt}, [tls], lambda name: False)


def test_a_der_file_is_taken_for_a_certificate(tls):
    (tls / "ca.der").write_bytes(ssl.PEM_cert_to_DER_cert((tls / "ca.crt").read_text()))
    assert list(certificates.find({"mqtt": {"ca": "ca.der"}}, [tls], lambda name: False)[1]) == ["ca.der"]
    (tls / "bad.der").write_bytes(b"no certificate")
    with pytest.raises(device.DeviceError, match="holds no certificate"):
        certificates.find({"mqtt": {"ca": "bad.der"}}, [tls], lambda name: False)


def test_a_device_with_another_board_is_not_given_the_names_of_this_one(tmp_path):
    file = tmp_path / "my.json"
    file.write_text(json.dumps({"mqtt": {"host": "a"}, "wifi": {"ssid": "b"}}))
    board = FakeBoard(tmp_path / "flash")
    (board.folder / "jk/b").mkdir(parents=True)
    (board.folder / "jk/slot").write_text("b")
    (board.folder / "jk/b/release").write_bytes(device.release.listing({}, "m5_atom_lite"))
    with board:
        done = make("config", "--board", "esp32_devkit", "--port", board.port, "--file", str(file))
    assert done.returncode == 1
    assert "is for board m5_atom_lite, and BOARD is esp32_devkit. Which is it?" in done.stdout
    assert f"make config BOARD=m5_atom_lite PORT={board.port}" in done.stdout
    assert "config.json" not in board.files()
    with board:
        done = make("config", "--board", "m5_atom_lite", "--port", board.port, "--file", str(file))
    assert done.returncode == 0, done.stdout


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
