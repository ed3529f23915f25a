"""An installation interrupted at every file operation: the board still starts the old release or the new one, the
configuration is kept, and the same command again completes it.
"""

from __future__ import annotations

import shutil

import pytest
from fake_board import FakeBoard

import device
from device import config, deploy, link, release

CONFIG = b'{"mqtt": {"host": "192.168.1.10"}}\n'


def tiny(number):
    """A release whose program says its number; jkcore/same.py is the same in all, jkcore/oldN.py in one only."""
    files = {
        "main.py": b"from jkcore import same, new\n\n\ndef main():\n    print('release', new.NUMBER, same.WORD)\n",
        "board.py": b"NAME = 'desktop'\n",
        "jkcore/__init__.py": b"",
        "jkcore/same.py": b"WORD = 'whole'\n",
        "jkcore/new.py": b"NUMBER = %d\n" % number,
        "jkcore/deep%d/__init__.py" % number: b"# only in this one\n",
    }
    files[release.LIST] = release.listing(files, "desktop")
    return files


@pytest.fixture
def install(monkeypatch):
    """install(board, number): `make deploy` of a tiny release."""

    def run(board, number):
        monkeypatch.setattr(release, "build", lambda name, with_umqtt: tiny(number))
        deploy.deploy("desktop", board.port)

    return run


def test_first_installation_at_every_operation(tmp_path, install):
    cut = 0
    while True:
        cut += 1
        board = FakeBoard(tmp_path / str(cut), cut)
        with board:
            try:
                install(board, 1)
                break
            except device.DeviceError as error:
                assert "went away" in str(error)
                assert board.was_cut()
        said = board.boot()
        assert said in ("no main.py\n", "release 1 whole\n"), f"cut at operation {cut}"
        board.cut = 0
        with board:
            install(board, 1)
        assert board.boot() == "release 1 whole\n", f"again after a cut at operation {cut}"
    assert cut > 25
    assert board.boot() == "release 1 whole\n"
