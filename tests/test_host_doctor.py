"""`jkbridge doctor` as a command: ports, output, the file it writes, exit codes. A simulated master keeps it short."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from serial.tools import list_ports

from jkbridge import cli, settings
from jkbridge.doctor import adapters, command, examination, proposal, report
from jkbridge.simulator import Server, make_line
from jkcore import config as core_config
from jkcore import verdicts


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration and no port of this machine may leak in."""
    monkeypatch.setattr(settings, "search_path", lambda: [tmp_path / "jkbridge.toml"])
    monkeypatch.setattr(list_ports, "comports", list)
    for name in list(os.environ):
        if name.startswith("JKBRIDGE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def pty_of_a_master(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "port")
    with Server(make_line([1, 2], master="15.41", paced=True), pty=path):
        yield path


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["doctor", *words])
    out, err = capsys.readouterr()
    return code, out, err


def usb(device: str, product: str, **more: Any) -> Any:
    return SimpleNamespace(device=device, product=product, manufacturer=None, description=product, hwid="USB VID:PID",
                           vid=0x1A86, **more)  # fmt: skip


def test_json_is_one_object(pty_of_a_master: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(capsys, "--port", pty_of_a_master, "--no-ask", "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["verdict"] == "ok_listening"
    assert found["healthy"] is True
    assert {pack["address"] for pack in found["packs"]} == {0, 1, 2}
    assert all(pack["cells"] == 16 and 40 < pack["voltage"] < 60 for pack in found["packs"])
    assert found["config"] == {"bus": {"port": pty_of_a_master, "role": "listen"}}
    assert found["phases"][0]["bytes"] > 1000
    assert {"code", "text", "advice"} == set(found["findings"][0])


def test_text_in_a_pipe_and_the_file(
    pty_of_a_master: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "made.toml"
    code, out, _ = answer(capsys, "--port", pty_of_a_master, "--write", str(file))
    assert code == 0
    assert "Verdict (ok_listening): A pack at DIP 0 leads this line" in out
    assert "Pack at address 1: 16 cells" in out
    assert f"Written to {file}" in out
    assert "\x1b" not in out
    loaded = settings.load(str(file)).config
    assert loaded["bus"][0]["port"] == pty_of_a_master
    assert loaded["bus"][0]["role"] == "listen"
    # Never overwritten, and said before anybody waits.
    code, out, _ = answer(capsys, "--port", pty_of_a_master, "--write", str(file))
    assert code == 2
    assert "exists already" in out
    assert "Listening" not in out


def test_a_port_another_bridge_holds(pty_of_a_master: str, capsys: pytest.CaptureFixture[str]) -> None:
    import serial

    with serial.Serial(pty_of_a_master, exclusive=True):
        code, out, _ = answer(capsys, "--port", pty_of_a_master, "--json")
    found = json.loads(out)
    assert code == 2
    assert found["verdict"] == "port_busy"
    assert "in use by" in found["text"]
    assert found["healthy"] is False


@pytest.mark.parametrize(("port", "word"), [("/dev/ttyUSB77", "port_missing"), ("/dev/null", "port_no_tty")])
def test_ports_that_cannot_be_used(port: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "--port", port, "--json")
    assert code == 2
    assert json.loads(out)["verdict"] == word
    assert "Trying again" not in out


def test_no_permission_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import errno

    from jkbridge import port_errors

    file = tmp_path / "port"
    file.touch()
    assert port_errors.kind(str(file), PermissionError(errno.EACCES, "no")) == "denied"
    assert port_errors.kind(str(file), OSError(errno.EBUSY, "busy")) == "busy"
    assert port_errors.kind(str(file), OSError(errno.EIO, "broken")) == "failed"


def test_without_a_port_there_is_a_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = answer(capsys)
    assert code == 2
    assert "This machine has no serial port." in out
    assert "--port /dev/ttyUSB0" in out
    several = [usb("/dev/ttyUSB0", "CP2102"), usb("/dev/ttyACM0", "USB RS485 Dongle"), usb("/dev/ttyUSB2", "ConBee II")]
    monkeypatch.setattr(list_ports, "comports", lambda: several)
    code, out, _ = answer(capsys)
    assert code == 2
    assert "2 ports may be RS485 adapters" in out
    assert re.search(r"/dev/ttyUSB2 .*hardly an RS485 adapter", out)
    code, out, _ = answer(capsys, "--json")
    assert [port["likely"] for port in json.loads(out)["ports"]] == [True, True, False]
    # The only likely one is taken.
    monkeypatch.setattr(list_ports, "comports", lambda: several[1:])
    code, out, _ = answer(capsys)
    assert "/dev/ttyACM0 does not exist" in out


def test_by_id_names_survive_replugging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    folder = tmp_path / "by-id"
    folder.mkdir()
    (folder / "usb-FTDI_X").symlink_to(device)
    monkeypatch.setattr(adapters, "_BY_ID", folder)
    monkeypatch.setattr(list_ports, "comports", lambda: [usb(str(device), "FT232R")])
    (found,) = adapters.adapters()
    assert found.name == str(folder / "usb-FTDI_X")
    assert found.likely


@pytest.mark.parametrize("seconds", ["5", "x", "4000", "-1"])
def test_impossible_seconds(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = answer(capsys, "--seconds", seconds)
    assert code == 2
    assert "--seconds 30" in err


def result(*findings: list[Any], packs: list[dict[str, Any]] | None = None) -> examination.Result:
    return examination.Result(findings=list(findings), packs=packs or [], baud=9600)


PACK = {"address": 3, "cells": 16, "voltage": 53.274, "soc": 87, "model": "JK_PB2A16S20P", "firmware": "15.41",
        "asked": 10, "frames": 9, "lost": 1, "error_rate": 0.1}  # fmt: skip


def test_a_terminal_gets_a_table_and_colours() -> None:
    console = Console(force_terminal=True, width=100, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    report.show(console, "/dev/ttyUSB0", result([verdicts.OK_POLLING, "3"], [verdicts.ECHO], packs=[PACK]))
    shown = console.export_text(styles=True)
    assert "53.274" in shown
    assert "1 (10 %)" in shown
    assert "\x1b[1;32mVerdict" in shown
    assert "baud = 9600" in shown
    assert "Also:" in shown


def test_the_proposal_can_be_loaded_and_is_written_once(tmp_path: Path) -> None:
    found = result([verdicts.OK_POLLING, "3"], packs=[PACK])
    bus = proposal.propose("/dev/serial/by-id/usb-1", found)
    assert bus == {"port": "/dev/serial/by-id/usb-1", "baud": 9600, "role": "auto", "packs": [3]}
    text = proposal.toml(bus, verdicts.text(found.findings[0]))
    file = tmp_path / "x.toml"
    proposal.write(file, text, False)
    with pytest.raises(FileExistsError):
        proposal.write(file, "", False)
    assert file.read_text() == text
    proposal.write(file, text + "\n", True)
    assert core_config.load(settings.read_file(file), "host")["bus"][0]["packs"] == [3]
    assert proposal.propose("x", result([verdicts.NO_BYTES])) is None


def test_nothing_is_written_where_no_pack_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = SimpleNamespace(write=str(tmp_path / "x.toml"), force=False, as_json=True)
    assert command._end(args, 0, {}, None, True) == 0  # type: ignore[arg-type]
    assert not (tmp_path / "x.toml").exists()
    assert "Nothing was written" in capsys.readouterr().err
