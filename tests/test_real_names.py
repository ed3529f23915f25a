"""A traceback of the compacted firmware, told in the names of the source."""

from __future__ import annotations

import subprocess
import sys

import mp

sys.path.insert(0, str(mp.ROOT / "tools"))
import compact
import real_names


def test_a_traceback_of_the_device_gets_its_real_names(tmp_path):
    """From a real one: the loop of the compiled firmware with a bridge that fails."""
    firmware = compact.Firmware()
    source = compact.Path("jkdevice/loop.py")
    (tmp_path / "loop.py").write_text(firmware.compact(source))
    mp.mpy_cross(tmp_path / "loop.py", tmp_path / "lib" / "loop.mpy", "jkdevice.loop")
    code = (
        "import loop, sys\n"
        "class Port:\n    bus = None\n"
        "class Session:\n    idle = True\n"
        "Port.bus = Port\nPort.poller = 1\n"
        "try:\n    loop.Loop(None, [Port], Session, None, None).turn(5)\n"
        "except Exception as error:\n    sys.print_exception(error)\n"
    )
    said = mp.run_unix(code, path=[tmp_path / "lib", mp.FIRMWARE]).stdout
    assert "in _serve" not in said
    told = real_names.translate(said, firmware)
    assert "in _lines" in told
    assert "in _serve" in told
    assert told.splitlines()[-1] == said.splitlines()[-1].rstrip()


def test_other_text_stays_and_an_unknown_module_too():
    text = 'hello _a\n  File "somebody.else", line 1, in _a\nValueError: _b'
    assert real_names.translate(text) == text


def test_a_file_that_is_not_there_is_said(tmp_path):
    done = subprocess.run(
        [sys.executable, mp.ROOT / "tools" / "real_names.py", tmp_path / "none"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
