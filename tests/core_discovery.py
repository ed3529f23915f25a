"""What a house has announced to Home Assistant, for tests."""

from __future__ import annotations

import json
from typing import Any

from core_house import House

from jkbridge.simulator import Battery, Day, Line, Slave


def house_of(battery: Battery, address: int = 1, **more: Any) -> House:
    line = Line(paced=True, latency_ms=(5, 5))
    line.add(Slave(address, battery))
    return House([address], line=line, **more)


def battery(firmware: str = "15.41", **more: Any) -> Battery:
    return Battery(firmware, day=Day(0), seed=3, **more)


def announced(house: House) -> dict[str, dict[str, Any]]:
    """Topic -> payload of what stands announced at the end (an empty payload removes)."""
    found: dict[str, dict[str, Any]] = {}
    for m in house.discovery():
        if m.payload:
            found[m.topic] = json.loads(m.payload)
        else:
            found.pop(m.topic, None)
    return found


def fields(house: House, pack: int | str = 1) -> set[str]:
    """Fields announced for a pack."""
    return {t.split("/")[3] for t in announced(house) if t.split("/")[2].endswith(f"_{pack}")}


def removed(house: House, pack: int = 1) -> set[str]:
    empty = [m.topic.split("/") for m in house.discovery() if not m.payload]
    return {parts[3] for parts in empty if parts[2].endswith(f"_{pack}")}
