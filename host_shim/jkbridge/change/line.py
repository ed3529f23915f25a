"""One bus of the core on a real port, without a bridge: driven until a job on it is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.chart import Chart
from jkbridge.clock import now_ms, since
from jkbridge.loop import Wake
from jkbridge.ports import PortEvent, SerialPort
from jkcore import pack as pk
from jkcore.exchange import LISTENING
from jkcore.pack import Pack
from jkcore.rs485 import Rs485Bus
from jkcore.writes.reading import Reading

_OPEN_MS = 10_000
_PAUSE_MS = 50
_QUIET_POLL_MS = 60_000
"""Live values are nothing this command needs: packs are asked for them once."""
_READ_MS = 12_000
_READ_GAPS_MS = 45_000
"""Beside a JK master, whose pace has to be learnt first."""
_DECIDE_MS = 8_000
_HUSH_NETWORK_MS = 7_000
"""A gateway may hold back for seconds what a JK master says: a bridge that finds him later stands down, but this
command would have been at its work by then."""
_FIND_MS = 60_000
_CYCLE_MS = 16_000
"""The slowest JK master takes 12.8 s for all addresses."""

Log = Callable[[int, str], None]


class LinePort(Protocol):
    """What is needed of a port; jkbridge.ports.SerialPort has it."""

    def start(self) -> None: ...

    def poll(self) -> PortEvent | None: ...

    def write(self, buf: bytearray, n: int) -> None: ...

    def close(self) -> None: ...


class Clock:
    """The time and how to rest; tests bring their own."""

    def __init__(self) -> None:
        self.wake = Wake()

    def now(self) -> int:
        """ms of the core."""
        return now_ms()

    def rest(self, ms: int) -> None:
        """Wait so long, or until a port has something to say."""
        self.wake.wait(ms)


Connect = Callable[[dict[str, Any], Log, Clock], LinePort]


def serial_port(bus: dict[str, Any], log: Log, clock: Clock) -> LinePort:
    """The real port of a bus."""
    return SerialPort(bus["port"], bus["baud"], log, clock.wake)


class ReadJob:
    """Reads settings and about of one pack until two frames in a row of each agree; stands where a Transaction would.

    frames: what it has read, as a Reading of the core.
    """

    patience = 0

    def __init__(self, pack: Pack, kinds: tuple[int, ...]) -> None:
        self.pack = pack
        self._kinds = kinds
        self._read = dict.fromkeys(kinds, False)
        self.frames = Reading(Pack(pack.id, pack.address, ""), list(kinds))

    def busy(self) -> bool:
        """True until all is read."""
        return not all(self._read.values())

    def has(self, kind: int) -> bool:
        """True when a type of frame is read."""
        return self._read.get(kind, False)

    def wants(self, now: int) -> int:
        """The type of frame to ask for, 0: none. A bus master answers nobody, and tells its settings by itself."""
        return 0 if not self.pack.address else next((kind for kind, done in self._read.items() if not done), 0)

    def heard_frame(self, kind: int, frame: Any, now: int) -> None:
        """A whole frame of the pack."""
        if kind in self._read and self.frames.heard(kind, frame, now):
            self._read[kind] = True

    def touches(self, r: int) -> bool:
        """It changes nothing."""
        return False

    def heard_ack(self, register: int, words: int, now: int) -> None:
        """None of ours."""

    def heard_exception(self, code: int, now: int) -> None:
        """The pack refuses the question; it is asked again until the time is over."""

    def tick(self, now: int) -> None:
        """Its time is counted by whoever waits for it."""


class Line:
    """One bus and its port. config: one bus of the configuration; addresses: of the packs that are wanted."""

    def __init__(
        self, config: dict[str, Any], addresses: list[int], log: Log, connect: Connect, clock: Clock
    ) -> None:
        self.config = dict(config, packs=addresses, scan=False)
        self._clock = clock
        chart = Chart(config["prefix"])
        self.packs = [chart.pack(address) for address in addresses]
        seed = int.from_bytes(os.urandom(2), "big")
        self.bus = Rs485Bus(self.config, self.packs, _QUIET_POLL_MS, log, chart, seed)
        if self.bus.gaps is None:
            self.bus.use_gaps()
        self._decide_ms = _DECIDE_MS
        if "://" in config["port"]:
            self.bus.poller.hush = _HUSH_NETWORK_MS
            self._decide_ms += _HUSH_NETWORK_MS
        self._port = connect(config, log, clock)
        self._port.start()
        try:
            if not self.until(lambda: bool(self.bus.is_open), _OPEN_MS):
                raise ChangeError(f"{config['port']} could not be opened within {_OPEN_MS // 1000} s.", UNUSABLE)
        except BaseException:
            self._port.close()
            raise

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def pack(self, address: int) -> Pack:
        """The Pack with this address, which is one of those wanted."""
        return next(pack for pack in self.bus.packs if pack.address == address)

    def led(self) -> bool:
        """True when a JK master leads this bus."""
        return bool(self.bus.listening() and self.bus.poller.master)

    def until(self, condition: Callable[[], bool], limit_ms: int | None = None) -> bool:
        """Turn the loop until something is true; False when the time is over. ChangeError when the port is lost."""
        began = self._clock.now()
        while True:
            now = self._clock.now()
            self._take()
            if condition():
                return True
            if limit_ms is not None and since(now, began) >= limit_ms:
                return False
            count = self.bus.tick(now)
            if count:
                self._port.write(self.bus.tx, count)
            if condition():
                return True
            self._clock.rest(max(1, min(_PAUSE_MS, int(self.bus.sleep_ms(now)))))

    def _take(self) -> None:
        while (event := self._port.poll()) is not None:
            if event.kind == "data":
                self.bus.feed(event.data, len(event.data), event.at)
            elif event.kind == "opened":
                self.bus.opened(event.at)
            elif self._busy():  # a command under way ends by itself, and says what is known
                self.bus.closed(event.at, event.reason)
            else:
                raise ChangeError(_lost(event.reason), UNUSABLE)

    def _busy(self) -> bool:
        job: Any = self.bus.job
        return job is not None and bool(job.busy())

    def run(self, job: Any, limit_ms: int | None = None) -> bool:
        """Carry out a job (a Transaction, a ReadJob); False when it is not done in time."""
        # First it has to be known whose line this is: a job goes out between requests of our own or in a master's gaps.
        self.until(lambda: self.bus.poller.state != LISTENING or self.led(), self._decide_ms)
        self.bus.start(job)
        try:
            return self.until(lambda: not job.busy(), limit_ms)
        finally:
            self.bus.job = None

    def read(self, pack: Pack, kinds: tuple[int, ...]) -> ReadJob:
        """What a pack tells of itself now, as far as it does in time."""
        job = ReadJob(pack, kinds)
        if not self.run(job, _READ_MS) and self.led():
            self.run(job, _READ_GAPS_MS)
        return job

    def find(self) -> list[int]:
        """Addresses of the packs that answer, or are heard beside a JK master."""
        began = self._clock.now()
        self.until(lambda: self._all_asked(since(self._clock.now(), began)), _FIND_MS)
        return sorted(int(pack.address) for pack in self.bus.packs if pack.counts[pk.ANSWERS])

    def answers(self, address: int) -> bool:
        """True when a pack is at this address, among those that are wanted or not."""
        if all(pack.address != address for pack in self.bus.packs):
            self.bus.add(Chart(self.config["prefix"]).pack(address))
        asked = self.pack(address)
        self.until(
            lambda: asked.counts[pk.ANSWERS] or asked.misses > 1 and not self.bus.listening(), _CYCLE_MS
        )
        return bool(asked.counts[pk.ANSWERS])

    def _all_asked(self, passed: int) -> bool:
        """Every address has answered, or has been asked twice; beside a JK master, its longest cycle is over."""
        if self.bus.listening():
            return passed > _CYCLE_MS and self.led()
        return all(pack.counts[pk.ANSWERS] or pack.misses > 1 for pack in self.bus.packs if pack.address)


def _lost(reason: str) -> str:
    """A sentence of port_errors for somebody who does not try again."""
    text = reason.removesuffix(" Trying again.").removesuffix(" Trying again until it is back.")
    if " is in use by " in text:
        text += (
            " If that is a running bridge: it was not found over MQTT, and both at once would disturb each other. Name "
            "its broker (--broker), so that this command goes through it."
        )
    return text
