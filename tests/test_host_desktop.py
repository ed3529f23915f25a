"""Board `desktop`: what the device's program does differently on a PC."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from jkdevice import hardware


def test_two_desktop_bridges_have_two_client_ids() -> None:
    """With one and the same, they throw each other out at the broker for ever."""
    board = SimpleNamespace(NAME="desktop")
    one = hardware.client_id(board, b"0a1b2c3d")
    assert one == "jkbridge-desktop-0a1b2c3d"
    assert hardware.client_id(board, b"0a1b2c3e") != one


def test_a_device_keeps_its_client_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(unique_id=lambda: b"\x24\x0a"))
    board = SimpleNamespace(NAME="pico")
    assert hardware.client_id(board, b"1") == hardware.client_id(board, b"2") == "jkbridge-240a"
