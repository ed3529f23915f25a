"""Packs reached over the bus itself, with the core's own bus and transaction; for when no bridge runs."""

from __future__ import annotations

from typing import Any

from jkbridge.change import line as lines
from jkbridge.change.errors import UNUSABLE, ChangeError
from jkbridge.change.facts import Facts, members
from jkbridge.change.line import Clock, Connect, Line, Log
from jkbridge.change.order import Order, reason
from jkcore import pack as pk
from jkcore import payload
from jkcore.fields import table
from jkcore.message import Message
from jkcore.modbus import ABOUT, SETTINGS
from jkcore.pack import Pack
from jkcore.writes import result, texts
from jkcore.writes.lock import WORDS
from jkcore.writes.refusal import CommandError
from jkcore.writes.transaction import Transaction

_ADDRESS = table.find("device_address", SETTINGS)

Result = dict[str, Any]


class BusWay:
    """The buses of a configuration, opened when a pack of theirs is wanted. Use close() at the end.

    writes: off, safe or all, what may be changed. wanted: ids of the packs, None for all.
    """

    def __init__(
        self,
        config: dict[str, Any],
        writes: str,
        wanted: list[str] | None,
        log: Log,
        connect: Connect = lines.serial_port,
        clock: Clock | None = None,
    ) -> None:
        # Nothing can be sent on CAN.
        self._buses: list[dict[str, Any]] = [bus for bus in config["bus"] if bus["kind"] == "serial"]
        self._chemistries = {entry["id"]: entry["chemistry"] for entry in config["pack"] if entry["chemistry"]}
        self._writes = writes
        self.level = WORDS.index(writes)
        self._wanted = wanted
        self._log = log
        self._connect = connect
        self._clock = clock or Clock()
        self._lines: dict[int, Line] = {}
        self._facts: dict[str, Facts] = {}
        self.name = "the bus " + ", ".join(bus["port"] for bus in self._buses)

    def close(self) -> None:
        """Give the ports back."""
        for line in self._lines.values():
            line.close()
        self._lines = {}

    def packs(self) -> list[str]:
        """Ids of all packs: those of the configuration, or those that answer where it names none."""
        found = []
        for n, bus in enumerate(self._buses):
            addresses = self._line(n).find() if bus["scan"] else bus["packs"]
            found += [f"{bus['prefix']}{address}" for address in addresses]
        return found

    def check_writable(self) -> str:
        """ChangeError when nothing may be changed."""
        if self._writes == "off":
            raise ChangeError(
                'writes is off in the configuration, so nothing is changed. Set writes = "safe" (or "all") there, or '
                "allow it for this one command: --writes safe"
            )
        return ""

    def facts(self, pack: str) -> Facts:
        """What a pack says now: two agreeing frames of settings and about. ChangeError when it does not answer."""
        line, one = self._find(pack)
        job = line.read(one, (SETTINGS, ABOUT) if one.address else (SETTINGS,))
        if not job.has(SETTINGS):
            raise ChangeError(self._silent(line, pack), UNUSABLE)
        told = job.frames.scaled(_ADDRESS)
        if told != one.address:
            raise ChangeError(_refusal(texts.OTHER_ADDRESS, one.address, told or 0))
        if job.has(ABOUT):
            one.keep(job.frames.frame(ABOUT), ABOUT)
        return Facts(
            pack,
            int(one.address),
            _values(job.frames, SETTINGS),
            _values(job.frames, ABOUT) if job.has(ABOUT) else {},
            self._chemistries.get(pack),
            True,
            "Read from the battery just now." + (f" {BESIDE}" if line.led() else ""),
        )

    def order(self, order: Order, steps: int) -> Result:
        """Carry out a command, with everything that stands in its result. steps: how many writes it may take."""
        line, one = self._find(order.pack)
        command = None
        try:
            if not one.address:
                raise CommandError(texts.MASTER)
            if one.notes[pk.CONFLICT] >= 0:
                raise CommandError(texts.CONFLICT, one.address)
            command = order.command(self.level)
            if "device_address" in command.names:
                address = command.asked[command.names.index("device_address")]
                if address != one.address and line.answers(address):
                    raise CommandError(texts.TAKEN, address, f"{line.config['prefix']}{address}")
            transaction = Transaction(command, one, self.level, self._chemistries.get(order.pack), self._clock.now())
        except CommandError as e:
            return {"id": order.id, "status": "refused", "reason": reason(e), "fields": []}
        try:
            line.run(transaction)
        except KeyboardInterrupt:
            transaction.abort()
            return _told(command, transaction)
        return _told(command, transaction)

    def unlock(self, text: str) -> Result:
        """There is nothing to unlock without a bridge."""
        raise ChangeError(
            "No running bridge was found, so there is nothing to unlock. Directly on the bus --writes allows changes "
            "for one command, such as: jkbridge set 1 balance_switch=ON --writes safe",
            UNUSABLE,
        )

    # --- buses

    def _find(self, pack: str) -> tuple[Line, Pack]:
        for n, bus in enumerate(self._buses):
            for address in range(16):
                if pack != f"{bus['prefix']}{address}":
                    continue
                line = self._line(n)
                if all(one.address != address for one in line.bus.packs):
                    line.bus.add(Pack(pack.encode(), address, ""))
                return line, line.pack(address)
        if not self._buses:
            raise ChangeError("CAN carries no settings: they are read and changed over RS485.", UNUSABLE)
        known = ", ".join(f"{bus['prefix']}1 to {bus['prefix']}15" for bus in self._buses)
        raise ChangeError(f"There is no pack {pack}: ids are {known}.", UNUSABLE)

    def _line(self, n: int) -> Line:
        if n not in self._lines:
            bus = self._buses[n]
            if self._wanted is None:
                addresses = [address for address in bus["packs"] if address]
            else:
                own = [pack.removeprefix(bus["prefix"]) for pack in self._wanted if pack.startswith(bus["prefix"])]
                addresses = [address for address in range(1, 16) if str(address) in own]
            self._lines[n] = Line(bus, addresses, self._log, self._connect, self._clock)
        return self._lines[n]

    def _silent(self, line: Line, pack: str) -> str:
        if line.led():
            return (
                f"Pack {pack} gave no two agreeing readings of its settings in the gaps of the JK master that leads "
                "this bus. Is its address right? Try again, or switch the master's pack to another address meanwhile."
            )
        if line.bus.config["role"] == "listen":
            return f"Pack {pack}: bus.role is listen, so it is never asked. Set role = \"auto\", or let a bridge run."
        return (
            f"Pack {pack} does not answer on {line.bus.config['port']}: is its address right, is it switched on? "
            "To find out more: jkbridge doctor"
        )


BESIDE = (
    "A JK master leads this bus: requests go into its gaps, where they may collide; then a change is told as not "
    "answered."
)


def _refusal(code: int, *values: Any) -> str:
    text = reason(CommandError(code, *values))
    return text[:1].upper() + text[1:] + "."


def _values(frames: Pack, kind: int) -> dict[str, Any]:
    """The published values of a frame."""
    message = Message()
    message.start(False)
    message.open()
    payload.put_values(message, frames, kind, False)
    message.close()
    return members(message.taken())


def _told(command: Any, transaction: Transaction) -> Result:
    message = Message()
    message.start(False)
    result.put(message, command, transaction)
    return members(message.taken())
