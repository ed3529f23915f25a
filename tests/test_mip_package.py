"""package.json: `mpremote mip install` of the repository brings a program that starts; `make deploy` replaces it."""

from __future__ import annotations

import json
import subprocess
import sys

import mip_package
import mp
import pytest
from device import deploy, release
from fake_board import FakeBoard


def test_every_file_is_listed_and_is_there():
    assert mip_package.PACKAGE.read_text() == mip_package.text(), "run .venv/bin/python tools/mip_package.py"
    for _, source in json.loads(mip_package.PACKAGE.read_text())["urls"]:
        assert (mp.ROOT / source).is_file()


@pytest.fixture
def board(tmp_path):
    """A board after mip install, with board.py and umqtt.simple copied by hand."""
    pytest.importorskip("mpremote")
    board = FakeBoard(tmp_path / "flash")
    with board:
        command = [sys.executable, "-m", "mpremote", "connect", board.port, "resume"]
        command += ["mip", "install", "--target", "/", str(mip_package.PACKAGE)]
        command += ["+", "cp", str(mp.ROOT / "boards" / "desktop.py"), ":board.py"]
        command += ["+", "mkdir", ":umqtt", "+", "cp", f"{mp.require_umqtt()}/umqtt/simple.py", ":umqtt/simple.py"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return board


def test_what_mip_installs_starts_and_deploy_replaces_it(board, monkeypatch):
    assert "config.json is missing" in board.boot()
    (board.folder / "config.json").write_text("{}")
    files = {"main.py": b"def main():\n    print('deployed')\n", "board.py": b"NAME = 'desktop'\n"}
    monkeypatch.setattr(release, "build", lambda name: files)
    with board:
        deploy.deploy("desktop", board.port)
    assert board.boot() == "deployed\n"
    # What is not of the release is gone; what the user copied is not touched.
    kept = {name for name in board.files() if not name.startswith("jk/")}
    assert kept == {"main.py", "config.json", "board.py", "umqtt/simple.py"}
