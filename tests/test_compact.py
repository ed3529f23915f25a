"""tools/compact.py: what a device gets does the same as firmware/, and what it cannot follow it refuses."""

from __future__ import annotations

import ast
import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tools"))
import compact
import heap
import mpyfile
import outside


def compacted(tmp_path, files=(), **modules):
    """New sources of made-up modules, by name."""
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    firmware = compact.Firmware(tmp_path, files)
    return {path.stem: text for path, text in firmware.files().items()}, firmware


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


@pytest.mark.parametrize("files", [(), (("program",),)])
def test_the_result_behaves_the_same(tmp_path, files):
    sources, _ = compacted(tmp_path, files, library=LIBRARY, program=PROGRAM)
    assert set(sources) == ({"program"} if files else {"library", "program"})
    before = run({"library": LIBRARY, "program": PROGRAM}, "program", tmp_path)
    (tmp_path / "out").rename(tmp_path / "before")
    assert run(sources, "program", tmp_path) == before != []


def names_in(text):
    tree = ast.parse(text)
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | {
        n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)
    }


def test_constants_and_long_names_are_gone(tmp_path):
    sources, _ = compacted(tmp_path, library=LIBRARY, program=PROGRAM)
    for text in sources.values():
        assert not names_in(text) & {
            "LIMIT", "_STEP", "WORD", "const", "first_value", "second_value", "_own", "_more", "grow", "Base",
        }  # fmt: skip


def test_what_a_short_name_was_is_told(tmp_path):
    sources, firmware = compacted(tmp_path, library=LIBRARY, program=PROGRAM)
    path = next(path for path in firmware.trees if path.stem == "library")
    back = {name: short for short, names in firmware.names(path).items() for name in names.split(" or ")}
    assert f"def {back['library.grow']}(" in sources["library"]
    assert f"def {back['library.Base._more']}(self)" in sources["library"]


def test_attributes_of_one_family_never_share_a_name(tmp_path):
    """Base and Thing are one object; Other may use their names again."""
    text = PROGRAM + "class Other:\n    def __init__(self):\n        self.lonely = 1\nother = Other()\n"
    _, firmware = compacted(tmp_path, library=LIBRARY, program=text)
    short = {name: firmware.attribute(name) for name in ("_value", "_own", "_more", "told")}
    assert len(set(short.values())) == 4
    assert firmware.attribute("lonely") in short.values()


OUTSIDE = """import sys
class Port:
    def __init__(self):
        self.read = self.level = self.mine = 1
    def append(self, value):
        return value
port = Port()
print(port.append(2), getattr(port, "level", 0), port.mine, len(sys.path) > 0)
"""


def test_names_of_the_outside_and_names_in_texts_stay(tmp_path):
    sources, firmware = compacted(tmp_path, outside=OUTSIDE)
    assert {"append", "read", "level", "path"} <= names_in(sources["outside"])
    assert firmware.attribute("mine") not in ("mine", "append", "read", "level")
    assert run(sources, "outside", tmp_path) == ["2", "1", "1", "True"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("class A:\n    x = 1\ndef f(a, n):\n    return getattr(a, n)\n", "names an attribute nobody can see"),
        ("class A:\n    x = 1\ndef f(a):\n    try:\n        a.x\n    except AttributeError:\n        pass\n",
         "waits for an AttributeError"),
        ("def f():\n    return globals()\n", "uses globals"),
        ("class A:\n    x = table\ntable = 1\n", "the body of class A uses"),
        ("count = 0\ndef f():\n    global count\n    count = 1\n", "changes a global"),
        ("import library\nname = 'library'\n", "named in a text"),
        ("TOP = 3\ndef f(TOP):\n    return TOP\n", None),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused_or_left(tmp_path, text, why):
    if why is None:
        sources, _ = compacted(tmp_path, module=text)
        assert "= 3" in sources["module"], "bound twice: no constant"
        return
    with pytest.raises(compact.CompactError, match=why):
        compacted(tmp_path, (("module",),), library="secret = 1\n", module=text)


def test_new_names_that_are_said_to_cost_nothing_are_known_to_every_interpreter(tmp_path):
    """By number: an .mpy does not spell them."""
    source = tmp_path / "names.py"
    source.write_text("".join(f"x.{name}\n" for name in outside.BUILT_IN))
    mp.mpy_cross(source, tmp_path / "names.mpy", "main")
    reader = mpyfile._Reader((tmp_path / "names.mpy").read_bytes())
    count, _ = reader.number(), reader.number()
    spelled = {reader.qstr() for _ in range(count)} - {None}
    assert spelled == {"x"}


# What these hold in jkdevice are objects of firmware/, never of machine, network, socket or umqtt.
OURS = {
    "boots", "files", "guard", "info", "last_good", "recovery", "start", "tracebacks",
    "bridge.publisher", "loop.bridge", "loop.session", "self._guard",
    "bridge", "bus", "can", "found", "loop", "message", "pipe", "port", "port.bus", "ports[n].bus", "reader",
    "receiver",
    "blocking", "link", "network", "self._network", "self.machine", "self.tls", "tls", "way",
    "self._asked", "self._backoff", "self._bridge", "self._can[left]", "self._masking", "self._pipe", "self._reader",
    "self._sink", "self._tape", "self._session", "self.bridge", "self.bus", "self.session", "session",
}  # fmt: skip


def test_attributes_that_get_a_short_name_are_asked_of_our_own_objects_only():
    """jkdevice handles objects of the device: whatever they have must be in outside.py. Where this fails, see whose
    object that is: ours, and it belongs in OURS; the device's, and its attribute belongs in outside.py."""
    short = compact.Firmware().shortener.attributes
    for path in sorted((mp.FIRMWARE / "jkdevice").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in short:
                owner = ast.unparse(node.value)
                assert owner in OURS or owner in ("self", "super()"), f"{path.name}: {owner}.{node.attr}"


def test_the_firmware_loses_a_sixth_of_its_size(tmp_path):
    plain = sum(heap.compile_device(tmp_path / "plain", plain=True).values())
    small = sum(heap.compile_device(tmp_path / "small").values())
    print(f"\n.mpy files: {plain} bytes as they are, {small} after compact.py")
    assert small < plain * 0.82
