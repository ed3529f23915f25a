"""The command line: what each command answers, and how it ends when something is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jkbridge import cli, settings
from jkcore.version import VERSION


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration of this machine, file or variable, may leak in."""
    monkeypatch.setattr(settings, "search_path", lambda: [tmp_path / "jkbridge.toml"])
    for name in list(os.environ):
        if name.startswith("JKBRIDGE_"):
            monkeypatch.delenv(name)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(words)
    out, err = capsys.readouterr()
    return code, out, err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ((), ("--help",)):
        code, out, _ = answer(capsys, *words)
        assert code == 0
        for command in ("run", "doctor", "simulate", "decode", "replay", "config"):
            assert f"    {command} " in out
    assert answer(capsys, "--version") == (0, f"jkbridge {VERSION}\n", "")


@pytest.mark.parametrize("command", ["run", "doctor", "simulate", "decode", "replay", "config"])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, err = answer(capsys, command, "--help")
    assert code == 0
    assert f"jkbridge {command}" in out
    assert err == ""


def test_usage_errors_end_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "--verbose")[0] == 2
    assert answer(capsys, "frobnicate")[0] == 2
    assert answer(capsys, "config")[0] == 2
    assert answer(capsys, "decode")[0] == 2
    code, _, err = answer(capsys, "config", "check", "--broker", "host:port")
    assert code == 2
    assert "must be a number" in err
    code, _, err = answer(capsys, "config", "check", "--set", "mqtt.kepalive=3")
    assert code == 2
    assert "the nearest is mqtt.keepalive" in err
    assert "the value is missing" in answer(capsys, "config", "check", "--set", "interval")[2]
    assert "configuration file alone, as [[pack]]" in answer(capsys, "config", "check", "--set", "pack.name=a")[2]


def test_check_says_what_is_in_force(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(
        capsys, "config", "check", "--port", "/dev/ttyUSB0", "--packs", "1-4,7", "--broker", "[fe80::1]:1884",
        "--interval", "0", "--set", "mqtt.keepalive=30",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "/dev/ttyUSB0, packs 1, 2, 3, 4, 7, every 0 s" in out
    assert "fe80::1:1884" in out


@pytest.mark.parametrize(
    ("interface", "words"),
    [("slcan", "listens only"), ("gs_usb", "acknowledges (gs_usb cannot only listen), never sends")],
)
def test_check_promises_no_silence_an_adapter_cannot_keep(
    capsys: pytest.CaptureFixture[str], interface: str, words: str
) -> None:
    keys = ("bus.kind=can", f"bus.interface={interface}", "bus.channel=0", "bus.bitrate=500000")
    code, out, _ = answer(capsys, "config", "check", *(word for key in keys for word in ("--set", key)))
    assert code == 0
    assert f"CAN at 500 kbit/s, {words}\n" in out


def test_check_refuses_with_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "jkbridge.toml").write_text("[bus]\nprot = 1\n")
    code, out, err = answer(capsys, "config", "check")
    assert (code, out) == (2, "")
    assert err.startswith("jkbridge: Unknown key bus.prot. Did you mean bus.port?")
    assert err.count("\n") == 1


def test_a_refused_value_does_not_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "config", "check", "--set", "bus.name=\x1b[2J\n")[0] == 2
    code, _, err = answer(capsys, "config", "check", "--set", "bus.role=\x1b[2J\n")
    assert code == 2
    assert 'bus.role = "?[2J?" is not possible' in err


def test_check_looks_into_certificates(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("no certificate")
    code, _, err = answer(capsys, "config", "check", "--broker", "b", "--tls", "--ca", str(ca))
    assert code == 2
    assert "holds no CA certificate" in err


def test_broker_flag_forms() -> None:
    for text, wanted in (
        ("b", ("b", "")), ("b:1884", ("b", "1884")), ("::1", ("::1", "")), ("[::1]:1884", ("::1", "1884")),
    ):  # fmt: skip
        assert cli._host_port(text) == wanted
    assert cli._host_port("") == ("", "")  # a script's empty variable: the embedded broker, as without the flag


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (":1883", "name of the broker is missing"), ("[]:1883", "not understood"), ("[::1", "not understood"),
        ("[::1]1883", "not understood"), ("[::1]:", "must be a number"), ("b:", "must be a number"),
        ("b:\u0663", "must be a number"), ("mqtt://b:1883", "--tls for TLS"),
    ],
)  # fmt: skip
def test_a_broker_that_cannot_be_meant_is_refused(capsys: pytest.CaptureFixture[str], text: str, words: str) -> None:
    code, _, err = answer(capsys, "config", "check", "--broker", text)
    assert code == 2
    assert words in err
    assert f'"{text}"' in err


def test_example_and_show_are_files_that_load(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "jkbridge.toml"
    file.write_text(answer(capsys, "config", "example")[1])
    code, out, _ = answer(capsys, "config", "show", "--broker", "b")
    assert code == 0
    assert str(file) in out
    file.write_text(out)
    assert answer(capsys, "config", "check")[0] == 0


def _main_with(action: str) -> subprocess.CompletedProcess[str]:
    program = (
        f"import os, sys; from jkbridge import cli; cli._dispatch = lambda a: {action}; sys.exit(cli.main(['run']))"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=_env(), check=False)


def test_interrupt_shows_no_traceback_and_a_bug_does() -> None:
    done = _main_with("os.kill(os.getpid(), 2)")
    assert done.returncode == 130
    assert done.stderr == ""
    assert "ZeroDivisionError" in _main_with("1 / 0").stderr


def test_a_reader_that_went_away_is_no_error_worth_a_word() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "jkbridge", "config", "example"]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, env=_env(), check=False)
    os.close(write_end)
    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_in_words() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        command = [sys.executable, "-m", "jkbridge", "config", "example"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=_env(), check=False)
    assert done.returncode == 1
    assert done.stderr == "jkbridge: the output cannot be written: No space left on device.\n"
    assert "FileNotFoundError" in _main_with("open('/nonexistent')").stderr  # not every OSError is one of the output


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
def test_closed_standard_streams_are_no_error() -> None:
    command = f"exec {sys.executable} -m jkbridge config show <&- >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, env=_env(), check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_umlauts_gets_something_else_for_them(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[[pack]]\naddress = 1\nname = "S\u00fcd \u2600"\n', encoding="utf-8")
    command = [sys.executable, "-m", "jkbridge", "config", "show", "--config", str(file)]
    for encoding, name in (("latin-1", "S\u00fcd ?"), ("ascii:surrogateescape", "S?d ?")):
        env = _env() | {"PYTHONIOENCODING": encoding}
        done = subprocess.run(command, capture_output=True, env=env, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert f'name = "{name}"'.encode(encoding.partition(":")[0]) in done.stdout


def test_decode_ends_as_promised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "decode", str(tmp_path / "none.hex"))[0] == 2
    junk = tmp_path / "junk.hex"
    junk.write_text("55 AA EB 90 02 00\n")
    assert answer(capsys, "decode", str(junk))[0] == 1
    for content in ("", "# nothing yet\n"):
        empty = tmp_path / "empty.hex"
        empty.write_text(content)
        code, out, err = answer(capsys, "decode", str(empty))
        assert (code, out) == (2, "")
        assert "empty.hex: holds no bytes" in err
    assert answer(capsys, "decode", str(junk), str(empty))[0] == 2


def test_commands_load_only_what_they_use() -> None:
    program = "import sys; from jkbridge import cli; cli.main(['config', 'show']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=_env(), check=True)
    for name in ("rich", "amqtt", "asyncio", "paho", "jkbridge.simulator", "jkbridge.run"):
        assert f"'{name}'" not in done.stdout


def _env() -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("JKBRIDGE_")}
    return {**env, "PYTHONPATH": os.pathsep.join(sys.path)}
