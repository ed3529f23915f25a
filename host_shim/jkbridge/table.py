"""The live table in the terminal (rich): packs, bus, broker, what was published last, how to subscribe, the log's end.

Loaded only when it is shown. It draws from its own thread and reads nothing but `Watch` and plain counters.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from jkbridge.watch import PackView, Watch
from jkcore import log as levels

_LOG_LINES = 8
_PER_SECOND = 2.0
_ABANDON_S = 0.3
_SHOW_CURSOR = "\x1b[?25h"
_STYLES = {
    levels.TRACE: "dim",
    levels.DEBUG: "dim",
    levels.INFO: "",
    levels.WARNING: "yellow",
    levels.ERROR: "red",
    levels.FATAL: "bold red",
}


class LiveTable:
    """start() takes over the terminal, stop() leaves the last state on it.

    status: () -> (a text per bus, broker text); subscribe: the command that shows the topics; title: first line.
    `log` is a sink for Log: its lines appear below the table.
    """

    def __init__(
        self,
        watch: Watch,
        status: Callable[[], tuple[list[str], str]],
        subscribe: str,
        title: str,
        console: Console | None = None,
    ) -> None:
        self._watch = watch
        self._status = status
        self._subscribe = subscribe
        self._title = title
        self._lines: deque[tuple[int, str]] = deque(maxlen=_LOG_LINES)
        self._console = console or Console(emoji=False)
        self._live = Live(
            console=self._console,
            get_renderable=self.render,
            refresh_per_second=_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def start(self) -> None:
        self._live.start()

    def stop(self) -> None:
        """Also on a terminal that has gone: drawing fails alone."""
        with contextlib.suppress(Exception):
            self._live.stop()

    def abandon(self) -> None:
        """stop() for a process about to end: takes 0.3 s at most, whatever hangs, and shows the cursor again."""
        stopper = threading.Thread(target=self.stop, name="table end", daemon=True)
        stopper.start()
        stopper.join(_ABANDON_S)
        with contextlib.suppress(OSError, ValueError):
            self._console.file.write(_SHOW_CURSOR)
            self._console.file.flush()

    def owns(self, thread: threading.Thread | None) -> bool:
        """True for the thread that draws."""
        return thread is not None and type(thread).__module__.startswith("rich.")

    def log(self, level: int, line: str) -> None:
        self._lines.append((level, line))

    def render(self) -> RenderableType:
        """The whole picture, cut to the height of the terminal by rich."""
        buses, broker = self._status()
        parts: list[RenderableType] = [
            Text(self._title, style="bold"),
            self._pack_table(),
            *(_fact("bus" if len(buses) == 1 else f"bus {n}", text) for n, text in enumerate(buses, 1)),
            _fact("MQTT", broker),
            _fact("watch it", self._subscribe),
        ]
        recent = self._watch.recent()
        if recent:
            text = "  ".join(f"{topic} ({size} B, {_age(ago)})" for ago, topic, size in recent[:3])
            parts.append(_fact("published", f"{self._watch.messages} messages, last: {text}"))
        parts.append(Text("Ctrl-C ends.", style="dim"))
        parts += [
            Text(line, style=_STYLES.get(level, ""), no_wrap=True, overflow="ellipsis")
            for level, line in list(self._lines)  # the loop's thread goes on adding to it
        ]
        return Group(*parts)

    def _pack_table(self) -> Table:
        packs = self._watch.packs()
        named = any(pack.name for pack in packs)
        several = any(pack.bus for pack in packs)
        table = Table(expand=False, header_style="bold")
        table.add_column("pack")
        if named:
            table.add_column("name")
        if several:
            table.add_column("bus")
        table.add_column("state")
        for name in ("V", "A", "W", "SOC", "cell min", "max", "delta", "°C", "age"):
            table.add_column(name, justify="right")
        for pack in packs:
            table.add_row(*_cells(pack, named, several))
        return table


def _cells(pack: PackView, named: bool, several: bool) -> list[Text | str]:
    state = Text("online", style="green") if pack.online else Text("offline", style="red")
    # A name is the user's text, not rich's markup.
    names = [Text(text) for text, shown in ((pack.name, named), (pack.bus, several)) if shown]
    out: list[Text | str] = [Text(pack.id), *names, state]
    if not pack.online:  # nothing old is shown as if it were live
        return out + [""] * 9
    delta = pack.number("cell_voltage_delta")
    soc = pack.number("soc")
    out += [
        _number(pack.number("pack_voltage"), 2),
        _number(pack.number("current"), 2),
        _number(pack.number("power"), 0),
        "" if soc is None else f"{soc:g} %",
        _number(pack.number("cell_voltage_min"), 3),
        _number(pack.number("cell_voltage_max"), 3),
        "" if delta is None else f"{delta * 1000:.0f} mV",
        _number(pack.temperature(), 1),
        "" if pack.age is None else _age(pack.age),
    ]
    return out


def _fact(name: str, text: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{name:<10}", style="cyan")
    line.append(text)
    return line


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:.{decimals}f}"


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s"
