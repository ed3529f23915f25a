"""Finds out the bit rate of a CAN bus: by listening, or by taking part where that is allowed.

Listening needs others who acknowledge: with one battery alone on the bus nothing comes at any bit rate (can.md 9).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from . import can_errors
from .can_frame import frame_of

# In the order of likelihood; the last two are no bit rates of JK's, and are found in order to say so.
CANDIDATES = (500_000, 250_000, 125_000, 1_000_000)
_JK = CANDIDATES[:2]
_LISTEN_S = 0.6  # the most frequent message comes every 0.1 s
_ENOUGH = 2
_SENSELESS = 8  # damaged answers before two good frames

Attempt = Callable[[int, bool], bool]
"""(bit rate, listen_only) -> whether good frames come. May raise whatever opening an interface raises."""


class NotFoundError(Exception):
    """No bit rate was found; the text is a sentence. word: what programs build on."""

    def __init__(self, text: str, word: str) -> None:
        super().__init__(text)
        self.word = word


def detect(
    interface: str, channel: str, attempt: Attempt, stop: threading.Event, *, silently: bool, probe: bool
) -> int:
    """The bit rate of the bus. Raises NotFoundError with a sentence, and what `attempt` raises.

    silently: the interface can listen without taking part; probe: taking part is allowed where listening gave nothing.
    """
    if not silently and not probe:
        raise NotFoundError(can_errors.cannot_detect(interface, channel), "bitrate_needed")
    if silently:
        found = _first(CANDIDATES, attempt, True, stop)
        if found in _JK:
            return found
        if found:
            raise NotFoundError(can_errors.foreign_bitrate(interface, channel, found), "foreign_bitrate")
    if probe:
        # Taking part at a rate that is not the bus's own disturbs it; so only JK's two are tried that way.
        found = _first(_JK, attempt, False, stop)
        if found:
            return found
    raise NotFoundError(can_errors.not_found(interface, channel), "no_bitrate")


def other_than(bitrate: int, attempt: Attempt, stop: threading.Event) -> int:
    """Another bit rate than `bitrate` at which frames come while only listening; 0 when there is none."""
    with contextlib.suppress(Exception):  # no more than a hint is sought
        return _first(tuple(each for each in CANDIDATES if each != bitrate), attempt, True, stop)
    return 0


def hears(bus: Any, stop: threading.Event) -> bool:
    """Whether good frames come from an open bus of python-can. What comes is thrown away. Raises GarbledError."""
    good = senseless = 0
    end = time.monotonic() + _LISTEN_S
    while (left := end - time.monotonic()) > 0 and not stop.is_set():
        began = time.monotonic()
        try:
            message = bus.recv(left)
        except Exception as error:  # a garbled line of an slcan adapter, or the end of it
            if not can_errors.makes_no_sense(error):
                raise
            senseless += 1
            if senseless >= _SENSELESS:
                raise can_errors.GarbledError(str(error)) from None
            forget_rest(bus)
            continue
        if message is None:
            if time.monotonic() - began < left / 2:
                stop.wait(0.01)  # a driver that does not wait
            continue
        frame = frame_of(message, 0)
        if frame is not None and not frame.error:
            good += 1
            if good >= _ENOUGH:
                return True
    return False


def forget_rest(bus: Any) -> None:
    """python-can's slcan keeps the bytes it stumbled over, and would stumble again."""
    with contextlib.suppress(Exception):
        bus.flush()


def _first(bitrates: tuple[int, ...], attempt: Attempt, listen_only: bool, stop: threading.Event) -> int:
    for bitrate in bitrates:
        if stop.is_set():
            break
        if attempt(bitrate, listen_only):
            return bitrate
    return 0
