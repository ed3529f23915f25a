"""Builds a line of packs from a few words: how many, which firmware, which stories, with or without a bus master."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .battery import Battery
from .day import Day
from .line import Line
from .master import Master
from .profiles import PROFILES
from .slave import Slave

# What the second, third, ... pack lives through when nothing is said; the first one is healthy.
USUAL_STORIES: tuple[tuple[str, ...], ...] = (
    (), ("default_password",), ("imbalanced",), ("worn",), (), ("bad_wire",), ("cold",),
)


def make_line(
    addresses: Iterable[int] = (1, 2),
    *,
    firmware: str | Sequence[str] = "15.41",
    cells: int = 16,
    chemistry: str = "lfp",
    capacity_ah: int = 280,
    stories: Sequence[Sequence[str]] | None = None,
    start_hour: float = 9.0,
    speed: float = 1.0,
    paced: bool = False,
    latency_ms: tuple[float, float] | None = None,
    seed: int = 0,
    master: str | None = None,
    junk: bool = False,
    order: str = "enforced",
) -> Line:
    """A Line with one Slave per address, all in one house under one sky, and perhaps a bus master.

    firmware: one name for all, "mixed", or a sequence that is gone through again and again; stories: None
    for the usual mix, or a sequence of tuples (see STORIES), one per pack, the last one for the rest; master: the
    firmware of one more pack, which has address 0, leads the bus (see Master) and lives through the story behind those
    of the others; junk: see Master; order: see Slave; the other arguments as in Battery and Line. Raises ValueError
    with a sentence when something does not exist.
    """
    addresses = list(addresses)
    if master is not None and 0 in addresses:
        raise ValueError("address 0 is the bus master's; the other packs have 1 to 15")
    if junk and master is None:
        raise ValueError("junk comes with a bus master; choose one, such as 15.41")
    if firmware == "mixed":
        firmware = list(PROFILES)
    names = [firmware] if isinstance(firmware, str) else list(firmware)
    day = Day(seed)
    line = Line(start_s=start_hour * 3600, speed=speed, paced=paced, latency_ms=latency_ms, seed=seed)

    def battery(name: str, index: int, address: int) -> Battery:
        story: Sequence[str]
        if stories is None:
            story = USUAL_STORIES[index % len(USUAL_STORIES)]
        else:
            story = stories[min(index, len(stories) - 1)] if stories else ()
        return Battery(
            name, cells=cells, chemistry=chemistry, capacity_ah=capacity_ah, day=day,
            start_s=start_hour * 3600, stories=story, seed=1000 * seed + address,
        )

    for i, address in enumerate(addresses):
        line.add(Slave(address, battery(names[i % len(names)], i, address), order=order))
    if master is not None:
        line.add(Master(battery(master, len(addresses), 0), junk=junk, order=order))
    return line


def parse_addresses(text: str, alone: bool = False, lowest: int = 1) -> list[int]:
    """Addresses from a count ("3" is 1, 2, 3, on CAN 0, 1, 2), a list ("1,4") or ranges ("1-4,7"). Raises ValueError.

    alone: the count may be 0, as a bus master needs no other pack; lowest: the smallest address there is, 0 on CAN.
    """
    example = f'give a count such as 4, or addresses such as "{lowest}-4,7"'
    beyond = 16
    try:
        if text.strip().isdecimal():
            found = list(range(lowest, min(int(text) + lowest, beyond + 1)))
        else:
            found = []
            for part in text.split(","):
                first, _, last = part.partition("-")
                found.extend(range(int(first), min(int(last or first), beyond) + 1))
    except ValueError:
        raise ValueError(f"packs {text!r} cannot be read; {example}") from None
    if alone and text.strip() == "0":
        return []
    if not found or min(found) < lowest or max(found) >= beyond:
        master = "" if found and max(found) >= beyond or not lowest else ", and the one at 0 is --master"
        raise ValueError(f"packs {text!r}: addresses are {lowest} to 15{master}; {example}")
    return found
