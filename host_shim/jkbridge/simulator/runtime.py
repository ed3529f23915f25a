"""How long a BMS has run and what its clock says. Driven by a supplied time only."""

from __future__ import annotations

from .noise import whole

_DAY_ONE = 172_627_200  # 2025-06-21 00:00 in seconds since 2020-01-01
_STORED_EVERY_S = 300  # how often the run time is written away (section 6, odd_run_time)


class RunTime:
    """Counters of one BMS that is first looked at at `start_s`. `t` is seconds since midnight everywhere.

    power_on_count: how often it was started.
    """

    def __init__(self, start_s: float, seed: int) -> None:
        self._first_s = whole(1_000_000, 40_000_000, seed, 26)
        self._first_ticks = whole(20_000, 10 * self._first_s, seed, 27)
        self._since_s = start_s
        self._clock_shift_s = 0
        self.power_on_count = whole(3, 60, seed, 29)

    def exact_s(self, t: float) -> float:
        """Run time in s at `t`, with its fraction."""
        return self._first_s + (t - self._since_s)

    def shown_s(self, t: float) -> int:
        """Run time in whole s at `t`."""
        return self._first_s + int(t - self._since_s)

    def stored_s(self, t: float) -> int:
        """Run time in s as it survives a restart at `t`."""
        return self.shown_s(t) // _STORED_EVERY_S * _STORED_EVERY_S

    def ticks(self, t: float) -> int:
        """Ticks of 0.1 s since it was started, at `t`."""
        return (self._first_ticks + int(10 * (t - self._since_s) + 1e-6)) & 0xFFFFFFFF

    def restart(self, t: float) -> None:
        """Its processor starts again at `t`."""
        self._first_s = self.stored_s(t)
        self._first_ticks = 0
        self._since_s = t
        self.power_on_count += 1

    def set_clock(self, seconds: int, t: float) -> None:
        """Its clock shows `seconds` since 2020 at `t`."""
        self._clock_shift_s = seconds - _DAY_ONE - int(t)

    def clock_s(self, t: float) -> int:
        """Seconds since 2020 its clock shows at `t`."""
        return (_DAY_ONE + int(t) + self._clock_shift_s) & 0xFFFFFFFF
