"""Repeatable noise: a number that looks random but depends on its arguments only, not on who asked before."""

from __future__ import annotations

_MASK = 0xFFFFFFFFFFFFFFFF


def noise(*key: int) -> float:
    """A float in 0 <= x < 1 from integer keys, equally spread (the mixing steps of splitmix64)."""
    mixed = 0x9E3779B97F4A7C15
    for part in key:
        mixed = ((mixed ^ (part & _MASK)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
    return (mixed >> 11) / (1 << 53)


def wobble(*key: int) -> float:
    """The same between -1 and 1."""
    return 2 * noise(*key) - 1


def whole(low: int, high: int, *key: int) -> int:
    """A whole number in low..high, both included."""
    return low + int(noise(*key) * (high - low + 1))
