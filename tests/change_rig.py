"""The commands that change settings, on a simulated line with its own clock, or with answers typed by nobody.

>>> rig = Rig([1, 2], monkeypatch)
>>> code = rig.run("set", "1", "balance_switch=OFF", "--yes")
>>> rig.out, rig.err, rig.written(1)

rig.answers: what the user types at the questions; None: there is no terminal. rig.hook(now) is called at every rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jkbridge import cli
from jkbridge.change import command, way
from jkbridge.change.bus_way import BusWay
from jkbridge.change.screen import Screen
from jkbridge.ports import PortEvent
from jkbridge.simulator import Line, make_line
from jkcore import config as schema

MASK = 0x3FFFFFFF


class Typed(Screen):
    """A screen whose user types `answers`, and which keeps what it shows. None: no terminal."""

    def __init__(self, answers: list[str] | None) -> None:
        super().__init__()
        self.answers = answers
        self.out = ""
        self.err = ""
        self.questions: list[str] = []

    def say(self, text: str, style: str = "") -> None:
        self.out += text + "\n"

    def note(self, text: str, style: str = "") -> None:
        self.err += text + "\n"

    def raw(self, text: str) -> None:
        self.out += text

    def can_ask(self) -> bool:
        return self.answers is not None

    def ask(self, question: str) -> str:
        assert self.answers is not None
        self.questions.append(question)
        return self.answers.pop(0)


class SuppliedClock:
    """Time that passes only while the command rests, as far as the line has nothing to say."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.ms = 1000
        self.hook: Callable[[int], None] = lambda now: None

    def now(self) -> int:
        return self.ms & MASK

    def rest(self, ms: int) -> None:
        self.hook(self.ms)
        due = self.line.due_ms(self.now())
        self.ms += max(1, min(ms, int(due) + 1 if due is not None else ms))

    def wake(self) -> None:
        pass


class LineEnd:
    """The port at the end of a simulated line."""

    def __init__(self, line: Line, clock: SuppliedClock) -> None:
        self.line = line
        self.clock = clock
        self.events: list[PortEvent] = []
        self.closed = False

    def start(self) -> None:
        self.events.append(PortEvent("opened", self.clock.now()))

    def poll(self) -> PortEvent | None:
        if self.events:
            return self.events.pop(0)
        data = self.line.read(self.clock.now())
        return PortEvent("data", self.clock.now(), data) if data else None

    def write(self, buf: bytearray, n: int) -> None:
        self.line.write(bytes(buf[:n]), self.clock.now())

    def close(self) -> None:
        self.closed = True


class Rig:
    """addresses: packs on the line; chemistry: as configured; writes: of the configuration; bus: more keys of it."""

    def __init__(
        self,
        addresses: list[int],
        monkeypatch: pytest.MonkeyPatch,
        *,
        writes: str = "all",
        chemistry: str | None = "lfp",
        line: Line | None = None,
        firmware: Any = "15.30",
        order: str = "enforced",
        **bus: Any,
    ) -> None:
        self.line = line or make_line(
            addresses, paced=True, latency_ms=(5, 20), firmware=firmware, stories=((),), order=order
        )
        self.clock = SuppliedClock(self.line)
        self.config = schema.load(
            {
                "writes": writes,
                "bus": {"port": "/dev/ttyUSB0", "packs": addresses, **bus},
                "pack": [{"address": a, "name": f"Pack {a}", "chemistry": chemistry} for a in addresses],
            },
            "host",
        )
        self.answers: list[str] | None = ["yes"]
        self.screen = Typed(None)
        self.ports: list[LineEnd] = []
        monkeypatch.setattr(way, "find", self._find)

    def _find(self, settings: Any, writes: str | None, wanted: Any, log: Any, screen: Any) -> BusWay:
        return BusWay(self.config, writes or self.config["writes"], wanted, log, self._connect, self.clock)  # type: ignore[arg-type]

    def _connect(self, bus: Any, log: Any, clock: Any) -> LineEnd:
        self.ports.append(LineEnd(self.line, self.clock))
        return self.ports[-1]

    def run(self, *words: str) -> int:
        """One command line; its exit code."""
        args = cli.parse(words)
        self.screen = Typed(None if self.answers is None else list(self.answers))
        from jkbridge.settings import Settings

        code = command.main(args, Settings(self.config), self.screen)
        assert all(port.closed for port in self.ports)
        return code

    @property
    def out(self) -> str:
        return self.screen.out

    @property
    def err(self) -> str:
        return self.screen.err

    def written(self, address: int) -> list[dict[str, int]]:
        """What a pack was told, in order: {field: raw value} of every write."""
        return [write.asked for write in self.line.slaves[address].writes.log]

    def settings(self, address: int) -> dict[str, int]:
        """What a pack keeps, by the simulator."""
        return dict(self.line.slaves[address].settings())
