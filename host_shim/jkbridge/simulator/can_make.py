"""Builds a CAN bus of packs from a few words: how many, what they speak, who else is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .battery import Battery
from .can_line import CanLine
from .can_others import Pylon, other
from .can_pack import CanPack
from .day import Day
from .make import USUAL_STORIES
from .profiles import PROFILES

PYLON = "pylon"


def make_can(
    addresses: Iterable[int] = (0, 1),
    *,
    bitrate: int = 500_000,
    firmware: str = "15.41",
    cells: int = 16,
    chemistry: str = "lfp",
    capacity_ah: int = 280,
    stories: Sequence[Sequence[str]] | None = None,
    start_hour: float = 9.0,
    speed: float = 1.0,
    seed: int = 0,
    version: str = "v2",
    sign: int = 1,
    reading: str = "carry",
    others: Sequence[str] = (),
    batteries: Sequence[Battery] | None = None,
    acknowledged: bool = True,
) -> CanLine:
    """A CanLine with one CanPack per address, all in one house under one sky. An address given twice: two packs there.

    version: as in CanPack, or "pylon": the app's CAN option is an inverter profile, which switches JK's messages off;
    batteries: packs that exist already, one per address, such as those of an RS485 line (the same pack on both buses);
    others: keys of OTHERS. The other arguments as in CanLine, CanPack, Battery and make_line. Raises ValueError with a
    sentence when something does not exist.
    """
    line = CanLine(
        bitrate=bitrate, start_s=start_hour * 3600, speed=speed, seed=seed, acknowledged=acknowledged,
    )
    day = Day(seed)
    names = list(PROFILES) if firmware == "mixed" else [firmware]
    found: list[Battery] = []
    for index, address in enumerate(addresses):
        if batteries is not None:
            battery = batteries[index]
        else:
            told = USUAL_STORIES if stories is None else stories
            story = told[index % len(told)] if stories is None else told[min(index, len(told) - 1)] if told else ()
            battery = Battery(
                names[index % len(names)], cells=cells, chemistry=chemistry, capacity_ah=capacity_ah, day=day,
                start_s=start_hour * 3600, stories=story, seed=1000 * seed + 100 * index + address,
            )
        found.append(battery)
        pack = CanPack(address, battery, version="v2" if version == PYLON else version, sign=sign, reading=reading)
        line.add(pack)
        if version == PYLON:
            pack.powered = False
            line.add(Pylon(battery))
    for name in others:
        if not found:
            raise ValueError(f"{name!r} needs a pack to talk about")
        line.add(other(name, found[0], seed))
    return line
