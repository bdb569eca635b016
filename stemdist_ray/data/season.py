"""Where a step stands in its season: slot of the day and day type, month, or step of a period.

Axis letters: T steps, S slots of a season.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.covariates import day_of_week, time_of_day
from stemdist_ray.data.series import sampling_step

Steps = npt.NDArray[np.int64]
Times = npt.NDArray[np.datetime64]

_DAY = np.timedelta64(1, "D")
_MONTH = (np.timedelta64(27, "D"), np.timedelta64(32, "D"))


@dataclass(frozen=True)
class SeasonRule:
    """How the place of a step in its season follows from its time stamp, or from its number.

    Args:
        unit: What a slot is: a part of the "day", a day of the "week", a month of the "year", one
            of the "steps" of a period; "none" where the sampling suggests no season.
        slots: S, slots of the season; 1 for "none".
        day_types: Whether weekdays and weekends have slots of their own.
    """

    unit: Literal["none", "day", "week", "year", "steps"] = "none"
    slots: int = 1
    day_types: bool = False

    @classmethod
    def find(cls, times: Times | None, period: int | None, train_steps: int) -> SeasonRule:
        """Find the rule that the sampling of a series suggests.

        Args:
            times: (T,) time stamps or None.
            period: Steps per season, from the settings; it wins over the time stamps.
            train_steps: Only day types that the train split has seen are told apart.
        """
        if period is not None:
            return cls("steps", period) if period > 1 else cls()
        step = sampling_step(times)
        if times is None or step is None:
            return cls()
        if step < _DAY:
            seen = np.unique(day_of_week(times[:train_steps]) >= 5)
            return cls("day", round(_DAY / step), day_types=len(seen) == 2)
        if step == _DAY:
            return cls("week", 7)
        if _MONTH[0] <= step <= _MONTH[1]:
            return cls("year", 12)
        return cls()

    @property
    def size(self) -> int:
        """Number of places: S, or 2 S with day types."""
        return self.slots * (2 if self.day_types else 1)

    @property
    def needs_times(self) -> bool:
        """Whether a place follows from the time stamp, and not from the number of the step."""
        return self.unit in ("day", "week", "year")

    def slot(self, times: Times | None, steps: Steps) -> Steps:
        """Slot of every step, whatever the day type.

        Args:
            times: (T,) time stamps; may be None where the rule does not need them.
            steps: (T,) numbers of the steps, 0 = the first of the series.

        Returns:
            (T,) int64 in [0, S).
        """
        if self.unit == "none":
            return np.zeros(len(steps), np.int64)
        if self.unit == "steps":
            return np.asarray(steps) % self.slots
        assert times is not None
        if self.unit == "day":
            # Rounded, so that stamps a few seconds late fall into the slot they belong to.
            return np.floor(time_of_day(times) * self.slots + 0.5).astype(np.int64) % self.slots
        if self.unit == "week":
            return day_of_week(times)
        return times.astype("datetime64[M]").astype(np.int64) % 12

    def place(self, times: Times | None, steps: Steps) -> Steps:
        """Place of every step: its slot, S more on a weekend where day types are told apart.

        Args:
            times: As for :meth:`slot`.
            steps: As for :meth:`slot`.

        Returns:
            (T,) int64 in [0, size).
        """
        slot = self.slot(times, steps)
        if not self.day_types:
            return slot
        assert times is not None
        return slot + self.slots * (day_of_week(times) >= 5)

    def number(self, times: Times | None, steps: Steps) -> Steps:
        """Which season a step belongs to, e.g. its day: (T,) int64 that increase with time."""
        if self.unit == "none":
            return np.zeros(len(steps), np.int64)
        if self.unit == "steps":
            return np.asarray(steps) // self.slots
        assert times is not None
        days = times.astype("datetime64[D]").astype(np.int64)
        if self.unit == "day":
            return days
        if self.unit == "week":
            return (days + 3) // 7
        return times.astype("datetime64[Y]").astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def describe_season(values: npt.NDArray[np.float32], times: Times | None) -> dict[str, Any]:
    """What is taken for the season of a series, and what its readings suggest.

    Args:
        values: (T, N) readings of one feature, NaN where missing.
        times: (T,) time stamps or None.

    Returns:
        ``unit`` and ``slots`` of the rule that the time stamps give, ``proposed_period`` in steps
        and its ``autocorrelation`` (None where none stands out).
    """
    rule, found = SeasonRule.find(times, None, len(values)), propose_period(values)
    return {
        "unit": rule.unit,
        "slots": rule.slots,
        "proposed_period": None if found is None else found[0],
        "autocorrelation": None if found is None else found[1],
    }


def propose_period(values: npt.NDArray[np.float32], most: int = 2000) -> tuple[int, float] | None:
    """Find a period in the autocorrelation of the mean over locations.

    The proposal is the first lag that is a local maximum of the autocorrelation and nearly as high
    as the highest one: multiples of a period correlate as well as the period itself.

    Args:
        values: (T, N) readings of one feature, NaN where missing.
        most: Longest lag looked at, and at most a third of T, so that a period is seen three times.

    Returns:
        The period in steps and its autocorrelation, None where none stands out.
    """
    with np.errstate(invalid="ignore"):
        seen = ~np.isnan(values)
        mean = np.where(seen, values, 0).sum(axis=1, dtype=np.float64) / np.maximum(
            seen.sum(axis=1), 1
        )
    longest = min(most, len(mean) // 3)
    if longest < 3:
        return None
    x = mean - mean.mean()
    spectrum = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    total = np.fft.irfft(spectrum)[: longest + 1]
    if total[0] <= 0:
        return None
    # Divided by the pairs there are at each lag: longer lags are not held to be weaker.
    correlation = total / total[0] * len(x) / (len(x) - np.arange(longest + 1))
    inner = np.arange(2, longest)
    before, here, after = (correlation[inner + shift] for shift in (-1, 0, 1))
    # Noise makes peaks on the way down, too; before a period comes round there is a valley.
    fallen = here - np.minimum.accumulate(correlation)[inner] >= _RISE
    peaks = inner[(here > before) & (here >= after) & fallen]
    if len(peaks) == 0 or correlation[peaks].max() < _STANDS_OUT:
        return None
    first = int(peaks[correlation[peaks] >= 0.9 * correlation[peaks].max()][0])
    # On the way up to a flat top noise makes peaks as well; the highest nearby is the top's.
    top = peaks[(peaks >= first) & (peaks <= first + first // 3)]
    period = first = int(top[correlation[top].argmax()])
    # Noise moves a single peak by a step or so; the peaks of its multiples tell it finer.
    for multiple in range(2, longest // period + 1):
        # Never as far as halfway to the next one, which would pull short periods down to nothing.
        far = max(1, min(multiple, period // 3))
        near = np.arange(multiple * period - far, multiple * period + far + 1)
        near = near[near <= longest]
        if not len(near):
            break
        period = round(int(near[correlation[near].argmax()]) / multiple)
    if correlation[period] < 0.9 * correlation[first]:
        period = first  # between two short periods
    return period, float(correlation[period])


_RISE = 0.1  # of an autocorrelation above its lowest value at shorter lags
_STANDS_OUT = 0.5  # autocorrelation below which a season is not worth a proposal
