"""Writes docs/boards.md from boards/*.py: python tools/boards_doc.py."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from device import boards  # noqa: E402

PAGE = ROOT / "docs" / "boards.md"
_HEAD = """# Boards

Made by `tools/boards_doc.py` from the files in `boards/`, where the source of every pin stands. **No board has been run
on hardware yet:** pins and levels are from public sources. A board of your own: copy the nearest file, change the pins,
`make test ARGS="-k boards"` checks it.

"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(_board(name) for name in boards.names())


def _board(name: str) -> str:
    board = boards.load(name)
    title = board.about.partition("\n")[0].partition(": ")[2].rstrip(".")
    out = [f"## {name}", "", f"{title}.", ""]
    if board.CHIP != "unix":
        network = {"wifi": "WiFi", "lan": "Ethernet"}[board.NETWORK]
        out += [f"* {network}. MicroPython download: `{board.FIRMWARE}`."]
    for line in boards.buses(board).splitlines():
        line_name, _, rest = line.partition(": ")
        out.append(f"* `{line_name}`: {rest}." if rest else f"* {line[0].upper()}{line[1:]}.")
    if board.UNSURE:
        out.append(f"* **Not sure, verify before you connect anything:** pins {', '.join(map(str, board.UNSURE))}.")
    return "\n".join([*out, "", boards.wiring(board), ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE.relative_to(ROOT)}")
