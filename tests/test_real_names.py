"""A traceback of the compacted firmware, told in the names of the source."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mp

sys.path.insert(0, str(mp.ROOT / "tools"))
import compact
import heap
import real_names


def test_a_traceback_of_the_device_gets_its_real_names(tmp_path):
    firmware = compact.Firmware()
    heap.compile_device(tmp_path)
    short = {real: name for name, real in firmware.names(Path("jkcore/config.py")).items()}["jkcore.config.load"]
    code = (
        "import sys\nfrom jkcore import config\n"
        f"try:\n    config.{short}({{'interval': 'five'}}, 'device')\n"
        "except Exception as error:\n    sys.print_exception(error)\n"
    )
    said = mp.run_unix(code, path=[tmp_path]).stdout
    assert "_value" not in said
    told = real_names.translate(said, firmware)
    assert "in jkcore.config.load" in told
    assert "in jkcore.config._value" in told
    assert told.splitlines()[-1] == said.splitlines()[-1]


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
