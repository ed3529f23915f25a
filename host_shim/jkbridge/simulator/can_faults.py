"""What goes wrong on CAN, on request: frames that do not come, are short, or end in an error."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from .can_messages import V2
from .can_wire import Frame

if TYPE_CHECKING:
    from .can_pack import CanStation

CAN_KINDS = {
    "lose": "a frame does not come, as when a controller with two buffers is late",
    "cut": "a burst of cell frames ends after the first `amount` of them (2)",
    "short": "a frame is `amount` bytes shorter (1)",
    "remote": "a frame comes as a remote request, without its data",
    "error": "an error frame comes in its place",
    "silence": "a pack says nothing",
}
CAN_SORTS = tuple(message.name for message in V2)
_AMOUNTS = {"cut": 2}
_CELLS = "CELLVOL_"


class CanFault:
    """One kind of trouble, when and how often it strikes.

    kind: a key of CAN_KINDS; address: one pack, or None for whoever sends; amount: see there; rate: probability that
    one frame is struck (1.0), for "cut" one burst; count: strike at most so often; start, stop: line seconds between
    which it may strike; only: the one message it strikes, by its name in jkbms.dbc. `struck` counts strikes; cancel()
    ends it. Raises ValueError for a kind or value that makes no sense.
    """

    def __init__(
        self,
        kind: str,
        address: int | None = None,
        *,
        amount: int | None = None,
        rate: float = 1.0,
        count: int | None = None,
        start: float = 0.0,
        stop: float | None = None,
        only: str | None = None,
        each: float | None = None,
        register: int | None = None,
    ) -> None:
        if kind not in CAN_KINDS:
            raise ValueError(f"fault {kind!r} is unknown on CAN; choose one of {', '.join(CAN_KINDS)}")
        if each is not None or register is not None:
            raise ValueError(f"fault {kind!r}: 'each' and 'register' are for RS485")
        if not 0 <= rate <= 1:
            raise ValueError(f"fault {kind!r}: rate is a probability from 0 to 1")
        if only is not None and only not in CAN_SORTS:
            raise ValueError(f"fault {kind!r}: 'only' names a message that is struck: {', '.join(CAN_SORTS)}")
        if kind == "cut" and only is not None:
            raise ValueError("fault 'cut' concerns the cell frames; leave 'only' out")
        self.amount = _AMOUNTS.get(kind, 1) if amount is None else amount
        if not 0 <= self.amount <= 8:
            raise ValueError(f"fault {kind!r}: amount is 0 to 8")
        self.kind = kind
        self.address = address
        self.rate = rate
        self.count = count
        self.start = start
        self.stop = stop
        self.only = only
        self.struck = 0
        self._cutting: set[CanStation] = set()

    def __repr__(self) -> str:
        return f"CanFault({self.kind!r}, address={self.address}, struck={self.struck})"

    def cancel(self) -> None:
        """No strike from now on."""
        self.count = self.struck
        self._cutting.clear()

    def strikes(self, seconds: float, station: CanStation, name: str, random: Random) -> bool:
        """Whether it strikes message `name` of `station` at `seconds` of the line."""
        if self.address is not None and getattr(station, "address", None) != self.address:
            return False
        if self.only is not None and self.only != name:
            return False
        if self.kind == "cut":
            return self._cuts(seconds, station, name, random)
        return self._draws(seconds, random)

    def apply(self, frame: Frame) -> Frame | None:
        """What comes of `frame`; None when nothing does."""
        if self.kind == "short":
            return frame._replace(data=frame.data[: max(0, len(frame.data) - self.amount)])
        if self.kind == "remote":
            return frame._replace(remote=True)
        if self.kind == "error":
            return frame._replace(error=True)
        return None

    def _cuts(self, seconds: float, station: CanStation, name: str, random: Random) -> bool:
        """The dice fall at the first cell frame of a burst; the whole rest of it follows them."""
        if not name.startswith(_CELLS):
            return False
        place = int(name[-2:]) // 4
        if place == 0:
            self._cutting.discard(station)
            if self._draws(seconds, random):
                self._cutting.add(station)
        return station in self._cutting and place >= self.amount

    def _draws(self, seconds: float, random: Random) -> bool:
        if seconds < self.start or (self.stop is not None and seconds >= self.stop):
            return False
        if self.count is not None and self.struck >= self.count:
            return False
        if self.rate < 1 and random.random() >= self.rate:
            return False
        self.struck += 1
        return True
