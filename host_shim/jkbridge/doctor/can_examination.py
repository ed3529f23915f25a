"""The doctor at a CAN bus: it listens, and nothing else. Time and port are handed in.

Two seconds of a bus tell who is there; ten tell whether an address belongs to two packs, and that nothing is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from jkbridge import can_feed
from jkbridge.can_frame import CanEvent
from jkbridge.can_interfaces import interface_of
from jkbridge.chart import Chart
from jkbridge.clock import since
from jkbridge.doctor.can_findings import Heard
from jkbridge.doctor.examination import Progress
from jkcore import can
from jkcore.canbus import CanBus
from jkcore.canpack import CanPack

_ENOUGH_MS = 10_000
_OPEN_MS = 40_000
"""Looking for the bit rate is part of opening."""
_PAUSE_MS = 50


class DoctorCanPort(Protocol):
    """What is needed of a port; jkbridge.can_port.CanPort has it."""

    @property
    def state(self) -> str: ...

    @property
    def errors(self) -> int: ...

    bitrate: int
    elsewhere: int
    listening: bool
    why: str

    def start(self) -> None: ...

    def poll(self) -> CanEvent | None: ...

    def close(self) -> None: ...


class CanLostError(Exception):
    """The adapter cannot be used. word: stable code word; the text is a sentence."""

    def __init__(self, word: str, text: str) -> None:
        super().__init__(text.removesuffix(" Trying again.").removesuffix(" Trying again until it is back."))
        self.word = word


class CanChart(Chart):
    """Packs of a CAN bus."""

    def __init__(self, inverted: bool) -> None:
        super().__init__()
        self._inverted = inverted

    def pack(self, address: int) -> CanPack:
        return CanPack(str(address).encode(), address, "", self._inverted)


def listen(
    config: dict[str, Any],
    port: DoctorCanPort,
    clock: Callable[[], int],
    rest: Callable[[int], Any],
    progress: Progress,
    seconds: float,
    log: Callable[[int, str], None] = lambda level, text: None,
    whole: bool = False,
) -> Heard:
    """Listen for at most `seconds`; whole: not less either, however clear it is. config: one CAN bus of the
    configuration. Raises CanLostError."""
    bus = CanBus(config, [], 1000, log, CanChart(config["sign"] == "inverted"))
    heard = Heard(bus)
    began = last = clock()
    opened = False
    passed = 0
    progress.phase("listening", seconds)
    port.start()
    try:
        while True:
            now = clock()
            ended = _take(port, bus, heard, now)
            if not opened:
                opened, last = bus.is_open, now
            if not opened:
                if since(now, began) > _OPEN_MS:
                    raise CanLostError("adapter_slow", f"{config['port']} could not be opened within 40 s.")
            else:
                bus.check_stale(now)
                passed += since(now, last)  # a log may have more than the clock's 12 days
                last = now
                heard.seconds = passed / 1000
                progress.passed(heard.seconds, f"{bus.frames} frames, {len(bus.packs)} packs")
                if ended or passed >= 1000 * seconds or (not whole and _clear(heard) and passed >= _ENOUGH_MS):
                    return heard
            rest(_PAUSE_MS)
    finally:
        port.close()


def _clear(heard: Heard) -> bool:
    """More listening would tell nothing new."""
    return bool(heard.bus.packs and heard.state == "good") or heard.state in ("errors", "unacknowledged", "bus-off")


def _take(port: DoctorCanPort, bus: CanBus, heard: Heard, now: int) -> bool:
    """Hand on what the port has to say; True when it says that it has ended."""
    ended = False
    while (event := port.poll()) is not None:
        frame = event.frame
        if event.kind == "closed":
            if port.why and port.state != "bus-off":
                raise CanLostError(port.why, event.reason)
            heard.trouble = event.reason
            ended = True
        elif event.kind == "state":
            heard.trouble = event.reason
        if frame is not None and not frame.error and can.classify(frame.id, frame.extended) == can.NOBODY:
            heard.stranger(frame)
        can_feed.serve(bus, event, event.at)
    heard.state, heard.errors = port.state, port.errors
    heard.bitrate, heard.elsewhere, heard.listening = port.bitrate, port.elsewhere, port.listening
    heard.takes_part = bus.is_open and not port.listening and interface_of(bus.config["interface"]).sets_bitrate
    return ended
