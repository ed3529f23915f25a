"""One pack on the line: hears requests for its address and answers like a JK PB slave (sections 2.1-2.4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import modbus
from .battery import Battery
from .frames import build_frame, build_unit, register_block, register_bytes
from .layout import ABOUT, KIND_NAMES, LIVE, ROWS, SECRET, TEXTS, TRIGGERS, UNKNOWN
from .modbus import Request
from .readings import ABSENT, Values, about_values, live_values, settings_values
from .registers import COMMANDS, PRESET, WRITABLE
from .writes import Writes

if TYPE_CHECKING:
    from .line import Line

Truth = dict[str, Any]
Extension = Callable[["Slave", Request, float], "bytes | None"]

MOST_WORDS = 123  # more words in one FC03 read are refused (section 2.3: 123 worked, 128 did not)
HISTORY = 64  # how many answers of each kind are remembered for tests


class Slave:
    """A pack at `address` (0..15, changeable while running like a DIP switch) with its `battery`.

    latency_ms: None = the line's, or (shortest, longest) for this pack alone. Counters: heard (requests for
    this address with a good CRC), answered (answers handed to the line, exceptions included).
    order: which dependencies between written values it enforces, a key of registers.ORDERS. writes: what was written
    to it and what became of that, see Writes. powered: False = switched off, by off() or by the shutdown command, until
    on(). bricked: somebody started a firmware update; it never answers again.
    extensions: functions (slave, request, t) -> answer bytes or None, asked before the pack takes a write.
    """

    def __init__(
        self,
        address: int,
        battery: Battery,
        latency_ms: tuple[float, float] | None = None,
        order: str = "enforced",
    ) -> None:
        if not 0 <= address <= 15:
            raise ValueError(f"a DIP address is 0 to 15, not {address}")
        self.address = address
        self.battery = battery
        self.latency_ms = latency_ms
        self.line: Line | None = None
        self.heard = 0
        self.answered = 0
        self.powered = True
        self.bricked = False
        self.writes = Writes(self, order)
        self.extensions: list[Extension] = []
        self._boots = 0  # boots that are under way
        self.sent: dict[str, deque[Truth]] = {name: deque(maxlen=HISTORY) for name in KIND_NAMES.values()}
        self._ear = modbus.Ear()

    def __repr__(self) -> str:
        return f"Slave({self.address}, {self.battery.profile.name})"

    @property
    def leads(self) -> bool:
        """It is bus master now: it asks by itself, and what slaves say is meant for it."""
        return False

    @property
    def byte5(self) -> int:
        """The fifth byte of its frames (section 2.2)."""
        return self.battery.profile.byte5

    def plugged(self) -> None:
        """The line has taken this pack in."""

    def unplugged(self) -> None:
        """The line has let this pack go."""

    def hear(self, data: bytes, now_us: int) -> list[Request]:
        """Take bytes from the line; return the requests for this pack that they complete."""
        if self.silent:
            return []
        found = self._ear.hear(self.address, data, now_us)
        self.heard += len(found)
        return found

    def answer(self, request: Request, t: float) -> bytes:
        """The bytes this pack sends for `request` at `t` seconds since midnight, or b"" for silence."""
        unit = self._answer(request, t)
        if unit:
            self.answered += 1
        return unit

    def _answer(self, request: Request, t: float) -> bytes:
        if request.function == modbus.WRITE and request.register in TRIGGERS:
            if request.words != 1 or len(request.data) != 2:
                return modbus.exception(self.address, request.function, modbus.BAD_VALUE)
            return self._unit(request.register, t)
        if request.function == modbus.READ:
            return self._read(request, t)
        for extension in self.extensions:
            unit = extension(self, request, t)
            if unit is not None:
                return unit
        if request.function == modbus.WRITE:
            return self.writes.answer(request, t)
        return modbus.exception(self.address, request.function, modbus.BAD_FUNCTION)

    def _unit(self, register: int, t: float) -> bytes:
        """Frame and ack for the trigger `register`; what it says is remembered in `sent`."""
        kind = TRIGGERS[register]
        values = self._values(kind, t)
        self.sent[KIND_NAMES[kind]].append(self._public(kind, values))
        return build_unit(self.address, register, self._frame(kind, values))

    def _read(self, request: Request, t: float) -> bytes:
        block = register_block(request.register)
        if block is None:
            return modbus.exception(self.address, modbus.READ, modbus.BAD_REGISTER)
        if not 1 <= request.words <= MOST_WORDS:
            return modbus.exception(self.address, modbus.READ, modbus.BAD_VALUE)
        frame = self.frame(KIND_NAMES[block[0]], t)
        data = register_bytes(block[0], frame, request.register, 2 * request.words)
        if data is None:
            return modbus.exception(self.address, modbus.READ, modbus.BAD_REGISTER)
        return modbus.sealed(bytes((self.address, modbus.READ, len(data))) + data)

    # -- switched on and off

    @property
    def silent(self) -> bool:
        """It is switched off, starting, or past help."""
        return not self.powered or self.bricked or self._boots > 0

    def off(self, now_ms: int | None = None) -> None:
        """Switch it off at `now_ms` (None: where the line's time stands), in the middle of a byte if need be."""
        self._reach(now_ms)
        self.powered = False
        if self.line is not None:
            self.line.cut(self)

    def on(self, now_ms: int | None = None, boot_ms: float = 0) -> None:
        """Switch it on at `now_ms` (None: where the line's time stands); `boot_ms` later it answers."""
        self._reach(now_ms)
        if not self.powered:
            self.powered = True
            self.reboot(boot_ms)

    def reboot(self, silent_ms: float) -> None:
        """It starts again: silent for `silent_ms`, then with new run time counters (RunTime.restart)."""
        self._boots += 1
        if self.line is None:
            self._booted()
        else:
            self.line.after(int(silent_ms * 1_000_000), self._booted)

    def _booted(self) -> None:
        self._boots -= 1
        self.battery.run_time.restart(self.battery.t if self.line is None else self.line.battery_seconds())

    def _reach(self, now_ms: int | None) -> None:
        if now_ms is not None and self.line is not None:
            self.line.run(now_ms)

    # -- what it keeps

    def settings(self) -> dict[str, int]:
        """Everything that can be written and read back, as the pack keeps it now: canonical name -> raw number."""
        kept = {**self.battery.about, **self.battery.settings, "device_address": self.address}
        return {name: kept.get(name, 0) for name in WRITABLE if name not in COMMANDS}

    def store(self, values: dict[str, int], t: float) -> None:
        """Take written `values` (settings or commands by name) at battery time `t`, without asking whether they fit."""
        kept: dict[str, int] = {}
        for name, value in values.items():
            if name == "device_address":
                self.address = value
            elif name == "shutdown":
                self.powered = False
            elif name == "emergency":
                self.battery.emergency(bool(value), t)
            elif name == "clock":
                self.battery.run_time.set_clock(value, t)
            elif name.startswith(PRESET):
                self.battery.preset(name.removeprefix(PRESET), t)
            elif name not in COMMANDS:  # a calibration leaves no trace in the frames
                kept[name] = value
        if kept:
            self.battery.change(kept, t)

    # -- frames

    def frame(self, name: str, t: float) -> bytes:
        """The 300-byte frame `name` (live, settings, about) at `t` seconds since midnight, not sent."""
        kind = _kind(name)
        return self._frame(kind, self._values(kind, t))

    def _frame(self, kind: int, values: Values) -> bytes:
        profile = self.battery.profile
        return build_frame(kind, values, profile.masks[kind], self.byte5)

    def _values(self, kind: int, t: float) -> Values:
        battery = self.battery
        battery.advance(t)
        if kind == LIVE:
            return live_values(battery, t)
        if kind == ABOUT:
            return about_values(battery, t)
        return settings_values(battery, self.address)

    def truth(self, now_ms: int, kind: str | None = None) -> Truth:
        """What an answer at `now_ms` (the line's clock) would say: canonical name -> integer or text.

        kind: "live", "settings", "about", or None for all three in one dict. Numbers are raw and scaled as in
        the frame, but cell numbers count from 1, absent sensors and cells are left out, `power` (mW, signed)
        is added. Passwords, names, serial and rows of unknown meaning are not in it. `sent[kind]` holds the
        truths of the last answers, oldest first, as the pack sent them; faults of the line strike after that.
        """
        if self.line is None:
            raise RuntimeError("truth() needs the line's clock: add the slave to a Line first")
        t = self.line.seconds(now_ms)
        kinds = tuple(KIND_NAMES) if kind is None else (_kind(kind),)
        truth: Truth = {}
        for one in kinds:
            truth.update(self._public(one, self._values(one, t)))
        return truth

    def _public(self, kind: int, values: Values) -> Truth:
        names = [name for _, _, name in ROWS[kind]] + [name for _, _, name in TEXTS[kind]]
        hidden = SECRET + UNKNOWN
        truth = {name: values.get(name, 0) for name in names if name not in hidden}
        if kind == LIVE:
            self._tidy_live(truth)
        elif kind == ABOUT:
            truth["hardware_option"] = values.get("hardware_option", "")
        return truth

    def _tidy_live(self, truth: dict[str, Any]) -> None:
        """Leave out what is not there, count cells from 1 and add the signed power."""
        for number in range(self.battery.cells.count + 1, 33):
            del truth[f"cell_voltage_{number}"], truth[f"cell_wire_resistance_{number}"]
        for name in ("mos_temperature", "temperature_1", "temperature_2", "temperature_4", "temperature_5"):
            if truth[name] == ABSENT:
                del truth[name]
        truth["cell_max_number"] += 1
        truth["cell_min_number"] += 1
        power = truth["pack_voltage"] * abs(truth["current"]) // 1000
        truth["power"] = -power if truth["current"] < 0 else power

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts of this pack that must never leave a bridge: passwords, serial number, its given name."""
        values = about_values(self.battery, self.battery.start_s)
        return tuple(part for name in SECRET for part in values[name].split("\0"))


def _kind(name: str) -> int:
    for kind, known in KIND_NAMES.items():
        if known == name:
            return kind
    raise ValueError(f"{name!r} is no frame; choose live, settings or about")
