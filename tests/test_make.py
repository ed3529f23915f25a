"""The Makefile and its set-up: which command a target runs, and what is said on a machine that lacks
something.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import mp
import pytest

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="no make on this machine; Debian: sudo apt install make"
)


def make(*arguments, **environment):
    """Output of make; PORT and the like must not leak in from this test's own machine or from `make test`
    itself.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "JKBRIDGE_"))}
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=mp.ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )
    return done.stdout + done.stderr


def last_line(*arguments, **environment):
    return " ".join(make("-n", *arguments, **environment).splitlines()[-1].split())


def test_make_alone_shows_help():
    text = make()
    assert text == make("help")
    targets = "run test lint bench size boards flash deploy config device-log repl clean"
    for target in targets.split():
        assert f"make {target}" in text


def test_run_without_anything():
    assert last_line("run") == ".venv/bin/jkbridge run"
    assert "tools/setup.py demo" in make("-n", "run")


def test_run_with_a_port_and_a_broker_needs_no_embedded_broker():
    arguments = ["run", "PORT=/dev/ttyUSB0", "BROKER=192.168.1.10", "PACKS=1-4", "ARGS=--log debug"]
    assert last_line(*arguments) == (
        ".venv/bin/jkbridge run --port '/dev/ttyUSB0' --broker '192.168.1.10' --packs '1-4' --log debug"
    )
    assert "tools/setup.py run" in make("-n", *arguments)


@pytest.mark.parametrize(
    ("text", "setup"),
    [
        ('[mqtt]\nhost = "192.168.1.10"\n', "run"),
        ('mqtt = { host = "192.168.1.10" }\n', "run"),
        ('{"mqtt_host": "core-mosquitto"}\n', "run"),
        ('[bus]\nport = "/dev/ttyUSB0"\n', "demo"),
        ('# host = "of nobody"\n[bus]\nport = "socket://gateway:8899"\n', "demo"),
    ],
)
def test_run_with_a_configuration_looks_for_its_broker(tmp_path, text, setup):
    file = tmp_path / "my bridge.toml"
    file.write_text(text)
    assert f"tools/setup.py {setup}" in make("-n", "run", f"CONFIG={file}")
    assert last_line("run", f"CONFIG={file}") == f".venv/bin/jkbridge run --config '{file}'"


def test_a_port_in_the_environment_is_not_meant_for_us():
    assert last_line("run", PORT="8080", CONFIG="release", PACKS="x", ARGS="y") == ".venv/bin/jkbridge run"


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["deploy", "BOARD=kit", "PORT=/dev/ttyUSB0"], "deploy --board 'kit' --port '/dev/ttyUSB0'"),
        (["deploy", "BOARD=kit", "ARGS=--one-slot"], "deploy --board 'kit' --one-slot"),
        (["flash", "BOARD=kit", "FIRMWARE=my file.bin"], "flash --board 'kit' --firmware 'my file.bin'"),
        (["config", "BOARD=kit", "ARGS=--file config.json"], "config --board 'kit' --file config.json"),
        (["config", "BOARD=kit", "CONFIG=my config.json"], "config --board 'kit' --file 'my config.json'"),
        (["device-log", "PORT=/dev/ttyACM0"], "log --port '/dev/ttyACM0'"),
        (["repl"], "repl"),
        (["boards"], "boards"),
    ],
)
def test_a_device_is_worked_on_with_what_was_given(arguments, called):
    assert last_line(*arguments) == f"PYTHONPATH=tools .venv/bin/python -m device {called}"
    setup = "run" if called == "boards" else "device"
    assert f"tools/setup.py {setup}" in make("-n", *arguments)


def test_a_board_in_the_environment_is_not_meant_for_us():
    assert last_line("deploy", BOARD="x", FIRMWARE="y") == "PYTHONPATH=tools .venv/bin/python -m device deploy"


def test_frames_of_ones_own_reach_the_tests(tmp_path):
    assert f"JKBRIDGE_FRAMES='{tmp_path}'" in last_line("test", f"FRAMES={tmp_path}")


def test_no_python_at_all_is_said():
    text = make("setup-run", "PYTHON=/nowhere/python3")
    assert (
        "there is no /nowhere/python3 on this machine. Install it: sudo apt install python3 python3-venv"
        in text
    )


def setup(*arguments, **environment):
    command = [sys.executable, str(mp.ROOT / "tools" / "setup.py"), *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)


def test_missing_venv_names_its_package(tmp_path):
    (tmp_path / "ensurepip.py").write_text("raise ImportError('not here', name='ensurepip')\n")
    done = setup("run", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "no module ensurepip" in done.stderr
    assert "sudo apt install python3-venv" in done.stderr


def test_old_python_is_named(tmp_path):
    # sitecustomize is read at start: this interpreter now believes that it is an old one, and that it is the
    # only one.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 9, 2, 'final', 0)\n")
    done = setup("run", PYTHONPATH=str(tmp_path), PATH=str(tmp_path))
    assert done.returncode == 1
    assert "version 3.9.2" in done.stderr
    assert "needs 3.11 or newer" in done.stderr
    assert "make PYTHON=/path/to/python3" in done.stderr


def test_setup_can_be_read_by_an_old_python():
    """It must come as far as its sentence: no syntax that Python 3.7 does not know."""
    import ast

    ast.parse((mp.ROOT / "tools" / "setup.py").read_text(), feature_version=(3, 7))
