"""Arithmetic on the 30-bit wrapping millisecond count that both homes hand to the core.

The core never reads a clock. Every `now` is `milliseconds & MASK`; no interval may exceed 2**29 ms (6.2 days),
so whatever ages longer than that must be forgotten by its owner (a stale pack is marked stale, not aged for ever).
"""

from jkcore.shim import const

MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


def since(now: int, then: int) -> int:
    """Milliseconds from `then` to `now` (0..2**30-1; a `then` in the future gives a huge number)."""
    return (now - then) & 0x3FFFFFFF


def after(now: int, span: int) -> int:
    """The time `span` ms after `now`."""
    # In this order no step reaches 2**30, which would be a heap integer on the device.
    return (now - 0x3FFFFFFF + span - 1) & 0x3FFFFFFF


def reached(now: int, deadline: int) -> bool:
    """True when `now` is at or past `deadline`."""
    return ((now - deadline) & 0x3FFFFFFF) < _HALF


def until(now: int, deadline: int) -> int:
    """Milliseconds left before `deadline`, 0 when it has been reached."""
    left = (deadline - now) & 0x3FFFFFFF
    return left if left < _HALF else 0
