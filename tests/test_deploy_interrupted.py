"""An installation interrupted at every file operation: the board still starts the old release or the new one, the
configuration is kept, and the same command again completes it.
"""

from __future__ import annotations

import shutil

import device
import pytest
from device import config, deploy, link, release
from fake_board import FakeBoard

CONFIG = b'{"mqtt": {"host": "192.168.1.10"}}\n'


def tiny(number):
    """A release whose program says its number; jkcore/same.py is the same in all, jkcore/oldN.py in one only."""
    return {
        "main.py": b"from jkcore import same, new\n\n\ndef main():\n    print('release', new.NUMBER, same.WORD)\n",
        "board.py": b"NAME = 'desktop'\n",
        "jkcore/__init__.py": b"",
        "jkcore/same.py": b"WORD = 'whole'\n",
        "jkcore/new.py": b"NUMBER = %d\n" % number,
        f"jkcore/deep{number}/__init__.py": b"# only in this one\n",
    }


@pytest.fixture
def install(monkeypatch):
    """install(board, number): `make deploy` of a tiny release."""

    def run(board, number):
        monkeypatch.setattr(release, "umqtt_files", dict)
        monkeypatch.setattr(release, "build", lambda name: tiny(number))
        deploy.deploy("desktop", board.port)

    return run


def at_every_operation(folder, start, action, blocks=512):
    """Do action(board) on copies of the flash `start`, cut at operation 1, 2, ... until it comes through. Yields the
    number and the board after each cut, with the power off, and last (0, board), where nothing was cut.
    """
    cut, gone = 0, True
    while gone:
        cut += 1
        board = FakeBoard(folder / str(cut), cut, blocks)
        shutil.copytree(start, board.folder, dirs_exist_ok=True)
        said = ""
        with board:
            try:
                action(board)
            except device.DeviceError as error:
                said = str(error)
            gone = said != ""
            assert gone == board.was_cut(), said
        assert not gone or "went away" in said
        board.cut = 0
        yield cut if gone else 0, board
    assert cut > 4


def test_first_installation_at_every_operation(tmp_path, install):
    empty = tmp_path / "empty"
    empty.mkdir()
    for cut, board in at_every_operation(tmp_path, empty, lambda b: install(b, 1)):
        assert board.boot() in ("no main.py\n", "release 1 whole\n"), f"cut at operation {cut}"
        with board:
            install(board, 1)
        assert board.boot() == "release 1 whole\n", f"again after a cut at operation {cut}"


@pytest.fixture
def first(tmp_path, install):
    """The flash of a board with release 1 and a configuration."""
    board = FakeBoard(tmp_path / "first")
    with board:
        install(board, 1)
    (board.folder / "config.json").write_bytes(CONFIG)
    return board.folder


def test_update_at_every_operation(tmp_path, install, first):
    seen = set()
    for cut, board in at_every_operation(tmp_path, first, lambda b: install(b, 2)):
        said = board.boot()
        assert said in ("release 1 whole\n", "release 2 whole\n"), f"cut at operation {cut}"
        seen.add(said)
        assert board.files()["config.json"] == CONFIG
        with board:
            install(board, 2)
        assert board.boot() == "release 2 whole\n", f"again after a cut at operation {cut}"
        assert board.files()["config.json"] == CONFIG
    assert len(seen) == 2


def test_third_release_replaces_the_first_at_every_operation(tmp_path, install, first):
    board = FakeBoard(first)
    with board:
        install(board, 2)
    for cut, board in at_every_operation(tmp_path, first, lambda b: install(b, 3)):
        assert board.boot() in ("release 2 whole\n", "release 3 whole\n"), f"cut at operation {cut}"
        with board:
            install(board, 3)
        assert board.boot() == "release 3 whole\n", f"again after a cut at operation {cut}"
        # Nothing of release 1 is left in its slot, and release 2 is still whole beside it.
        assert not [name for name in board.files() if "deep1" in name or name.endswith(".new")]
        assert "jk/b/jkcore/deep2/__init__.py" in board.files()


def test_update_on_littlefs_at_every_write_of_a_block(tmp_path, install, monkeypatch):
    """The file system of the boards itself under it: a rename must be all or nothing there."""
    board = FakeBoard(tmp_path / "first.img", blocks=212)
    with board:
        install(board, 1)
    with board:
        opened = link.open_board(board.port)
        opened.write("/config.json", CONFIG)
        opened.restart()
    flash = board.folder.read_bytes()
    cut, seen, gone = 0, [], True
    while gone:
        cut += 1
        board = FakeBoard(tmp_path / "cut.img", cut, blocks=212)
        board.folder.write_bytes(flash)
        with board:
            try:
                install(board, 2)
                gone = False
            except device.DeviceError:
                assert board.was_cut()
        board.cut = 0
        seen.append(board.boot())
        assert seen[-1] in ("release 1 whole\n", "release 2 whole\n"), f"cut at block write {cut}"
        with board:
            opened = link.open_board(board.port)
            assert opened.read("/config.json") == CONFIG
            opened.close()
    assert len(set(seen)) == 2
    assert cut > 25


def test_update_in_place_at_every_operation(tmp_path, install, first):
    """A flash that has no room for two releases."""
    for cut, board in at_every_operation(tmp_path, first, lambda b: install(b, 2), blocks=34):
        assert not (board.folder / "jk/b").exists()
        said = board.boot()
        assert said in ("release 1 whole\n", "release 2 whole\n"), f"cut at operation {cut}"
        assert board.files()["config.json"] == CONFIG
        with board:
            install(board, 2)
        assert board.boot() == "release 2 whole\n", f"again after a cut at operation {cut}"
        assert not [name for name in board.files() if name.endswith((".new", "/commit"))]


def test_the_launcher_completes_an_update_in_place_cut_at_every_operation(tmp_path, install, first):
    board = FakeBoard(first, blocks=34)
    with board:
        install(board, 2)
    assert "jk/a/commit" in board.files()
    for cut in range(1, 20):
        half = FakeBoard(tmp_path / str(cut), cut)
        shutil.copytree(first, half.folder, dirs_exist_ok=True)
        said = half.boot()
        half.cut = 0
        assert half.boot() == "release 2 whole\n", f"cut at operation {cut}"
        if said:
            break
    assert 3 < cut < 19


def test_new_launcher_at_every_operation(tmp_path, install, first, monkeypatch):
    newer = tmp_path / "launcher.py"
    newer.write_bytes(release.LAUNCHER.read_bytes() + b"# newer\n")
    monkeypatch.setattr(release, "LAUNCHER", newer)
    for cut, board in at_every_operation(tmp_path, first, lambda b: install(b, 1)):
        assert board.boot() == "release 1 whole\n", f"cut at operation {cut}"
        assert board.files()["main.py"] in (newer.read_bytes(), newer.read_bytes()[:-8])


def test_configuration_at_every_operation(tmp_path, first):
    other = tmp_path / "other.json"
    other.write_text('{"bus": {"port": "tcp://127.0.0.1:8899"}, "mqtt": {"host": "192.168.1.11"}}')
    found = set()
    for cut, board in at_every_operation(tmp_path, first, lambda b: config.configure("desktop", b.port, str(other))):
        written = board.files()["config.json"]
        assert written == CONFIG or b"192.168.1.11" in written, f"cut at operation {cut}"
        found.add(written)
        assert board.boot() == "release 1 whole\n"
    assert len(found) == 2
