"""What the user sees and answers: tables and questions on a terminal, plain aligned columns elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD, BAD, WARN = "green", "bold red", "yellow"


class Screen:
    """Standard output for what was asked for, standard error for everything said beside it."""

    def __init__(self) -> None:
        self.terminal = sys.stdout.isatty()
        self._out = Console(soft_wrap=not self.terminal, emoji=False)
        self._err = Console(stderr=True, soft_wrap=not sys.stderr.isatty(), emoji=False)

    def say(self, text: str, style: str = "") -> None:
        """A line of what was asked for."""
        self._out.print(Text(text, style=style))

    def note(self, text: str, style: str = "") -> None:
        """A remark, which must not get into a file or pipe."""
        self._err.print(Text(text, style=style))

    def raw(self, text: str) -> None:
        """For machines."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
        """Rows of texts; columns between the first and the last stand at the right. styles: by row, "" for none."""
        if self.terminal:
            self._out.print(_pretty(columns, rows, styles))
            return
        widths = [max(len(row[i]) for row in (columns, *rows)) for i in range(len(columns))]
        for row in (columns, *rows):
            self.raw("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")

    def can_ask(self) -> bool:
        """True when somebody sits there who can answer."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    def ask(self, question: str) -> str:
        """The answer; "" when there is none."""
        self._err.print(Text(question + " ", style="bold"), end="")
        sys.stderr.flush()
        try:
            return input().strip()
        except EOFError:
            self._err.print()
            return ""


def _pretty(columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for i, column in enumerate(columns):
        left = i in (0, len(columns) - 1) or column == "unit"
        table.add_column(column, overflow="fold", justify="left" if left else "right")
    for i, row in enumerate(rows):
        table.add_row(*(Text(cell) for cell in row), style=styles[i] if i < len(styles) and styles[i] else None)
    return table
