"""The files of boards/ as a PC sees them: constants to choose by, and the table of `make boards`.

What the constants mean is in boards/desktop.py.
"""

from __future__ import annotations

import ast
import difflib
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console
from rich.table import Column, Table

from device import BOARDS, DeviceError

# CHIP of a board file -> sys.platform of MicroPython on it
PLATFORMS = {"esp32": "esp32", "esp32s3": "esp32", "esp32c3": "esp32", "rp2040": "rp2", "unix": "linux"}


def names() -> list[str]:
    return sorted(path.stem for path in BOARDS.glob("*.py"))


def path_of(name: str) -> Path:
    """The file of a board. Raises DeviceError for none of that name."""
    if not name:
        raise DeviceError("BOARD is missing: which board is it? Example: make deploy BOARD=esp32_devkit. "
                          "`make boards` shows all.")  # fmt: skip
    if name not in names():
        near = " or ".join(_near(name))
        text = f"There is no board {name}. " + (f"Did you mean {near}? " if near else "")
        raise DeviceError(f"{text}Known: {', '.join(names())}. `make boards` tells more of them.")
    return BOARDS / f"{name}.py"


def _near(name: str) -> list[str]:
    """Boards that may be meant: by a part of the name (devkit, boards/esp32_devkit.py), or with some slips."""
    wanted = Path(name).stem.lower().replace("-", "_").replace(" ", "_")
    return [known for known in names() if wanted in known] or difflib.get_close_matches(wanted, names(), 2)


def load(name: str) -> SimpleNamespace:
    """The constants of a board file, its doc string as `about`, and PLATFORM, "" for a board that names no CHIP."""
    tree = ast.parse(path_of(name).read_text())
    found = {"CHIP": "", "FIRMWARE": ""}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return SimpleNamespace(**found, about=ast.get_docstring(tree) or "", PLATFORM=PLATFORMS.get(found["CHIP"], ""))


def wiring(board: SimpleNamespace) -> str:
    """What the doc string says after "Wiring:", in one paragraph."""
    _, _, rest = board.about.partition("Wiring:")
    lines = []
    for line in rest.split("\n\n")[0].splitlines():
        if lines and not line.startswith(" "):
            break  # the next heading
        lines.append(line.strip())
    return "\n".join(lines).strip()


def buses(board: SimpleNamespace) -> str:
    """The rows of SERIAL and CAN, one a line."""
    rows = [
        f"{name}: RS485, TX {tx} RX {rx}, " + ("turns by itself" if de is None else f"direction {de}")
        for name, _, tx, rx, de, _ in board.SERIAL
    ]
    rows += [f"{row[0]}: CAN, {row[1]}" for row in board.CAN]
    return "\n".join(rows or ["lines on TCP"])


def unsure(board: SimpleNamespace) -> str:
    """What is to be verified on the schematic first, a pin a line; "" for nothing."""
    return "\n".join(f"unsure: pin {pin}, {text}" for pin, text in board.UNSURE)


def table() -> None:
    """Print all boards."""
    # A name that is broken in two cannot be copied; few columns, for a terminal has 80 characters at first.
    first = Column("BOARD\n(MicroPython for it)\nchip, network", no_wrap=True)
    shown = Table(first, "buses (bus.port)", Column("wiring", ratio=1), show_lines=True)
    for name in names():
        board = load(name)
        download = f"\n({board.FIRMWARE})" if board.FIRMWARE else ""
        kind = f"\n{board.CHIP}, {board.NETWORK or 'of the system'}"
        shown.add_row(name + download + kind, buses(board), "\n".join(filter(None, (wiring(board), unsure(board)))))
    Console().print(shown)
    print("MicroPython: https://micropython.org/download/NAME, NAME as in brackets.")
    print("Next: make flash BOARD=... PORT=... FIRMWARE=file.bin, or make deploy BOARD=... if MicroPython is on it.")
