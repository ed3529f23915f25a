"""How fast the packs are read, against what the wire allows."""

from __future__ import annotations

import pytest
from core_house import House

BYTE_MS = 10 / 115.2
UNIT_MS = 308 * BYTE_MS
REQUEST_MS = 11 * BYTE_MS


def test_all_packs_are_found_soon_after_the_start_also_at_interval_0():
    """A pack that was never asked comes before settings and about data of those already known."""
    house = House(range(1, 16), interval=0)
    house.run(60, until=lambda: len({r.address for r in house.requests}) == 15)
    assert house.elapsed <= 20_000, f"the last pack was first asked after {house.elapsed / 1000:.0f} s"


@pytest.mark.parametrize("packs", [1, 4, 15])
@pytest.mark.parametrize("latency", [0, 10, 30])
def test_a_full_turn_is_near_the_limit_of_the_wire(packs, latency, capsys):
    house = House(range(1, packs + 1), interval=0, latency_ms=(latency, latency))
    house.run(30 if packs < 15 else 150)
    start = house.elapsed
    house.run(60, step=1)
    asked = [at for at in house.asked(1) if at >= start]
    turn = (asked[-1] - asked[0]) / (len(asked) - 1)
    limit = packs * (REQUEST_MS + latency + UNIT_MS + 100)
    with capsys.disabled():
        print(f"\nturn of {packs:>2} packs, latency {latency:>2} ms: {turn:7.1f} ms, wire limit {limit:7.1f} ms, "
              f"{turn / limit:.3f}", end="")
    assert turn <= 1.1 * limit
    assert turn >= limit * 0.99
