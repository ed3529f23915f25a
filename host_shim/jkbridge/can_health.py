"""How a CAN bus is, from what comes from it: frames, errors, or nothing.

Error frames in the Linux format (linux/can/error.h): classes in the identifier, details in the data.
"""

from __future__ import annotations

from typing import Literal

from .can_frame import CanFrame

State = Literal["unknown", "good", "errors", "unacknowledged", "silent", "bus-off"]

ERRORS_S = 3.0
"""Errors without a single frame for so long: the bus does not work."""
SILENT_S = 10.0
"""Nothing at all for so long: 100 times the interval of the most frequent message."""
_MANY = 5
_ACK, _BUS_OFF, _RESTARTED = 0x20, 0x40, 0x100
_PROTOCOL = 0x08
_AT_ACK = (0x19, 0x1B)  # data[3]: the acknowledge slot, its delimiter


class CanHealth:
    """Judges one open bus; all times in seconds of any steady clock. linux_errors: error frames can be understood.

    state: see State. errors: error frames so far; bus_offs: how often the controller went off the bus.
    """

    def __init__(self, linux_errors: bool) -> None:
        self.errors = 0
        self.bus_offs = 0
        self.state: State = "unknown"
        self._linux = linux_errors
        self._since = 0.0  # the last frame, or when it was opened
        self._first_error = -1.0  # the first one since then
        self._last_error = -1.0
        self._acks = 0
        self._recent = 0
        self._heard = False  # frames, since it was opened

    def opened(self, now: float) -> None:
        """The bus was opened, perhaps again: what it is like remains to be seen."""
        self.state = "unknown"
        self._since = now
        self._heard = False
        self._forget()

    def frame(self, now: float) -> bool:
        """A good frame came. True when that is news after trouble."""
        news = self.state not in ("good", "unknown")
        self.state = "good"
        self._heard = True
        self._since = now
        self._forget()
        return news

    def error(self, frame: CanFrame, now: float) -> bool:
        """An error frame came. True when the state changed."""
        self.errors += 1
        if self._linux and frame.id & _RESTARTED:
            self.state = "unknown"
            return False
        if self._linux and frame.id & _BUS_OFF:
            if self.state != "bus-off":
                self.bus_offs += 1
            return self._become("bus-off")
        self._recent += 1
        if self._first_error < 0:
            self._first_error = now
        self._last_error = now
        if self._linux and (frame.id & _ACK or self._at_ack(frame)):
            self._acks += 1
        return self.quiet(now)

    def quiet(self, now: float) -> bool:
        """Time has passed. True when the state changed."""
        if self.state == "bus-off":
            return False
        # A controller that only counts errors tells of one or two, then no more. Behind good frames these may be no
        # more than a battery that was switched off.
        told = self._first_error >= 0 and (not self._heard or self._recent >= _MANY)
        if told and now - self._first_error >= ERRORS_S:
            return self._become("unacknowledged" if 2 * self._acks > self._recent else "errors")
        if now - max(self._since, self._last_error) >= SILENT_S:
            return self._become("silent")
        return False

    def _at_ack(self, frame: CanFrame) -> bool:
        return bool(frame.id & _PROTOCOL) and len(frame.data) > 3 and frame.data[3] in _AT_ACK

    def _become(self, state: State) -> bool:
        changed = self.state != state
        self.state = state
        return changed

    def _forget(self) -> None:
        self._first_error = self._last_error = -1.0
        self._acks = self._recent = 0
