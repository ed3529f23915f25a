"""A CAN adapter that is opened, read and reopened for ever in threads of its own. It can only read.

Nothing here stalls the bridge's loop: opening, reading and closing block only in the port's threads. What they have to
say goes into a queue that the loop empties with `poll`, and `wake` is called so that the loop comes at once.

There is no way to send: no method for it, and no call of python-can's. What a controller does by itself, to acknowledge
frames and to flag errors, it does not do in listen-only mode.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from jkbridge import can_bitrate, can_errors, can_link
from jkbridge.can_frame import CanEvent, CanFrame, frame_of
from jkbridge.can_health import CanHealth
from jkbridge.can_interfaces import check_can, interface_of
from jkbridge.can_open import Filter, open_bus, shut
from jkbridge.can_player import CanPlayer
from jkbridge.clock import now_ms
from jkcore import log as levels

_BACKOFF_FIRST = 1.0
_BACKOFF_MAX = 30.0
_HELD = 10.0
_WAIT = 0.25
_QUEUE = 8192  # frames; a full bus gives 4000 a second
_GARBLED = 50  # so many senseless answers in a row: this is another kind of adapter
_OPENING = 30.0
_MUTE_S = 30.0


class CanPort:
    """One CAN bus. `poll` belongs to the loop; everything else happens in the port's own threads.

    interface, channel: as python-can knows them, or "file" and the path of a log to play. bitrate: bit/s, 0 = find it
    out. listen_only: take no part in the bus, not even acknowledge, where the interface can be told so. probe: when
    the bit rate is looked for, allow attempts that take part in the bus, which a wrong bit rate disturbs. filters:
    what to let through; error frames always come. log: callable(level, text). wake: called from the port's threads
    whenever `poll` has something new.
    """

    def __init__(
        self,
        interface: str,
        channel: str,
        bitrate: int,
        log: Callable[[int, str], None],
        wake: Callable[[], None],
        clock: Callable[[], int] = now_ms,
        *,
        listen_only: bool = True,
        probe: bool = False,
        filters: Sequence[Filter] = (),
    ) -> None:
        check_can(interface, channel, bitrate)
        self.name = f"{interface}:{channel}"
        self.interface = interface
        self.channel = channel
        self.bitrate = bitrate
        """Bit/s as configured or found; 0 while it is not known."""
        self.listening = False
        """True while the open bus is in listen-only mode."""
        self.reopened = 0
        """How often an open bus was lost."""
        self.dropped = 0
        """Frames thrown away because the loop did not take them."""
        self.elsewhere = 0
        """Bit/s at which frames come, where none come at `bitrate` as it is configured."""
        self.why = ""
        """Code word for why the bus is not open, see can_errors.kind; "": it is, or was not tried yet."""
        self.frames = 0
        self.garbled = 0
        """Answers of the adapter that made no sense, and CAN FD frames."""
        self._known = interface_of(interface)
        self._health = CanHealth(self._known.linux_errors)
        self._find = bitrate == 0 and self._known.sets_bitrate
        self._listen_only = listen_only
        self._probe = probe
        self._filters = tuple(filters)
        self._log = log
        self._wake = wake
        self._clock = clock
        self._events: deque[CanEvent] = deque()
        self._stop = threading.Event()
        self._reopen = ""
        self._said = ""
        self._looked = False  # at other bit rates, since the last good frame
        self._opening_since = -1.0
        self._thread: threading.Thread | None = None

    # --- the loop's side

    @property
    def errors(self) -> int:
        """Error frames so far."""
        return self._health.errors

    @property
    def bus_offs(self) -> int:
        """How often the controller took itself off the bus."""
        return self._health.bus_offs

    @property
    def state(self) -> str:
        """How the bus is: unknown, good, errors, unacknowledged, silent, bus-off."""
        return self._health.state

    def start(self) -> None:
        """Begin to open the bus; returns at once."""
        self._thread = threading.Thread(target=self._run, name=f"can {self.name}", daemon=True)
        self._thread.start()

    def poll(self) -> CanEvent | None:
        """The next thing that happened, or None."""
        if 0 <= self._opening_since < time.monotonic() - _OPENING:
            self._opening_since = -1.0
            self._closed(can_errors.slow(self.interface, self.channel, int(_OPENING)))
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def reopen(self, reason: str) -> None:
        """Close and open again because the bus seems dead; reason is a sentence."""
        self._reopen = reason

    def close(self) -> None:
        """Stop for good; returns within about a second and a half, whatever the driver does."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(1.5)

    # --- the reading thread

    def _run(self) -> None:
        delay = _BACKOFF_FIRST
        quietly = False
        while not self._stop.is_set():
            try:
                bus = self._opened(quietly)
            except Exception as error:  # every driver has errors of its own, down to NameError
                self.reopened += quietly
                self.listening = False
                self._closed(self._why_not(error))
                quietly = False
            else:
                began = time.monotonic()
                before = self.frames
                reason = self._read(bus)
                quietly = reason is None
                if reason is not None and not self._stop.is_set():
                    self.why = "adapter_lost"
                    self.reopened += 1
                    self.listening = False
                    self._closed(reason)
                self._shutdown(bus)
                if self.frames > before or time.monotonic() - began > _HELD:
                    delay = _BACKOFF_FIRST
            self._stop.wait(delay * random.uniform(1.0, 1.25))
            delay = min(delay * 2, _BACKOFF_MAX)

    def _why_not(self, error: BaseException) -> str:
        if isinstance(error, can_bitrate.NotFoundError):
            self.why = error.word
            return str(error)
        self.why = can_errors.kind(self.interface, self.channel, error)
        return can_errors.sentence(self.interface, self.channel, self.bitrate, error)

    def _opened(self, quietly: bool) -> Any:
        """The open bus; it has been said that it is, but for one opened again `quietly`."""
        if self._find and not quietly:
            self.bitrate = can_bitrate.detect(
                self.interface, self.channel, self._attempt, self._stop,
                silently=self._known.listen_only is not None, probe=self._probe,
            )
            self._log(levels.INFO, f"{self.name}: the bus runs at {can_errors.speed(self.bitrate)}.")
        bus = self._open(self.bitrate, self._listen_only)
        self._reopen = ""
        if quietly:
            return bus
        self.listening = self._listen_only and self._known.listen_only is not None
        if self.interface == "socketcan":
            self._look_at_link()
        self._health.opened(time.monotonic())
        self.why = ""
        at = f" at {can_errors.speed(self.bitrate)}" if self.bitrate else ""
        mode = " in listen-only mode" if self.listening else ""
        if self._listen_only and not self.listening and self._known.sets_bitrate:
            mode = f". {can_errors.TAKES_PART}"
        self._say(levels.INFO, f"{self.name} is open{at}{mode}.")
        self._put(CanEvent("opened", self._clock()))
        return bus

    def _open(self, bitrate: int, listen_only: bool) -> Any:
        self._opening_since = time.monotonic()
        try:
            return open_bus(self.interface, self.channel, bitrate, listen_only, self._filters)
        finally:
            self._opening_since = -1.0

    def _look_at_link(self) -> None:
        """SocketCAN gets its bit rate and mode from the system, not from us."""
        link = can_link.details(self.channel)
        if link is None:
            return
        self.listening = link.listen_only
        if link.bitrate and self.bitrate and link.bitrate != self.bitrate:
            self._log(levels.WARNING, can_errors.different(self.channel, self.bitrate, link.bitrate))
        self.bitrate = link.bitrate or self.bitrate

    def _read(self, bus: Any) -> str | None:
        """Hand on frames until the bus fails; why it did. None: open it once more, and say nothing of it."""
        senseless = 0
        quiet_since = time.monotonic()
        while not self._stop.is_set():
            if self._reopen:
                return self._reopen
            began = time.monotonic()
            try:
                message = bus.recv(_WAIT)
            except Exception as error:  # see _run
                if not can_errors.makes_no_sense(error):
                    return self._reopen or can_errors.vanished(self.interface, self.channel, error)
                # What a line of an slcan adapter becomes when bytes are lost.
                self.garbled += 1
                senseless += 1
                if senseless >= _GARBLED:
                    return can_errors.garbled(self.interface, self.channel, error)
                can_bitrate.forget_rest(bus)
                continue
            now = time.monotonic()
            if message is None:
                if now - began < _WAIT / 2:
                    self._stop.wait(_WAIT / 2)  # a driver that does not wait must not keep a core busy
                if self._health.quiet(now) and (reason := self._trouble(bus)) != "":
                    return reason
                if self._known.mute and now - quiet_since > _MUTE_S:
                    return None  # opening fails if it is gone
                continue
            senseless = 0
            quiet_since = now
            if (reason := self._take(message, now, bus)) != "":
                return reason
        return ""

    def _take(self, message: Any, now: float, bus: Any) -> str | None:
        """Hand on one message; the reason to close the bus, "" for none, None as in _read."""
        at = self._clock()
        frame = message._replace(at=at) if isinstance(message, CanFrame) else frame_of(message, at)
        if frame is None:
            self.garbled += 1
            return ""
        if frame.error:
            self._put(CanEvent("frame", at, frame))
            return self._trouble(bus) if self._health.error(frame, now) else ""
        if self._filters and not self._wanted(frame):
            # It proves all the same that the bus works.
            self._good(now)
            return ""
        self.frames += 1
        self._good(now)
        self._put(CanEvent("frame", at, frame))
        return ""

    def _good(self, now: float) -> None:
        self._looked = False
        if self._health.frame(now):
            self._say(levels.INFO, f"{self.name}: frames come from the bus again.")
            self._put(CanEvent("state", self._clock()))

    def _wanted(self, frame: CanFrame) -> bool:
        return any(
            frame.extended == extended and frame.id & mask == number & mask for number, mask, extended in self._filters
        )

    def _trouble(self, bus: Any) -> str | None:
        """Say what the state of the bus has become; the reason to close it, "" for none, None as in _read."""
        if isinstance(bus, CanPlayer):
            self._tell(f"{self.channel} has been played to its end." if bus.ended else "")
            return ""
        state = self._health.state
        link = can_link.details(self.channel) if state == "bus-off" and self.interface == "socketcan" else None
        text = can_errors.trouble(
            self.interface, self.channel, state, self.bitrate, self.listening, link.restart_ms if link else 0
        )
        if state == "bus-off" and self.interface != "socketcan":
            return text  # opening it again starts the controller again
        self._tell(text)
        return None if state in ("errors", "silent") and self._look_elsewhere(bus) else ""

    def _tell(self, text: str) -> None:
        if text:
            self._say(levels.WARNING, text)
            self._put(CanEvent("state", self._clock(), reason=text))

    # --- bit rates

    def _look_elsewhere(self, bus: Any) -> bool:
        """Once per trouble: does the bus run at another bit rate? True when `bus` was closed for that."""
        if self._looked or not (self._known.sets_bitrate and self._known.listen_only is not None):
            return False
        self._looked = True
        self._shutdown(bus)
        found = can_bitrate.other_than(self.bitrate, self._attempt, self._stop)
        if found and self._find:
            self.bitrate = found
        elif found:
            self.elsewhere = found
            self._tell(can_errors.elsewhere(self.interface, self.channel, self.bitrate, found))
        return True

    def _attempt(self, bitrate: int, listen_only: bool) -> bool:
        """Whether good frames come at `bitrate`."""
        bus = self._open(bitrate, listen_only)
        try:
            return can_bitrate.hears(bus, self._stop)
        finally:
            self._shutdown(bus)

    # --- closing, saying

    def _shutdown(self, bus: Any) -> None:
        if not shut(bus):
            self._log(levels.WARNING, can_errors.hanging(self.interface, self.channel))

    def _put(self, event: CanEvent) -> None:
        if len(self._events) >= _QUEUE and event.kind == "frame":
            self.dropped += 1
        else:
            self._events.append(event)
        self._wake()

    def _closed(self, reason: str) -> None:
        if reason == self._said:
            self._log(levels.DEBUG, reason)
            return
        self._say(levels.WARNING, reason)
        self._put(CanEvent("closed", self._clock(), reason=reason))

    def _say(self, level: int, text: str) -> None:
        self._said = text
        self._log(level, text)
