"""A CAN port as the loop of the host serves it: its frames go to the core's CAN bus, and nothing comes back."""

from __future__ import annotations

from typing import Any

from jkbridge.can_frame import CLASSIC, CanEvent
from jkbridge.can_port import CanPort
from jkcore import can


def serve(bus: Any, event: CanEvent, at: int) -> None:
    """Hand one event of a CanPort to the core's CanBus; at: its time for the core."""
    frame = event.frame
    if frame is not None:
        flags = min(frame.dlc, CLASSIC)
        flags |= can.EXTENDED * frame.extended | can.REMOTE * frame.remote | can.ERROR * frame.error
        bus.feed_frame(frame.id, flags, frame.data, at)
    elif event.kind == "opened":
        bus.opened(at)
    elif event.kind == "closed":
        bus.closed(at, event.reason)
    else:
        bus.troubled(event.reason)


class CanLine(CanPort):
    """A CanPort with the face of a serial one. Read-only: the core leaves nothing to send, and this could not."""

    def measure(self, bus: Any) -> None:
        """Tell the bus what the port has counted."""
        bus.measured(self.errors, self.dropped, self.bus_offs)

    def write(self, buf: bytearray, n: int) -> None:
        """Never: nothing is sent on CAN."""
        raise AssertionError("nothing is sent on CAN")

    def stop(self) -> None:
        """Begin to stop; close() waits for it."""
        self._stop.set()
