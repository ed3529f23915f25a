"""One pack on a CAN bus: says by itself what it has to say, at the times a recorded BMS did (protocol/can.md 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .battery import BALANCE_OFF, Battery
from .can_messages import (
    CELLS_MOST,
    FAULT_BITS,
    READINGS,
    VERSIONS,
    Message,
    identifier,
    levels_of,
    payload,
    seen,
)
from .can_wire import Frame
from .noise import noise, wobble
from .protection import alarm_mask
from .readings import Values, live_values

if TYPE_CHECKING:
    from .can_line import CanLine

_SLOT_NS = 1_000_000  # the BMS hands its messages to the controller one each millisecond
_LATE_SHARE = 0.12  # of the messages come about half a millisecond late, as in R1
_LATE_NS = 500_000
_PPM = 40  # how far its clock may be out


class CanStation:
    """Whoever sends on a CanLine. `line` is set while it is plugged in."""

    name = "station"
    line: CanLine | None = None

    def plugged(self) -> None:
        """The line has taken it in; `line` is set."""


class CanPack(CanStation):
    """A pack with device address `address` (0..15, changeable) that sends what its `battery` says.

    version: "v2" or "v1" (four messages); sign: -1 for a pack that counts discharging as positive; reading: what it
    does with an address above 11, a key of READINGS; absent: byte for a sensor that is not there, 0xFF or 0x00.
    levels: alarm of ALARM_LEVELS -> level it is forced to; fault_bits: how many bits of the alarm word it carries;
    charger_plugged, acc_status: what the switch message says; powered: False = it says nothing.
    """

    def __init__(
        self,
        address: int,
        battery: Battery,
        *,
        version: str = "v2",
        sign: int = 1,
        reading: str = "carry",
        absent: int = 0xFF,
    ) -> None:
        if not 0 <= address <= 15:
            raise ValueError(f"a device address is 0 to 15, not {address}")
        if not 1 <= battery.cells.count <= CELLS_MOST:
            raise ValueError(f"JK's CAN protocol has 1 to {CELLS_MOST} cells, not {battery.cells.count}")
        if version not in VERSIONS:
            raise ValueError(f"CAN protocol {version!r} is unknown; choose from {', '.join(VERSIONS)}")
        if reading not in READINGS:
            raise ValueError(f"address rule {reading!r} is unknown; choose from {', '.join(READINGS)}")
        if sign not in (1, -1):
            raise ValueError(f"sign is 1 or -1, not {sign}")
        self.address = address
        self.battery = battery
        self.version = version
        self.sign = sign
        self.reading = reading
        self.absent = absent
        self.levels: dict[str, int] = {}
        self.fault_bits = FAULT_BITS
        self.charger_plugged = 0
        self.acc_status = 1
        self.powered = True
        self.said: Values = {}
        """The truth behind its last cycle."""
        self.messages: tuple[Message, ...] = VERSIONS[version]
        self._tick_ms = min(message.every_ms for message in self.messages)
        self._tick_ns = round(1_000_000 * self._tick_ms * (1 + _PPM * 1e-6 * wobble(battery.seed, 51)))
        rounds = max(message.every_ms for message in self.messages) * 2 // self._tick_ms
        self._ticks = int(rounds * noise(battery.seed, 52))

    def __repr__(self) -> str:
        return f"CanPack({self.address}, {self.version})"

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"pack {self.address}"

    def plugged(self) -> None:
        assert self.line is not None
        self.line.after(int(self._tick_ns * noise(self.battery.seed, 53)), self._tick)

    def _tick(self) -> None:
        """One cycle: what is due goes out, a message each millisecond, in the order of the table."""
        line = self.line
        if line is None:
            return
        line.after(self._tick_ns, self._tick)
        self._ticks += 1
        if not self.powered:
            return
        due = [m for m in self.messages if self._ticks * self._tick_ms % m.every_ms == 0]
        truth = self.said = self.truth_at(line.battery_seconds())
        slot = 0
        for message in due:
            data = payload(message, truth, self.sign, self.absent)
            if data is None:
                continue
            late = _LATE_NS if noise(self.battery.seed, self._ticks, slot, 54) < _LATE_SHARE else 0
            frame = Frame(identifier(message, self.address, self.reading), message.extended, data)
            line.say(self, message.name, frame, slot * _SLOT_NS + late)
            slot += 1

    def truth(self, now_ms: int) -> Values:
        """What it says at `now_ms` of the line's clock: canonical names, integers in the scale of the RS485 frames."""
        assert self.line is not None
        return self.truth_at(self.line.seconds(now_ms))

    def truth_at(self, t: float) -> Values:
        """The same at `t` seconds since midnight. What is not sent at all is not in it.

        Beyond RS485's names: temperature_max, _min, _average and their places from 0 (_index), alarm_levels (the word
        of ALM_INFO, 0 while it is not sent), charge_request_voltage (mV), charge_request_current (mA), charge_request
        and charge_request_heating (0 or 1), balancing, charger_plugged, discharge_time (h, V1 only). `alarms` holds
        what BMSERR_INFO carries, `cycle_capacity` all of it, although the wire drops multiples of 6553.6 Ah.
        """
        battery = self.battery
        battery.advance(t)
        truth = seen(live_values(battery, t), int(t), battery.seed)
        standing = battery.protection.alarms
        truth["alarm_levels"] = levels_of(standing, truth["soc"], self.levels, self.version)
        if self.version == "v1":
            truth["discharge_time"] = int((battery.run_time.shown_s(t) // 3600) & 0xFFFF)
            return {name: truth[name] for name in _V1_NAMES if name in truth}
        truth.update({
            "alarms": alarm_mask(standing) & (1 << self.fault_bits) - 1,
            "balancing": int(battery.balance_state != BALANCE_OFF),
            "charger_plugged": self.charger_plugged,
            "acc_status": self.acc_status,
            "charge_request_voltage": battery.target_mv() * battery.cells.count // 100 * 100,
            "charge_request_current": battery.settings["max_charge_current"] // 100 * 100,
            "charge_request": battery.charge_mos,
            "charge_request_heating": battery.heating,
        })
        return truth


_V1_NAMES = (
    "pack_voltage", "current", "soc", "discharge_time", "cell_voltage_max", "cell_voltage_min", "cell_max_number",
    "cell_min_number", "temperature_max", "temperature_min", "temperature_max_index", "temperature_min_index",
    "temperature_average", "alarm_levels",
)
