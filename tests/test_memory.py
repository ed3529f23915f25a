"""Heap of the whole device program: packs that answer, a broker that accepts everything, all announced.

The ceilings are a little above what was reached, so that growth is noticed; `make size` prints where it goes.
"""

from __future__ import annotations

import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tools"))
import heap

# Bus and packs: bytes of heap on 32-bit MicroPython after the start, the most while announcing, and later.
CEILINGS = {
    ("poll", 1): (81_000, 90_500, 81_500),
    ("poll", 15): (101_500, 111_500, 102_500),
    ("listen", 16): (103_000, 113_000, 104_000),
    ("can", 1): (82_750, 93_500, 84_250),
    ("can", 15): (82_750, 109_500, 100_000),
}


@pytest.mark.parametrize("bus", CEILINGS)
def test_heap_of_the_device_program(bus):
    found = heap.measure((bus,))
    print(f"\n{bus}: after start {found.started}, highest {found.peak}, later {found.steady} bytes")
    assert found.messages > 100 * bus[1], "everything announced and values published"
    started, peak, steady = CEILINGS[bus]
    assert found.started < started
    assert found.peak < peak
    assert found.steady < steady


def test_fifteen_packs_run_in_200_kilobytes_of_64_bit_heap():
    assert heap.run_on_unix(15, "200k", 200).startswith("ended ")


def test_too_little_heap_is_noticed():
    """The test above would see a crash."""
    assert not heap.run_on_unix(15, "60k", 200).startswith("ended ")
