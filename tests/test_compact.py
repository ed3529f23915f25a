"""tools/compact.py: what a device gets does the same as firmware/, and what it cannot follow it refuses."""

from __future__ import annotations

import ast
import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tools"))
import compact
import heap


def compacted(tmp_path, **modules):
    """New sources of made-up modules, by name."""
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    firmware = compact.Firmware(tmp_path)
    return {path.stem: firmware.compact(path) for path in firmware.trees}, firmware


def run(sources, entry, tmp_path):
    """What `entry` prints on the unix port."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name, text in sources.items():
        (folder / f"{name}.py").write_text(text)
    return mp.run_unix(folder / f"{entry}.py", path=[folder]).stdout.split()


LIBRARY = '''"""Doc."""
from micropython import const
LIMIT = const(7)
_STEP = const(2)
WORD = "seven"
table = [1, 2]

def grow(first_value: int, second_value=_STEP) -> int:
    """Doc."""
    return first_value + second_value * LIMIT

class Base:
    def __init__(self, start):
        self._value = start
    def _more(self):
        return self._value + 1
'''
PROGRAM = """import library
from library import LIMIT, WORD, Base, grow
_table = "global"
class Thing(Base):
    def __init__(self, value_given):
        super().__init__(value_given)
        self._own = 5
    def _more(self):
        return super()._more() + self._own
    def told(self, *, factor=1):
        return [self._more() * factor for _ in range(2)]
thing = Thing(10)
print(LIMIT, WORD, library.LIMIT, grow(1), grow(1, second_value=3), *thing.told(factor=2), _table, library.table)
"""


def test_the_result_behaves_the_same(tmp_path):
    sources, _ = compacted(tmp_path, library=LIBRARY, program=PROGRAM)
    before = run({"library": LIBRARY, "program": PROGRAM}, "program", tmp_path)
    (tmp_path / "out").rename(tmp_path / "before")
    assert run(sources, "program", tmp_path) == before != []


def test_constants_and_long_names_are_gone(tmp_path):
    sources, firmware = compacted(tmp_path, library=LIBRARY, program=PROGRAM)
    names = {node.id for node in ast.walk(ast.parse(sources["library"])) if isinstance(node, ast.Name)}
    assert not names & {"LIMIT", "_STEP", "WORD", "const", "first_value"}
    assert "second_value" in names, "a call names it"
    assert "self._own" not in sources["program"]
    path = next(path for path in firmware.trees if path.stem == "program")
    assert "_own" in firmware.names(path).values()


def test_inherited_private_names_stay_one(tmp_path):
    sources, firmware = compacted(tmp_path, library=LIBRARY, program=PROGRAM)
    library, program = sorted(firmware.trees)
    back = {name: short for short, name in firmware.names(library).items()}
    assert {name: short for short, name in firmware.names(program).items()} == back
    for source in sources.values():
        assert f"def {back['_more']}(self)" in source


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def f(x):\n    return x._hidden\n", "private to another object"),
        ("from library import _secret\n", "imports the private name"),
        ("TOP = 3\ndef f(TOP):\n    return TOP\n", None),
    ],
)
def test_what_cannot_be_followed_is_refused_or_left(tmp_path, text, why):
    if why is None:
        sources, _ = compacted(tmp_path, module=text)
        assert "TOP = 3" in sources["module"], "bound twice: no constant"
        return
    with pytest.raises(compact.CompactError, match=why):
        compacted(tmp_path, library="_secret = 1\n", module=text)


def test_the_firmware_loses_a_sixth_of_its_size(tmp_path):
    plain = sum(heap.compile_device(tmp_path / "plain", plain=True).values())
    small = sum(heap.compile_device(tmp_path / "small").values())
    print(f"\n.mpy files: {plain} bytes as they are, {small} after compact.py")
    assert small < plain * 0.88
