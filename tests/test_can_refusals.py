"""What is not built for CAN yet is refused in words, not with a traceback."""

from __future__ import annotations

import core_bytes as cb
import pytest

from jkbridge import cli

CAN = '[[bus]]\nkind = "can"\ninterface = "virtual"\nchannel = "refused"\nbitrate = 500000\n'


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "jkbridge.toml"
    file.write_text(CAN)
    return str(file)


def test_the_doctor(config, capsys):
    assert cli.main(["doctor", "--config", config]) == 2
    assert "RS485 only" in " ".join(capsys.readouterr().out.split())


def test_replay_of_rs485_bytes(config, tmp_path, capsys):
    recording = tmp_path / "line.hex"
    recording.write_text(cb.unit(cb.live(), 1).hex())
    assert cli.main(["replay", str(recording), "--print", "--config", config]) == 2
    assert "CAN buses only" in capsys.readouterr().err


def test_replay_takes_the_serial_bus_of_both(tmp_path, capsys):
    file = tmp_path / "both.toml"
    file.write_text('[[bus]]\nport = "/dev/ttyUSB0"\n' + CAN)
    recording = tmp_path / "line.hex"
    recording.write_text(2 * cb.unit(cb.live(), 1).hex())
    assert cli.main(["replay", str(recording), "--print", "--config", str(file)]) == 0
    assert "jkbms/1/live" in capsys.readouterr().out


def test_config_check_and_show(config, capsys):
    for action in ("check", "show"):
        assert cli.main(["config", action, "--config", config]) == 0
    assert "virtual" in capsys.readouterr().out
