"""Writes and commands as a pack takes them: acks, exceptions, what they change, and what can go wrong with them.

Formats from protocol/rs485.md 8.1, refusals from 2.4 and 8.3, the order of values from 8.6.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING

from . import modbus
from .frames import build_unit
from .layout import SETTINGS, TRIGGERS, WIDTHS
from .modbus import Request
from .registers import FIRMWARE_UPDATE, ORDERS, PRESETS, REGISTERS, keeps_order, span_of, values_of, words_of

if TYPE_CHECKING:
    from .faults import Fault
    from .slave import Slave

HISTORY = 1000
_SETTINGS_TRIGGER = next(register for register, kind in TRIGGERS.items() if kind == SETTINGS)

STORED, IGNORED, REFUSED, PENDING, BRICKED = "stored", "ignored", "refused", "pending", "bricked"


class Write:
    """One write that reached a pack.

    ms: line time since its first use; register; data: the bytes as they came; asked: canonical name -> raw number
    they mean (empty when that is unknown); fate: stored, ignored (acked, nothing changed), refused, pending (acked,
    to be stored later) or bricked; code: of the exception, 0 without; stored: what was put in place, by name.
    """

    __slots__ = ("asked", "code", "data", "fate", "ms", "register", "stored")

    def __init__(self, ms: int, register: int, data: bytes) -> None:
        self.ms = ms
        self.register = register
        self.data = data
        self.asked: dict[str, int] = {}
        self.fate = PENDING
        self.code = 0
        self.stored: dict[str, int] = {}

    def __repr__(self) -> str:
        asked = self.asked or self.data.hex(" ").upper()
        return f"Write({self.ms} ms, 0x{self.register:04X}, {asked}, {self.fate}{f' {self.code:02}' * bool(self.code)})"


class Writes:
    """The writing side of a pack.

    order: a key of ORDERS, which dependencies between values it enforces. log: the last writes, oldest first; requests
    for a frame (0x161C to 0x1620) are none. counts: register -> how many writes to it arrived with a good CRC, whatever
    became of them; fates: fate -> how many.
    """

    def __init__(self, slave: Slave, order: str = "enforced") -> None:
        if order not in ORDERS:
            raise ValueError(f"order {order!r} is unknown; choose from {', '.join(ORDERS)}")
        self.slave = slave
        self.order = order
        self.log: deque[Write] = deque(maxlen=HISTORY)
        self.counts: Counter[int] = Counter()
        self.fates: Counter[str] = Counter()

    @property
    def ignored(self) -> int:
        """How many were acked without effect."""
        return self.fates[IGNORED]

    @property
    def refused(self) -> int:
        """How many were met with an exception."""
        return self.fates[REFUSED]

    @property
    def updates(self) -> int:
        """How often somebody wrote 0x1626, which nobody may ever do."""
        return self.counts[FIRMWARE_UPDATE]

    def answer(self, request: Request, t: float) -> bytes:
        """Take the write `request` at battery time `t`; returns the bytes the pack says to it."""
        slave = self.slave
        line = slave.line
        write = Write(line.now_ns // 1_000_000 if line is not None else 0, request.register, request.data)
        self.log.append(write)
        self.counts[write.register] += 1
        if write.register == FIRMWARE_UPDATE:
            slave.bricked = True
            self._end(write, BRICKED)
            return b""
        struck = {} if line is None else line.strike_write(slave.address, write.register)
        write.code = self._judge(request, write)
        if not write.code and "refuse" in struck:
            write.code = struck["refuse"].amount
        if write.code:
            self._end(write, REFUSED)
            return modbus.exception(slave.address, modbus.WRITE, write.code)
        return self._take(request, write, struck, t)

    def _judge(self, request: Request, write: Write) -> int:
        """The code to refuse it with, or 0; fills write.asked."""
        register = request.register
        if register not in REGISTERS:
            return modbus.BAD_REGISTER
        if request.words != words_of(register) or len(request.data) != 2 * request.words:
            return modbus.BAD_VALUE
        write.asked = values_of(register, request.data)
        values = self.slave.settings() | write.asked
        for name, value in write.asked.items():
            low, high = span_of(name)
            if not low <= value <= high or not keeps_order(self.order, values, name):
                return modbus.BAD_VALUE
        return 0

    def _take(self, request: Request, write: Write, struck: dict[str, Fault], t: float) -> bytes:
        slave = self.slave
        line = slave.line
        address = slave.address  # the ack of a new address still comes from the old one
        if line is not None and "ghost" in struck:
            ghost = build_unit(address, _SETTINGS_TRIGGER, slave.frame("settings", t))
            line.transmit(slave, ghost, struck["ghost"].amount * 1_000_000)
        values = dict(write.asked)
        if "other_value" in struck:
            _bend(values, request.register, struck["other_value"].amount)
        if "ignored" in struck:
            self._end(write, IGNORED)
        elif line is not None and "late_effect" in struck:
            line.after(struck["late_effect"].amount * 1_000_000, partial(self._store_late, write, values))
        else:
            self._store(write, values, t)
        answer = modbus.ack(address, request.register, request.words)
        if request.register in PRESETS:
            answer = slave.frame("settings", t) + answer
        if "reboot" in struck:
            slave.reboot(struck["reboot"].amount)
        return answer

    def _store_late(self, write: Write, values: dict[str, int]) -> None:
        assert self.slave.line is not None
        self._store(write, values, self.slave.line.battery_seconds())

    def _store(self, write: Write, values: dict[str, int], t: float) -> None:
        write.stored = values
        self._end(write, STORED)
        self.slave.store(values, t)

    def _end(self, write: Write, fate: str) -> None:
        write.fate = fate
        self.fates[fate] += 1


def _bend(values: dict[str, int], register: int, amount: int) -> None:
    """Make the first of `values` less by `amount`, or more where less cannot be held."""
    for kind, name in REGISTERS[register]:
        if name in values:
            bits = 8 * WIDTHS[kind] - (1 if kind.startswith("i") else 0)
            lowest = -(1 << bits) if kind.startswith("i") else 0
            values[name] += amount if values[name] - amount < lowest else -amount
            return
