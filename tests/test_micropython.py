"""The shared tests on real MicroPython: the 64-bit unix port, and the 32-bit one in WebAssembly where no
socket is needed.

pytest collects the same files by itself for CPython.
"""

from __future__ import annotations

import ast
from pathlib import Path

import mp
import pytest
import recordings

FILES = sorted(mp.SHARED.glob("test_*.py"))
NO_SUCH_MODULE_IN_WASM = {"socket", "ssl", "machine", "umqtt", "jkdevice"}


def imports(file: Path) -> set[str]:
    """First names of the modules that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def outcome(done, file: Path) -> None:
    """Show what the run printed; fail, or skip with the reasons, as it says."""
    print(done.stdout)
    assert done.returncode == 0, f"{file.name} fails on MicroPython:\n{done.stdout}"
    skipped = [line for line in done.stdout.splitlines() if line.startswith("skipped ")]
    if skipped:
        pytest.skip("; ".join(skipped))


def arguments(file: Path) -> list[str]:
    folder = recordings.folder()
    return ([f"--frames={Path(folder).resolve()}"] if folder else []) + [file.stem]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_on_the_unix_port(file):
    outcome(mp.run_unix(mp.RUNNER, arguments(file), path=(*mp.DEFAULT_PATH, mp.UMQTT)), file)


@pytest.mark.parametrize(
    "file", [f for f in FILES if not imports(f) & NO_SUCH_MODULE_IN_WASM], ids=lambda f: f.stem
)
def test_on_32_bits(file):
    folder = recordings.folder()
    outcome(mp.run_wasm(mp.RUNNER, arguments(file), copy=[folder] if folder else []), file)


def failing_tests(tmp_path: Path) -> Path:
    (tmp_path / "test_bad.py").write_text(
        "def test_a():\n    assert 1 == 2, 'one is not two'\n\ndef test_b():\n    pass\n"
    )
    return tmp_path


@pytest.mark.parametrize("run", [mp.run_unix, mp.run_wasm])
def test_a_failing_shared_test_is_seen(run, tmp_path):
    done = run(mp.RUNNER, ["test_bad"], path=[failing_tests(tmp_path)])
    assert done.returncode == 1
    assert "FAILED test_bad.test_a" in done.stdout
    assert "AssertionError: one is not two" in done.stdout
    assert "ok test_bad.test_b" in done.stdout


@pytest.mark.parametrize("run", [mp.run_unix, mp.run_wasm])
def test_a_file_without_tests_fails(run, tmp_path):
    (tmp_path / "test_none.py").write_text("x = 1\n")
    assert run(mp.RUNNER, ["test_none"], path=[tmp_path]).returncode == 1


def test_wasm_has_31_bit_small_integers():
    done = mp.run_wasm(
        "import sys; print(sys.platform, sys.maxsize == 2**31 - 1, sys.implementation._mpy & 0xff)"
    )
    assert done.stdout == "webassembly True 6\n"


def test_wasm_output_and_exit_status_come_through():
    done = mp.run_wasm("import sys\nprint(sys.argv[1], end='')\nsys.exit(7)", ["Ω last line without an end"])
    assert (done.returncode, done.stdout) == (7, "Ω last line without an end")


def test_wasm_stages_share_one_interpreter_and_collect_between_calls():
    """Memory gates rely on it: inside one call nothing is freed, between two calls it is."""
    done = mp.run_wasm(
        "import gc\nkept = gc.mem_alloc()\nx = bytearray(100000)\nx = None\n"
        "gc.collect()\nprint(gc.mem_alloc() - kept >= 100000)",
        then=["import gc\ngc.collect()", "print(gc.mem_alloc() - kept < 10000)"],
    )
    assert done.stdout == "True\nTrue\n"


def test_wasm_loads_what_mpy_cross_compiles(tmp_path):
    (tmp_path / "hello.py").write_text("def f(x):\n    return x * 2\n")
    mp.mpy_cross(tmp_path / "hello.py", tmp_path / "lib" / "hello.mpy")
    done = mp.run_wasm("import hello; print(hello.f(21), hello.__file__)", path=[tmp_path / "lib"])
    assert done.stdout == f"42 {tmp_path}/lib/hello.mpy\n"


def test_umqtt_is_there_for_the_unix_port():
    folder = mp.require_umqtt()
    done = mp.run_unix("from umqtt.simple import MQTTClient; print(MQTTClient.__name__)", path=[folder])
    assert done.stdout == "MQTTClient\n"
