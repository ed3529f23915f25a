"""A pack with DIP address 0 on RS485-2: the bus master (protocol/rs485.md sections 3.1-3.3, timing 1.2).

One unit per slot, back to back: a live request to each address 1..15; behind an address that answered, a settings
request in the next slot; then, unasked, its own live frame and its own settings frame, each with its ack. Nothing
else: no about frame, no FC03, no writes, and no answer to anybody.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from .battery import Battery
from .layout import ABOUT
from .modbus import Request, ack, trigger_request
from .readings import Values
from .slave import Slave

LIVE_TRIGGER, SETTINGS_TRIGGER = 0x1620, 0x161E
LAST_ADDRESS = 15

# ms per slot. 14.20 and 15.30: exact in the recordings (SysRunTicks). 15.41 and 19.x: the figures of section 1.2 are
# one and the same slot: 38 ms from request to ack and 180 ms to the next request; 220 ms for a silent address; 440 ms
# for two own frames; 220 + 38 ms from the first request to the second ack of an active slave; and with three slaves
# 15 + 3 + 2 slots make the 4.4 s.
SLOT_MS = {"14.20": 400, "15.30": 400, "15.41": 220, "19.27": 220}

# uart2_protocol of address 0, as about frames read over Bluetooth show it: 15 on 15.38, 21 on 19.27 (section 1.1).
_UART2 = {"19.27": 21}
_UART2_ELSE = 15

JUNK = "junk"  # sender of bytes that are on the wires but no unit
_JUNK_SHARE = 0.7  # of the time the line is busy with them (section 1.2)
_JUNK_BYTES = (20, 120)  # in one burst
_ANSWER_MS = 35  # request, answer and ack at 115200 baud, and a little; the pause before the answer comes on top
_REST_MS = 6  # silence in front of the next request


class Master(Slave):
    """A pack that leads the bus while it is switched on and its DIP `address` is 0.

    With another address (change it while running, like a DIP switch) it is a slave like any other; the slot that has
    begun is finished first. slot_ms: None = what its firmware keeps to; junk: bursts of senseless bytes between the
    units, as seen on 15.41/19.x; powered: False = switched off until on(). Counters: asked (requests sent), cycles
    (own settings frames sent). `sent` holds the truths of its own frames.

    As Line.slaves[0] it tells its truth(); faults with address 0 strike its own frames.
    """

    def __init__(
        self,
        battery: Battery,
        address: int = 0,
        *,
        slot_ms: float | None = None,
        junk: bool = False,
        powered: bool = True,
        latency_ms: tuple[float, float] | None = None,
        order: str = "enforced",
    ) -> None:
        super().__init__(address, battery, latency_ms, order)
        self.slot_ms = SLOT_MS[battery.profile.name] if slot_ms is None else slot_ms
        self.junk = junk
        self.powered = powered
        self.asked = 0
        self.cycles = 0
        self._run = 0  # which time of being switched on; what was arranged in an earlier one is void
        self._loop: Iterator[None] | None = None
        self._heard = bytearray()
        self._random = random.Random(battery.seed)

    def __repr__(self) -> str:
        return f"Master({self.address}, {self.battery.profile.name})"

    @property
    def leads(self) -> bool:
        """It is switched on and its address is 0."""
        return self.powered and self.address == 0

    @property
    def byte5(self) -> int:
        """Always 00 in the master's own frames, whatever slaves of its firmware send (section 2.2)."""
        return 0 if self.address == 0 else super().byte5

    def on(self, now_ms: int | None = None, boot_ms: float = 0) -> None:
        """Switch it on at `now_ms` (None: where the line's time stands); `boot_ms` later it asks address 1."""
        self._reach(now_ms)
        if not self.powered:
            self.powered = True
            self._start(boot_ms)

    def off(self, now_ms: int | None = None) -> None:
        """Switch it off at `now_ms` (None: where the line's time stands), in the middle of a byte if need be."""
        self._reach(now_ms)
        self.powered = False
        self._stop()
        if self.line is not None:
            self.line.cut(self)
            self.line.cut(JUNK)

    def plugged(self) -> None:
        if self.powered:
            self._start(0)

    def unplugged(self) -> None:
        self._stop()

    def hear(self, data: bytes, now_us: int) -> list[Request]:
        """As master: look out for the ack of the pack it asked. As slave: as a slave."""
        if not self.powered:
            return []
        if self.leads:
            self._heard += data
            return []
        return super().hear(data, now_us)

    def _values(self, kind: int, t: float) -> Values:
        values = super()._values(kind, t)
        if kind == ABOUT and self.address == 0:
            values["uart2_protocol"] = _UART2.get(self.battery.profile.name, _UART2_ELSE)
        return values

    # -- the loop

    def _start(self, delay_ms: float) -> None:
        self._run += 1
        self._loop = None
        if self.line is not None:
            self.line.after(int(delay_ms * 1_000_000), partial(self._slot, self._run))

    def _stop(self) -> None:
        self._run += 1

    def _slot(self, run: int) -> None:
        """A slot begins."""
        if run != self._run or self.line is None:
            return
        self.line.after(int(self.slot_ms * 1_000_000), partial(self._slot, run))
        if not self.leads:
            self._loop = None
            return
        if self._loop is None:
            self._loop = self._units()
        next(self._loop)
        self._heard.clear()
        if self.junk:
            self._arrange_junk(run)

    def _units(self) -> Iterator[None]:
        """Sends one unit, then waits for the next slot, for ever."""
        while True:
            for address in range(1, LAST_ADDRESS + 1):
                self._ask(address, LIVE_TRIGGER)
                yield
                if ack(address, LIVE_TRIGGER) in self._heard:
                    self._ask(address, SETTINGS_TRIGGER)
                    yield
            self._tell(LIVE_TRIGGER)
            yield
            self._tell(SETTINGS_TRIGGER)
            self.cycles += 1
            yield

    def _ask(self, address: int, register: int) -> None:
        assert self.line is not None
        self.asked += 1
        self.line.transmit(self, trigger_request(address, register))

    def _tell(self, register: int) -> None:
        assert self.line is not None
        self.line.say(self, self._unit(register, self.line.battery_seconds()))

    # -- junk

    def _arrange_junk(self, run: int) -> None:
        """Bursts in what the units leave of this slot; packs and real listeners get their units past them.

        A pack that answers later than it usually does (fault "delay") runs into them.
        """
        assert self.line is not None
        slowest = max((pack.latency_ms or self.line.latency_ms)[1] for pack in self.line.stations)
        at, end = _ANSWER_MS + slowest, self.slot_ms - _REST_MS
        while True:
            count = self._random.randint(*_JUNK_BYTES)
            lasts = count * 10 / 115.2
            if at + lasts > end:
                return
            self.line.after(int(at * 1_000_000), partial(self._send_junk, run, count))
            at += lasts + lasts * (1 / _JUNK_SHARE - 1) * self._random.uniform(0.5, 1.5)

    def _send_junk(self, run: int, count: int) -> None:
        if run == self._run and self.line is not None:
            self.line.transmit(JUNK, self._random.randbytes(count))
