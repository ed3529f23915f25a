"""Counts the steps that block the loop: switching a radio on, a look-up of a name by the system, steps of TLS."""

from array import array

FROM_MS = 20  # shorter ones are no step
counts = array("i", [0, 0])  # how many; the longest, ms


def note(ms):
    """A step took so long."""
    if ms >= FROM_MS:
        counts[0] += 1
        if ms > counts[1]:
            counts[1] = ms
