"""Heap of the whole device program: packs that answer, a broker that accepts everything, all announced.

The ceilings are a little above what was reached, so that growth is noticed; `make size` prints where it goes.
"""

from __future__ import annotations

import sys

import mp
import pytest

sys.path.insert(0, str(mp.ROOT / "tools"))
import heap

# Packs: bytes of heap on 32-bit MicroPython after the start, and the most while announcing.
CEILINGS = {1: (80_500, 89_500), 15: (101_000, 110_500)}
# The same on a CAN bus alone, where packs exist once they are heard: after the start, the most, and later.
CAN_CEILINGS = {1: (89_000, 104_500, 96_000), 15: (89_000, 120_500, 112_000)}
# The interpreter keeps names in pools of 10, 20, 40 ..: with more than 630 of its own the program gets one of 640.
NAMES = 5_000


@pytest.mark.parametrize("packs", CEILINGS)
def test_heap_of_the_device_program(packs):
    found = heap.measure(packs)
    print(f"\n{packs} packs: after start {found.started}, highest {found.peak}, later {found.steady} bytes")
    assert found.messages > 100 * packs, "everything announced and values published"
    assert found.started < CEILINGS[packs][0]
    assert found.peak < CEILINGS[packs][1]
    assert found.steady < CEILINGS[packs][0] + NAMES


@pytest.mark.parametrize("packs", CAN_CEILINGS)
def test_heap_of_the_device_program_on_can(packs):
    found = heap.measure(packs, can=True)
    print(f"\n{packs} packs: after start {found.started}, highest {found.peak}, later {found.steady} bytes")
    assert found.messages > 100 * packs, "everything announced and values published"
    started, peak, steady = CAN_CEILINGS[packs]
    assert found.started < started
    assert found.peak < peak
    assert found.steady < steady


def test_fifteen_packs_run_in_216_kilobytes_of_64_bit_heap():
    assert heap.run_on_unix(15, "216k", 200).startswith("ended ")


def test_too_little_heap_is_noticed():
    """The test above would see a crash."""
    assert not heap.run_on_unix(15, "60k", 200).startswith("ended ")
