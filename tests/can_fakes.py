"""python-can's Bus with the bad habits of real drivers, for tests of the CAN port."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import can


def message(identifier: int = 0x2F4, data: bytes = bytes(8), **how: Any) -> can.Message:
    """A frame as python-can gives it; extended when its identifier is."""
    return can.Message(arbitration_id=identifier, is_extended_id=identifier > 0x7FF, data=data, **how)


def error(classes: int, *data: int) -> can.Message:
    """An error frame as SocketCAN gives it: classes of linux/can/error.h, and eight bytes of detail."""
    return can.Message(
        arbitration_id=classes, is_extended_id=False, is_error_frame=True, dlc=8, data=bytes(data).ljust(8, b"\0")
    )


ACK_DELIMITER = error(0x88, 0, 0, 0, 0x1B)
STUFF = error(0x88, 0, 0, 0x04, 0x00)
BUS_OFF = error(0x40)
RESTARTED = error(0x100)


class FakeBus:
    """Gives out `items`: a message, None (nothing within the time), or an exception; behind them `then` for ever.

    waits: False = a driver that answers "nothing" at once; hang: shutdown() does not return until it is set.
    """

    def __init__(
        self, items: Iterable[Any] = (), then: Any = None, waits: bool = True, hang: threading.Event | None = None
    ) -> None:
        self.items = deque(items)
        self.then = then
        self.waits = waits
        self.hang = hang
        self.closed = 0
        self.asked = 0

    def recv(self, timeout: float) -> can.Message | None:
        self.asked += 1
        item = self.items.popleft() if self.items else self.then
        if isinstance(item, BaseException):
            raise item
        if item is None:
            if self.waits:
                time.sleep(timeout)
            return None
        if not self.items:
            time.sleep(0.002)  # `then` for ever comes no faster than on a wire
        return item  # type: ignore[no-any-return]

    def shutdown(self) -> None:
        self.closed += 1
        if self.hang is not None:
            self.hang.wait(20)


class FakeDriver:
    """In the place of can.Bus: `plan(options)` gives a FakeBus or raises. Keeps what was asked for."""

    def __init__(self, plan: Callable[[dict[str, Any]], FakeBus]) -> None:
        self.plan = plan
        self.asked: list[dict[str, Any]] = []
        self.buses: list[FakeBus] = []

    def __call__(self, **options: Any) -> FakeBus:
        self.asked.append(options)
        bus = self.plan(options)
        self.buses.append(bus)
        return bus
