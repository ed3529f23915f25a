"""A sunny day at a house with solar panels: what its bank is asked to take or give, and the room's warmth."""

from __future__ import annotations

import math

from .noise import noise

# Hour -> state of charge in percent this bank usually has then; only the start of a run uses it.
_USUAL_SOC = ((0, 63), (6, 50), (8, 47), (10, 58), (12, 78), (14, 95), (15, 99), (17.5, 99), (20, 87),
              (24, 63))


class Day:
    """The surroundings of a bank as functions of time.

    `t` is seconds since midnight of the first day; it may run over many days. Currents are in ampere per
    ampere-hour of the bank's capacity (so banks of any size live the same day), positive = charging. `seed`
    varies the clouds.
    """

    def __init__(self, seed: int = 0, season_degc: float = 19.0, solar_peak: float = 0.19) -> None:
        self.seed = seed
        self.season_degc = season_degc
        self.solar_peak = solar_peak

    def solar(self, t: float) -> float:
        """What the panels offer, A/Ah: a bell from 7 to 19 o'clock with passing clouds."""
        hour = t / 3600 % 24
        if not 7 < hour < 19:
            return 0.0
        bell = math.sin((hour - 7) / 12 * math.pi) ** 1.5
        cloud = noise(self.seed, int(t // 240), 1)
        shade = 1 - 0.6 * max(0.0, cloud - 0.55) / 0.45
        return self.solar_peak * bell * shade

    def load(self, t: float) -> float:
        """What the house draws, A/Ah: a base, breakfast, a long evening, and a kettle now and then."""
        hour = t / 3600 % 24
        load = 0.018
        if 6.5 < hour < 8.5:
            load += 0.035
        if 17.5 < hour < 23:
            load += 0.055 * math.sin((hour - 17.5) / 5.5 * math.pi) + 0.02
        if noise(self.seed, int(t // 180), 2) > 0.93:
            load += 0.09
        return load

    def wish(self, t: float) -> float:
        """Net current the surroundings ask the bank to take (positive) or give (negative), A/Ah."""
        return self.solar(t) - self.load(t)

    def room_degc(self, t: float) -> float:
        """Air around the packs in degC: coldest at 5, warmest at 17 o'clock."""
        return self.season_degc - 4.0 * math.cos((t / 3600 - 5) / 24 * 2 * math.pi)

    @staticmethod
    def usual_soc(t: float) -> float:
        """A believable state of charge in percent to start with at `t`."""
        hour = t / 3600 % 24
        for (h0, s0), (h1, s1) in zip(_USUAL_SOC, _USUAL_SOC[1:], strict=False):
            if hour <= h1:
                return s0 + (s1 - s0) * (hour - h0) / (h1 - h0)
        return _USUAL_SOC[-1][1]
