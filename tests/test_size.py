"""tools/size.py and tools/mpyfile.py: what is read from a compiled file is what the interpreter does."""

from __future__ import annotations

import subprocess
import sys

import mp
import mpyfile
import pytest


def source_with_functions():
    """Functions with 4 to 14 arguments, plain and with a try; each tells how much heap is in use during its
    call.
    """
    lines = ["import gc", "g = gc.mem_alloc"]
    calls = []
    for n in range(4, 15):
        names = ", ".join(f"a{i}" for i in range(n))
        lines += [f"def plain{n}({names}):", "    return g()"]
        lines += [
            f"def tries{n}({names}):",
            "    try:",
            "        return g()",
            "    except ValueError:",
            "        return 0",
        ]
        for kind in ("plain", "tries"):
            calls += ["    before = g()", f"    print('{kind}{n}', {kind}{n}({', '.join('0' * n)}) - before)"]
    return "\n".join([*lines, "def main():", *calls, "main()"]) + "\n"


def test_state_on_the_heap_is_predicted_from_the_compiled_file(tmp_path):
    """The unix port keeps states as a device does (the WebAssembly port does not)."""
    source = tmp_path / "states.py"
    source.write_text(source_with_functions())
    mp.mpy_cross(source, tmp_path / "states.mpy")
    predicted = {f.name: f.on_heap for f in mpyfile.functions((tmp_path / "states.mpy").read_bytes())}
    done = mp.run_unix(source)
    measured = {name: int(taken) > 0 for name, taken in (line.split() for line in done.stdout.splitlines())}
    assert len(measured) == 22, done.stdout
    assert set(measured.values()) == {True, False}
    assert {name: predicted[name] for name in measured} == measured


def test_every_kind_of_object_in_a_file_is_passed_over(tmp_path):
    source = tmp_path / "objects.py"
    source.write_text(
        "def f(x):\n"
        "    x.foo(1, 2.5, 2**80, ('a', 2**70, (None, True, ...)), b'\\0\\1')\n"
        "    x.bar('a text that is much too long to be kept as a name')\n"
        "    return [lambda: y for y in x]\n"
        "def last():\n    pass\n"
    )
    mp.mpy_cross(source, tmp_path / "objects.mpy")
    names = [f.name for f in mpyfile.functions((tmp_path / "objects.mpy").read_bytes())]
    assert names[1:] == ["f", "<listcomp>", "<lambda>", "last"]


def test_another_file_is_refused():
    with pytest.raises(mpyfile.MpyError, match=r"not an \.mpy file"):
        mpyfile.functions(b"\x7fELF")


def test_make_size_prints_every_module_and_the_sum():
    mp.require_mpy_cross()
    done = subprocess.run(
        [sys.executable, str(mp.ROOT / "tools" / "size.py"), "--calls"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    rows = {
        line.split()[0]: int(line.split()[1])
        for line in done.stdout.splitlines()
        if line[-3:].strip().isdigit()
    }
    modules = {f.relative_to(mp.FIRMWARE).as_posix() for f in mp.FIRMWARE.rglob("*.py")}
    assert modules <= set(rows)
    assert rows["all"] == sum(rows[m] for m in {*modules, "jkcore/fields/columns.py"})
    assert rows["jkcore/pack.py"] == 0 < rows["jkcore/bridge.py"], "what is always loaded together is one file"
