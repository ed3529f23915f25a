"""docs/boards.md: the boards, written from the files of boards/. `python tools/boards_doc.py` writes it.

tests/test_boards.py fails when the page and the files say different things.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "boards.md"
_FIRST = "esp32_devkit"
_LAST = "desktop"
_CHIPS = {"esp32": "ESP32", "esp32s3": "ESP32-S3", "esp32c3": "ESP32-C3", "rp2040": "RP2040", "unix": "PC"}
_NETWORKS = {None: "that of the system", "wifi": "WiFi", "lan": "Ethernet"}
_HEAD = """\
# Boards

Written by `python tools/boards_doc.py` from the files of `boards/`, in which the source of every pin stands behind it.
**No board has run on hardware yet**: the pins come from the vendors' files and from people who use the boards for
something else. `bus.port` of the configuration names the line; without it the first RS485 line is taken, or the first
CAN line whose driver is no experiment.

The jacks on the battery: RS485-1 and RS485-2 have the same pins, and A and B alone work; swapped they do no harm, the
packs only do not answer. CAN is the second RJ45 from the left. 120 ohm belong to both ends of a CAN bus, and to an
RS485 line only if it is long or disturbed.

A board that is not here: copy the file of one with the same chip, change the pins, and run
`pytest tests/test_boards.py`; `boards/desktop.py` says what a file may hold. A firmware of your own with the module
`CAN` (ESP32) goes into it as `("can", "module", tx, rx)`.
"""


def order() -> list[str]:
    """The names of all boards, as the page has them."""
    names = sorted(file.stem for file in (ROOT / "boards").glob("*.py"))
    return sorted(names, key=lambda name: (name == _LAST, name != _FIRST, name))


def load(name: str) -> SimpleNamespace:
    """The constants of a board file and its doc string as `about`."""
    tree = ast.parse((ROOT / "boards" / f"{name}.py").read_text(encoding="utf-8"))
    found = {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body[1:]}  # type: ignore[attr-defined]
    return SimpleNamespace(**found, about=ast.get_docstring(tree) or "")


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(load(name)) for name in order())]).rstrip() + "\n"


def _section(board: SimpleNamespace) -> str:
    first, *parts = board.about.split("\n\n")
    title = first.split(": ", 1)[1]
    out = [f"## {board.NAME}", "", title[0].upper() + title[1:], ""]
    for part in parts:
        if part.startswith("What a board file may hold"):
            break  # for those who write one
        if part.startswith("Wiring:\n"):
            out += [*_wiring(part), ""]
        else:
            out += [textwrap.fill(" ".join(part.split()), 120, break_on_hyphens=False), ""]
    out += [*_lines(board)]
    return "\n".join([*out, *_facts(board), ""])


def _wiring(part: str) -> list[str]:
    rows = [[side.strip() for side in line.split("->")] for line in part.splitlines()[1:]]
    return ["| from | to |", "| --- | --- |", *(f"| {start} | {end} |" for start, end in rows)]


def _lines(board: SimpleNamespace) -> list[str]:
    rows = [_serial(*row) for row in board.SERIAL] + [_can(*row) for row in board.CAN]
    return ["| `bus.port` | line | pins |", "| --- | --- | --- |", *rows, ""] if rows else []


def _serial(name: str, uart: int, tx: int, rx: int, de: int | None, active: int | None) -> str:
    turned = "turns by itself" if de is None else f"direction {de}, {'high' if active else 'low'} while sending"
    return f"| `{name}` | RS485, UART {uart} | TX {tx}, RX {rx}, {turned} |"


def _can(name: str, kind: str, *row: int | str | None) -> str:
    if kind == "mcp2515":
        words = ("SCK", "MOSI", "MISO", "CS", "INT", "RESET")
        pins = [f"{word} {pin}" for word, pin in zip(words, row[1:7], strict=True) if pin is not None]
        crystal = int(row[7] or 0) // 1000000
        return f"| `{name}` | CAN, MCP2515 of {crystal} MHz on SPI {row[0]} | {', '.join(pins)} |"
    if kind == "twai":
        return f"| `{name}` | CAN, the chip's own; experimental, only if named | TX {row[1]}, RX {row[2]} |"
    return f"| `{name}` | CAN, {kind} | {', '.join(str(item) for item in row)} |"


def _facts(board: SimpleNamespace) -> list[str]:
    out = [f"* Chip: {_CHIPS[board.CHIP]}. Network: {_NETWORKS[board.NETWORK]}."]
    if board.LAN:
        out[0] += f" `network.LAN`: {', '.join(f'{name} {value}' for name, value in board.LAN)}."
    if board.FIRMWARE:
        link = f"https://micropython.org/download/{board.FIRMWARE}/"
        out.append(f"* Firmware: MicroPython [{board.FIRMWARE}]({link}).")
    if board.POWER:
        levels = [f"{pin} {'high' if level else 'low'}" for pin, level in board.POWER]
        out.append(f"* Set at the start, in this order: {', '.join(levels)}.")
    if board.WATCHDOG_MS:
        out.append(f"* Watchdog: {board.WATCHDOG_MS / 1000:g} s.")
    if board.WAIVED:
        out.append(f"* Unusual pins, used all the same: {_pins(board.WAIVED)}.")
    if board.UNSURE:
        out.append(f"* **Unsure, verify on the schematic of your board:** {_pins(board.UNSURE)}.")
    return out


def _pins(rows: tuple[tuple[int, str], ...]) -> str:
    return ", ".join(f"{pin} ({why})" for pin, why in rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}")
