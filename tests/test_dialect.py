"""The house's rules that can be read off the sources: dialect, no float in the core, who imports whom, pins,
big functions.
"""

from __future__ import annotations

import dialect
import mp
import pytest

CORE = sorted((mp.FIRMWARE / "jkcore").rglob("*.py"))
DEVICE = sorted(set(mp.FIRMWARE.rglob("*.py")) - set(CORE))
BOARDS = sorted((mp.ROOT / "boards").glob("*.py"))
HOST = sorted((mp.ROOT / "host_shim").rglob("*.py"))
BIG = mp.ROOT / "tests" / "big_functions.txt"


def name(file):
    return file.relative_to(mp.ROOT).as_posix()


def no_complaint(file, check):
    complaints = check(file.read_text(encoding="utf-8"))
    assert not complaints, "\n".join(f"{name(file)}, {text}" for text in complaints)


@pytest.mark.parametrize("file", CORE + DEVICE + BOARDS, ids=name)
def test_micropython_has_what_the_firmware_uses(file):
    no_complaint(file, dialect.dialect)


@pytest.mark.parametrize("file", CORE, ids=name)
def test_core_uses_no_float_no_console_and_imports_only_itself(file):
    no_complaint(file, dialect.core)


@pytest.mark.parametrize("file", CORE + DEVICE, ids=name)
def test_pin_numbers_are_in_boards_only(file):
    no_complaint(file, dialect.pins)


def importers(files, *forbidden):
    return [
        f"{name(file)}, line {line}: import {module}"
        for file in files
        for line, module in dialect.imports(file.read_text(encoding="utf-8"))
        if any(module == f or module.startswith(f + ".") for f in forbidden)
    ]


def test_device_and_host_do_not_import_each_other():
    assert importers(DEVICE + BOARDS + CORE, "jkbridge") == []
    assert importers(HOST + CORE, "jkdevice") == []


def test_simulator_shares_no_table_with_the_decoder():
    simulator = [file for file in HOST if "simulator" in file.parts]
    assert importers(simulator, "jkcore.fields", "jkcore.framer", "jkcore.modbus", "jkcore.pack") == []


def reviewed():
    lines = [line.split(maxsplit=1) for line in BIG.read_text().splitlines() if line and line[0] != "#"]
    assert all(len(line) == 2 for line in lines), (
        f"{name(BIG)}: each function needs the reason why it may be big"
    )
    return {line[0] for line in lines}


def big_functions():
    return {
        f"{file.relative_to(mp.FIRMWARE).as_posix()}:{function}": count
        for file in CORE
        for function, count in dialect.locals_by_function(file.read_text(encoding="utf-8")).items()
        if count > dialect.MOST_LOCALS
    }


def test_no_function_of_the_core_is_too_big_for_the_stack():
    found = {key: count for key, count in big_functions().items() if key not in reviewed()}
    assert not found, (
        f"ten or more locals: each call takes its state from the heap. Split them, "
        f"or, off the way of a frame, name them in {name(BIG)}: {found}"
    )


def test_the_list_of_big_functions_is_not_stale():
    assert reviewed() <= set(big_functions())


REFUSED = {
    dialect.dialect: [
        "import typing", "from dataclasses import dataclass", "from __future__ import annotations",
        "def f():\n    import enum",
        "match x:\n    case 1: pass", "def f(a, /): pass", "try:\n    pass\nexcept* ValueError:\n    pass",
        "x = {**d}", "x = [*t]", "x = *t, 1", "print(1, flush=True)", "x.bit_count()", "x.removeprefix('a')",
        "memoryview(x).cast('H')", "struct.Struct('<H')", "del b[1:2]", "s[::-1]", "time.monotonic()",
        "int.from_bytes(b, 'little', signed=True)", "int.from_bytes(b, 'little', True)",
    ],
    dialect.core: [
        "import json", "from time import sleep", "x = 1.5", "x = a / b", "x /= 2", "float(1)", "print(1)",
        "open('x')", "'%.3f' % x", "b'%5.1f' % x", "'%d %g' % (1, 2)", "f'{x:.3f}'",
    ],
    dialect.pins: [
        "Pin(17, Pin.OUT)", "machine.Pin(4)", "UART(1, 115200, tx=17, rx=16)", "SPI(1, sck=Pin(14))",
    ],
}  # fmt: skip
ACCEPTED = {
    dialect.dialect: [
        "a, *b = t", "f(*t, **d)", "x = b[1:2]", "del d[1]", "int.from_bytes(b, 'little')",
        "print(1, end='')", "def f(a: int, *, b=1) -> bytes: pass", "if (n := len(x)): pass",
    ],
    dialect.core: [
        "from jkcore.shim import const", "import micropython", "from . import clock", "x = a // b",
        "x = a % b", "x = '%d%%' % n", "f'{x:02x}'", "x = 'half of 1.5'",
    ],
    dialect.pins: ["Pin(board.TX)", "UART(1, 115200, tx=board.TX)", "UART(1)", "f(rx=b'')"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "source"), [(check, s) for check, sources in REFUSED.items() for s in sources]
)
def test_a_check_sees_what_is_forbidden(check, source):
    assert check(source), f"{check.__name__} does not object to {source!r}"


@pytest.mark.parametrize(
    ("check", "source"), [(check, s) for check, sources in ACCEPTED.items() for s in sources]
)
def test_a_check_accepts_what_is_allowed(check, source):
    assert check(source) == []


def test_locals_are_counted_as_micropython_does():
    source = (
        "class C:\n"
        "    def small(self, a, b):\n"
        "        for i in range(a):\n"
        "            self.x = [j for j in b]\n"
        "        return i\n"
        "    def many(self, a=1, *args, c, **more):\n"
        "        global g\n"
        "        g = d = e = f = 1\n"
        "        try:\n"
        "            h, (k, l) = a\n"
        "        except ValueError as error:\n"
        "            with open(a) as m:\n"
        "                pass\n"
        "        def inner(q):\n"
        "            nonlocal h\n"
        "            h = [(q, r) for r in k if (w := r)]\n"
        "            return q + d + x\n"
    )
    assert dialect.locals_by_function(source) == {"C.small": 4, "C.many": 14, "C.many.inner": 5}
