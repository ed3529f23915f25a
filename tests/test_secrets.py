"""Planted passwords, serial numbers and names are in no file, log line, topic or bundle, whatever the line does."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import core_bytes as cb
import planted
import pytest
from host_fakes import until
from mosquitto import Broker, Subscriber
from test_host_run import Bridge

from jkbridge import cli, recording, scrub
from jkbridge.bundle_topics import heard
from jkbridge.simulator import Server, make_line

USER = "planted-mqtt-user"
PASSWORD = "Pl4nted/mqtt:Pass"
TEXTS = {
    1: {
        "device_name": "Plantedname-1", "device_passcode": "84620917", "serial_number": "90817263544\x00715",
        "setup_password": "PlantSetup77", "user_data": "Meyer Hauptstr.", "user_data_2": "+49171234567890",
    },
    2: {
        "device_name": "zweitespeicher", "device_passcode": "pw2xyzzy", "serial_number": "70615243342517",
        "setup_password": "geheim+wort!42", "user_data": "Kundennummer 99", "user_data_2": "Garagenhof",
    },
}  # fmt: skip
WORDS = [part for texts in TEXTS.values() for text in texts.values() for part in text.split("\x00") if len(part) > 3]
FAULTS = (
    ("corrupt", {"amount": 2, "rate": 0.1}), ("drop", {"amount": 2, "rate": 0.1}),
    ("drop", {"each": 0.02, "rate": 0.1}),
    ("insert", {"amount": 3, "rate": 0.1}), ("truncate", {"amount": 170, "rate": 0.1}), ("no_ack", {"rate": 0.1}),
    ("delay", {"amount": 900, "rate": 0.1}), ("noise", {"rate": 0.1}), ("echo", {"amount": 11, "rate": 0.1}),
)  # fmt: skip
# Model, firmware and secrets are asked for again and again instead of every 15 minutes.
OFTEN = "from jkcore import poll\npoll._ABOUT_EVERY = 300\npoll._AGAIN = 300\n"


def forms(word: str) -> list[str]:
    """How a text may stand in a file: as it is, and in hex."""
    digits = word.encode().hex(" ")
    return [word.lower(), digits, digits.replace(" ", ""), digits.replace(" ", ":"), digits.replace(" ", "\\x")]


def leaks(text: str, words: list[str]) -> list[str]:
    """The words that are to be read in a text, in any form; also across the lines of a recording."""
    low = text.lower()
    bare = "".join(line.rpartition("<")[2].replace(" ", "") for line in low.splitlines() if "<" in line)
    return [word for word in words if any(form in low for form in forms(word)) or forms(word)[2] in bare]


def about_frames(content: bytes) -> tuple[int, int]:
    """(good, damaged) about frames of a recording."""
    data = b"".join(c.data for c in recording.parse(content) if c.direction == "<")
    starts = data.count(cb.MAGIC + b"\x03")
    good = len(cb.frames_in(data, cb.ABOUT))
    return good, starts - good


def foreign_master(server: Server) -> None:
    """Somebody else on the line who reads the secrets of pack 1 by FC03, and asks for its about frame."""
    with socket.create_connection((server.tcp_host, server.tcp_port)) as other:
        for register, words in ((0x1428, 16), (0x1450, 8), (0x1470, 8)):
            other.sendall(cb.sealed(bytes((1, 3, register >> 8, register & 255, 0, words))))
            time.sleep(0.15)
        other.sendall(cb.request(1, cb.ABOUT))
        time.sleep(0.2)
        other.sendall(cb.sealed(bytes((1, 16, 0x14, 0x70, 0, 6, 12)) + b"PlantSetup77"))
        time.sleep(0.1)


@pytest.mark.slow
def test_nothing_planted_leaves_the_house(tmp_path: Path) -> None:
    line = make_line([1, 2], seed=3)
    for address, texts in TEXTS.items():
        line.slaves[address].battery.texts = texts
    for kind, how in FAULTS:
        line.fault(kind, None, start=6, **how)  # once both packs have been heard whole
    everything: dict[str, str] = {}
    folder = tmp_path / "run"
    folder.mkdir()
    with (
        Broker(tmp_path / "broker", user=USER, password=PASSWORD) as broker,
        Subscriber(broker, "#") as subscriber,
        Server(line, pty=True, tcp="127.0.0.1:0") as server,
    ):
        config = folder / "jkbridge.toml"
        config.write_text(
            f'interval = 0\nlog = "trace"\nflat = true\ncapture = "bus.txt"\n[bus]\nport = "'
            f'{server.pty_path}"\npacks = "1-2"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\nuser = "{USER}"\n'
            f'password = "{PASSWORD}"\n'
        )
        bridge = Bridge(folder, "--config", str(config), patch=OFTEN)
        try:
            for address in TEXTS:
                subscriber.wait_for(lambda m, a=address: m.topic == f"jkbms/{a}/about" and m.payload, 40)
            foreign_master(server)
            captured = folder / "bus.txt"
            until(lambda: min(about_frames(captured.read_bytes())) > 3, 60)
            out = folder / "bundle.zip"
            packed = subprocess.run(
                [sys.executable, "-m", "jkbridge", "bundle", "--config", str(config), "--out", str(out)],
                env={"PYTHONPATH": ":".join(sys.path), "HOME": str(folder)}, cwd=folder, capture_output=True, text=True,
            )  # fmt: skip
            assert packed.returncode == 0, packed.stderr
            assert bridge.ends(15) == 0
        finally:
            if bridge.process.poll() is None:
                bridge.process.kill()
                bridge.process.wait()
        messages = list(subscriber.messages)
    everything["log"] = bridge.text()
    everything["what bundle says"] = packed.stdout + packed.stderr
    for n, message in enumerate(messages):
        everything[f"message {n}"] = f"{message.topic} {message.payload.decode()}"
    for path in folder.iterdir():
        if path not in (config, out):
            everything[path.name] = path.read_text()
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        for name in names:
            everything[f"bundle {name}"] = archive.read(name).decode()
    found = {name: leaks(text, [*WORDS, USER, PASSWORD]) for name, text in everything.items()}
    assert {name: words for name, words in found.items() if words} == {}

    # It was all there to be found, and what helps is still there.
    assert {"README.txt", "versions.txt", "config.txt", "ports.txt", "topics.txt", "capture/bus.txt"} == set(names)
    topics = everything["bundle topics.txt"]
    for topic in ("bridge/info (retained)", "bridge/health ", "1/about (retained)", "1/link ", "2/link "):
        assert f"jkbms/{topic}" in topics
    assert 'password = "***"' in everything["bundle config.txt"]
    assert str(server.pty_path) in everything["bundle config.txt"]
    good, damaged = about_frames(everything["bundle capture/bus.txt"].encode())
    assert good > 3
    assert damaged > 3
    assert "capture/bus.txt" in packed.stdout


def test_recordings_of_others_are_masked_and_searched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A raw dump and a text with comments, made by other tools: full of secrets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    about = planted.about()
    live = cb.unit(cb.live(), 1)
    (tmp_path / "raw.bin").write_bytes(live + cb.unit(about, 1) + about[50:] + live)
    text = "# serial 90817263544\n12.300 > " + cb.request(1, cb.ABOUT).hex(" ") + "\n"
    text += "12.340 < " + cb.unit(about, 1).hex(" ") + " # setup password is Setup118word\n"
    text += "99.000 < " + live.hex(" ") + "\n99.100 > " + b"Pass62code".hex(" ") + "\n"
    (tmp_path / "bus.txt").write_text(text)
    (tmp_path / "jkbridge.toml").write_text('[[pack]]\naddress = 1\nname = "Planted-name-abc"\n[mqtt]\nhost = ""\n')
    arguments = ["--capture", "raw.bin", "--capture", "bus.txt", "--out", "out.zip", "--config", "jkbridge.toml"]
    assert cli.main(["bundle", *arguments]) == 0
    said = capsys.readouterr().out
    assert "found in it and masked" in said
    assert "attach it" in said
    with zipfile.ZipFile("out.zip") as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    words = [part.decode() for _, text in planted.PLANTED for part in text.split(b"\0") if len(part) > 3]
    assert {name: found for name, content in texts.items() if (found := leaks(content, words))} == {}
    assert texts["topics.txt"].startswith("No broker is configured")
    raw = recording.parse(texts["capture/raw.bin"].encode())
    data = b"".join(chunk.data for chunk in raw)
    assert data == planted.masked((tmp_path / "raw.bin").read_bytes())
    assert not recording.has_times(texts["capture/raw.bin"].encode())
    timed = recording.parse(texts["capture/bus.txt"].encode())
    assert "12.300 > " in texts["capture/bus.txt"]
    assert "2 comments were left out" in texts["capture/bus.txt"]
    assert b"".join(c.data for c in timed if c.direction == "<")[-308:] == live


def test_a_configuration_that_cannot_be_used_is_packed_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jkbridge.toml").write_text('[mqtt]\nhost = "b"\npassword = 4711471147114711\n')
    assert cli.main(["bundle", "--config", "jkbridge.toml", "--out", "out.zip"]) == 0
    with zipfile.ZipFile("out.zip") as archive:
        assert "mqtt.password" in archive.read("config.txt").decode()
        assert "4711" not in archive.read("config.txt").decode()
    assert "jkbridge run --capture" in capsys.readouterr().out  # there is no recording in it


def test_what_cannot_be_read_or_written_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["bundle", "--capture", "none.txt", "--out", "out.zip"]) == 1
    assert "none.txt cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "out.zip").exists()
    assert cli.main(["bundle", "--out", "none/out.zip"]) == 1
    assert "none/out.zip cannot be written" in capsys.readouterr().err
    assert cli.main(["bundle", "--broker", "127.0.0.1:1", "--out", "out.zip"]) == 0
    assert "No MQTT broker listens at 127.0.0.1:1" in capsys.readouterr().out
    (tmp_path / "folder").mkdir()
    assert cli.main(["bundle", "--capture", "folder", "--out", "out.zip"]) == 1
    assert "folder cannot be read: it is no file" in capsys.readouterr().err
    for wait in ("-1", "inf", "nan", "soon"):
        assert cli.main(["bundle", "--wait", wait, "--out", "out.zip"]) == 2
        assert f"{wait!r} is not possible" in capsys.readouterr().err


def test_a_recording_is_not_overwritten_by_the_bundle_it_is_put_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bus.txt").write_text("1.000 < 99 98\n")
    assert cli.main(["bundle", "--capture", "bus.txt", "--out", "bus.txt"]) == 1
    assert "bus.txt exists already and is no zip" in capsys.readouterr().err
    assert (tmp_path / "bus.txt").read_text() == "1.000 < 99 98\n"
    for _ in range(2):  # an older bundle may be replaced
        assert cli.main(["bundle", "--capture", "bus.txt", "--out", "out.zip"]) == 0


def test_older_files_and_other_buses_come_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bus.txt", "bus.txt.1", "bus.txt.2", "bus-bus2.txt", "bus-bus2.txt.1", "other.txt"):
        (tmp_path / name).write_text("# session aa, bus 1 of 1, port x\n# port closed: pulled\n1.000 < 99 98\n")
    assert cli.main(["bundle", "--capture", "bus.txt", "--out", "out.zip"]) == 0
    with zipfile.ZipFile("out.zip") as archive:
        names = [name for name in archive.namelist() if name.startswith("capture/")]
        assert archive.read("capture/bus.txt").decode().startswith("# session aa, bus 1 of 1,")
        assert "# port closed: pulled" in archive.read("capture/bus.txt").decode()
    assert sorted(names) == [
        "capture/bus-bus2.txt", "capture/bus-bus2.txt.1", "capture/bus.txt", "capture/bus.txt.1", "capture/bus.txt.2",
    ]  # fmt: skip


def test_a_broker_that_cannot_be_used_is_named(broker: Broker, tmp_path: Path) -> None:
    mqtt = {"host": "127.0.0.1", "port": 1, "user": "", "password": "", "tls": False}
    messages, trouble = heard(mqtt, "jkbms", 1)
    assert messages == {}
    assert "No MQTT broker listens at 127.0.0.1:1" in trouble
    assert "Trying again" not in trouble
    with Broker(tmp_path / "closed", user="u", password="p") as closed:
        _, trouble = heard({**mqtt, "port": closed.port, "user": "u", "password": "Wr0ngPass"}, "jkbms", 5)
    assert "refuse" in trouble or "not authori" in trouble.lower()
    assert "Wr0ngPass" not in trouble
    began = time.monotonic()
    with Subscriber(broker, "jkbms/#") as other:
        for topic, payload in (
            ("bridge/info", b"{}"), ("bridge/health", b"{}"), ("1/link", b"{}"), ("1/availability", b"online")
        ):  # fmt: skip
            other.publish(f"jkbms/{topic}", payload, retain=True)
            other.wait_topic(f"jkbms/{topic}", payload)
        messages, trouble = heard({**mqtt, "port": broker.port}, "jkbms", 30)
    assert trouble == ""
    assert messages["jkbms/1/link"] == ("{}", True)
    assert time.monotonic() - began < 20  # it does not wait for more than there is


def test_what_is_said_anew_while_it_is_heard_is_retained_all_the_same(broker: Broker) -> None:
    mqtt = {"host": "127.0.0.1", "port": broker.port, "user": "", "password": "", "tls": False}
    with Subscriber(broker, "jkbms/#") as other, ThreadPoolExecutor(1) as pool:
        for topic, payload in (("1/about", b"{}"), ("bridge/info", b"{}"), ("1/availability", b"online")):
            other.publish(f"jkbms/{topic}", payload, retain=True, qos=1)
        listening = pool.submit(heard, mqtt, "jkbms", 30)
        broker.wait_log("jkbms/+/about (QoS 0)")
        broker.wait_log("(d0, q0, r1, m0, 'jkbms/1/about'")
        other.publish("jkbms/1/about", b'{"again": 1}', retain=True, qos=1)
        for topic in ("1/link", "bridge/health"):
            other.publish(f"jkbms/{topic}", b"{}")
        messages, trouble = listening.result(30)
    assert trouble == ""
    assert messages["jkbms/1/about"] == ('{"again": 1}', True)
    assert messages["jkbms/1/link"] == ("{}", False)


def test_words_everybody_uses_are_not_searched_for_but_named() -> None:
    config = {
        "mqtt": {"user": "jkbridge", "password": "ab"}, "base": "jkbms", "discovery": {"prefix": "homeassistant"}
    }  # fmt: skip
    secrets = scrub.Secrets(config, [])
    assert secrets.not_searched == ["jkbridge"]
    assert secrets.removed("jkbridge ab cab 12") == "jkbridge *** cab 12"
    config["mqtt"] = {"user": "otto", "password": "long.pass"}
    secrets = scrub.Secrets(config, [cb.unit(planted.about(), 1)])
    assert secrets.removed("otto ottos xlong.passx Pass62code 715") == "*** ottos x***x *** 715"
    assert secrets.removed_bytes(b"..Pass62code..long.pass") == b"..**********..*********"
    assert secrets.found == 5


def test_a_model_used_as_name_is_no_secret() -> None:
    frame = bytearray(planted.about())
    frame[46:62] = frame[6:22]
    found = set(scrub.in_about_frames(cb.unit(cb.seal(frame), 1)))
    assert "JK_PB2A16S20" not in found
    assert "Setup118word" in found
