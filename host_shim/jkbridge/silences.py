"""Silences of hours in a recording, which a replay need not sit through: after one all packs are long offline.

A clock that was set while somebody recorded (a Raspberry Pi begins in 1970) makes one of decades.
"""

from __future__ import annotations

import bisect
import heapq
from typing import Any

LONGEST_MS = 3_600_000


def shorten(lines: dict[int, list[Any]]) -> int:
    """Cut every silence of all buses together down to LONGEST_MS; how many ms were cut in all.

    lines: by number of the bus, chunks or frames in order of time, each with its time `at` in ms.
    """
    from_, cuts = [], []
    cut = 0
    last: int | None = None
    for at in heapq.merge(*([item.at for item in items] for items in lines.values())):
        if last is not None and at - last > LONGEST_MS:
            cut += at - last - LONGEST_MS
            from_.append(at)
            cuts.append(cut)
        last = at
    if cut:
        for n, items in lines.items():
            shifts = (bisect.bisect_right(from_, item.at) for item in items)
            lines[n] = [item._replace(at=item.at - cuts[k - 1]) if k else item
                        for item, k in zip(items, shifts, strict=True)]  # fmt: skip
    return cut
