"""The cells of one pack: charge, voltages, temperatures. Physics only; the BMS is in battery.py."""

from __future__ import annotations

from .chemistry import Chemistry
from .noise import noise, wobble

_R0_AH = 0.070  # ohm x Ah: 0.25 mOhm for a 280 Ah cell, the part of the voltage drop that is there at once
_R1_AH = 0.140  # ohm x Ah: the part that builds up and dies away within minutes
_R1_SECONDS = 400.0
_PROBE_SECONDS = 5400.0  # a block of cells takes hours to warm through
_MOS_SECONDS = 600.0


class Cells:
    """`count` cells in series.

    Public state: charge (list, percent of each cell's own capacity), voltages (list, mV as float),
    probes_degc (list of four), mos_degc, heater (degC per hour the heating mats add). `spread` is the
    half-width of the cells' charge differences in percent.
    """

    def __init__(
        self,
        count: int,
        chemistry: Chemistry,
        capacity_ah: float,
        soc: float,
        room_degc: float,
        seed: int = 0,
        spread: float = 0.12,
    ) -> None:
        self.count = count
        self.chemistry = chemistry
        self.capacity_ah = capacity_ah
        self.charge = [soc + spread * wobble(seed, i, 11) for i in range(count)]
        self._r0 = [_R0_AH / capacity_ah * (1 + 0.08 * wobble(seed, i, 12)) for i in range(count)]
        self._r1 = [_R1_AH / capacity_ah * (1 + 0.08 * wobble(seed, i, 13)) for i in range(count)]
        self._sag = 0.0  # ampere that flowed lately, smoothed: drives the slow part of the voltage drop
        self._probe_offset = [1.2 * noise(seed, i, 14) for i in range(4)]
        self.probes_degc = [room_degc + offset + 0.5 for offset in self._probe_offset]
        self.mos_degc = room_degc + 4
        self.heater = 0.0
        # 50..100 mOhm: every second balance wire takes the longer way (as in the recorded frames)
        self.wire_mohm = [52 + 3 * (i & 1) + i + int(6 * noise(seed, i, 15)) for i in range(count)]
        self.voltages: list[float] = []
        self.settle(0.0)

    def rest_mv(self) -> tuple[float, float]:
        """Mean voltage in mV the cells would show at once if the current stopped, and mean R0 in ohm."""
        r1 = sum(self._r1) / self.count
        rest = sum(self.chemistry.open_circuit_mv(charge) for charge in self.charge) / self.count
        return rest + 1000 * r1 * self._sag, sum(self._r0) / self.count

    def step(self, seconds: float, ampere: float, room_degc: float) -> None:
        """Let `ampere` (positive = charging) flow for `seconds`; voltages and temperatures follow."""
        gained = ampere * seconds / 36.0 / self.capacity_ah
        self.charge = [charge + gained for charge in self.charge]
        self._sag += (ampere - self._sag) * min(1.0, seconds / _R1_SECONDS)
        rate = ampere / self.capacity_ah
        warmed = room_degc + 0.5 + 75 * rate * rate
        share = min(1.0, seconds / _PROBE_SECONDS)
        for i, offset in enumerate(self._probe_offset):
            drift = (warmed + offset - self.probes_degc[i]) * share
            self.probes_degc[i] += drift + self.heater * seconds / 3600
        mos_target = room_degc + 4 + 14 * (ampere / 100) ** 2
        self.mos_degc += (mos_target - self.mos_degc) * min(1.0, seconds / _MOS_SECONDS)
        self.settle(ampere)

    def move(self, source: int, target: int, ampere_seconds: float) -> None:
        """The balancer carries charge from cell `source` to `target` (0-based) and loses a tenth of it."""
        percent = ampere_seconds / 36.0 / self.capacity_ah
        self.charge[source] -= percent
        self.charge[target] += 0.9 * percent

    def settle(self, ampere: float) -> None:
        """Show the voltages at once when the current changes to `ampere`."""
        curve = self.chemistry.open_circuit_mv
        sag = self._sag
        self.voltages = [
            max(0.0, curve(charge) + 1000 * (r0 * ampere + r1 * sag))
            for charge, r0, r1 in zip(self.charge, self._r0, self._r1, strict=True)
        ]
