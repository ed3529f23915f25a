"""What a running bridge shows people, gathered from the messages it publishes and the public state of its packs.

`Watch` is the loop's tap: it remembers the last payloads as bytes, which costs nothing on the way of a
message, and parses them only when somebody looks. `PlainReport` is the plain form for logs and pipes; table.py
draws the same data.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from jkcore.buses import label

_RECENT = 6
_BRIEF = (("pack_voltage", "V", 2), ("current", "A", 2), ("soc", "%", 0))


class PackView(NamedTuple):
    """One pack as a person sees it; None for what is not known."""

    id: str
    name: str
    online: bool
    values: dict[str, Any]
    """The last live payload, also of a pack that is offline now."""
    age: float | None
    """Seconds since that payload was published."""
    bus: str = ""
    """Name of its bus, where there are several."""

    def number(self, name: str) -> float | None:
        value = self.values.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def temperature(self) -> float | None:
        """The warmest of the sensors that are fitted."""
        found = [self.number(f"temperature_{n}") for n in (1, 2, 4, 5)] + [self.number("mos_temperature")]
        return max((t for t in found if t is not None), default=None)


class Watch:
    """Callable `watch(topic, payload)` for Loop.tap; belongs to the loop's thread, read from the table's thread."""

    def __init__(self, bridge: Any, base: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._bridge = bridge
        self._clock = clock
        self._prefix = base.encode() + b"/"
        self._live: dict[bytes, tuple[bytes, float]] = {}
        self._recent: deque[tuple[float, bytes, int]] = deque(maxlen=_RECENT)
        self.messages = 0

    def __call__(self, topic: bytes, payload: bytes) -> None:
        now = self._clock()
        self.messages += 1
        self._recent.append((now, topic, len(payload)))
        if topic.startswith(self._prefix):
            pack, _, kind = topic[len(self._prefix) :].partition(b"/")
            if kind == b"live":
                self._live[pack] = (payload, now)

    def packs(self) -> list[PackView]:
        """By bus and address, whoever was heard first."""
        now = self._clock()
        out = []
        buses = self._bridge.buses
        names: dict[Any, str] = {}
        places: dict[Any, tuple[int, int]] = {}
        for n, bus in enumerate(buses):
            for pack in list(bus.packs):
                places.setdefault(pack.id, (n, pack.address))
                if len(buses) > 1:  # a battery that is on two of them stands in both
                    names[pack.id] = f"{names[pack.id]} and {bus_name(bus)}" if pack.id in names else bus_name(bus)
        for pack in sorted(self._bridge.packs, key=lambda pack: places.get(pack.id, (0, 0))):
            pack_id = pack.id if isinstance(pack.id, bytes) else str(pack.id).encode()
            payload, at = self._live.get(pack_id, (b"", 0.0))
            values = _parsed(payload)
            name = pack.name.decode() if isinstance(pack.name, bytes) else str(pack.name or "")
            age = now - at if payload else None
            out.append(PackView(pack_id.decode(), name, bool(pack.online), values, age, names.get(pack.id, "")))
        return out

    def recent(self) -> list[tuple[float, str, int]]:
        """(seconds ago, topic, payload bytes) of the last messages, newest first."""
        now = self._clock()
        return [(now - at, topic.decode(errors="replace"), size) for at, topic, size in reversed(list(self._recent))]


class PlainReport:
    """What there is to read where no table is drawn: a line for a pack that comes or goes, and a summary on request.

    say: takes a finished line. clock: the one of `watch`.
    """

    def __init__(self, watch: Watch, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._watch = watch
        self._say = say
        self._clock = clock
        self._began = clock()
        self._online: dict[str, bool] = {}
        self._away: dict[str, float] = {}  # when a pack was last seen offline

    def update(self) -> None:
        """Call about once a second."""
        now = self._clock()
        for pack in self._watch.packs():
            if not pack.online:
                self._away[pack.id] = now
            elif pack.age is None or now - pack.age < self._away.get(pack.id, self._began):
                continue  # back, but its values are still those from before
            if pack.online != self._online.get(pack.id, False):
                self._online[pack.id] = pack.online
                self._say(describe(pack))

    def summary(self) -> str:
        """All packs in a few words each, to be put behind others: `; pack 1 53.27 V -12.50 A 81 %, pack 2 offline`."""
        return "; " + ", ".join(_brief(pack) for pack in self._watch.packs())


def bus_name(bus: Any) -> str:
    """What people know a bus by."""
    return str(label(bus.config))


def _brief(pack: PackView) -> str:
    if not pack.online:
        return f"pack {pack.id} offline"
    parts = [f"pack {pack.id}"]
    for name, unit, decimals in _BRIEF:
        value = pack.number(name)
        if value is not None:
            parts.append(f"{value:.{decimals}f} {unit}")
    return " ".join(parts)


def describe(pack: PackView) -> str:
    """A pack in one line, e.g. `pack 1 "Left" on Garage: online  53.27 V  -12.50 A  ...  cells 3.325-3.331 V (6 mV)`"""
    head = f"pack {pack.id}" + (f' "{pack.name}"' if pack.name else "") + (f" on {pack.bus}" if pack.bus else "")
    if not pack.online:
        return f"{head}: offline"
    parts = [f"{head}: online"]
    for name, unit, decimals in (("pack_voltage", "V", 2), ("current", "A", 2), ("power", "W", 0), ("soc", "%", 0)):
        value = pack.number(name)
        if value is not None:
            parts.append(f"{value:.{decimals}f} {unit}")
    low, high, delta = (pack.number(f"cell_voltage_{word}") for word in ("min", "max", "delta"))
    if low is not None and high is not None:
        parts.append(f"cells {low:.3f}-{high:.3f} V" + (f" ({delta * 1000:.0f} mV)" if delta is not None else ""))
    warm = pack.temperature()
    if warm is not None:
        parts.append(f"{warm:g} °C")
    return "  ".join(parts)


def _parsed(payload: bytes) -> dict[str, Any]:
    if not payload:
        return {}
    try:
        found = json.loads(payload)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
