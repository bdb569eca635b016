"""Known inputs that follow from the time stamps: the calendar.

Axis letters: T steps, C calendar columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.series import sampling_step
from stemdist_ray.errors import DataError

_DAY = np.timedelta64(1, "D")

Times = npt.NDArray[np.datetime64]
Column = npt.NDArray[np.float64]


def time_of_day(times: Times) -> Column:
    """Share of the day that has passed, in [0, 1), per time stamp."""
    return np.asarray((times - times.astype("datetime64[D]")) / _DAY, dtype=np.float64)


def day_of_week(times: Times) -> npt.NDArray[np.int64]:
    """Day of the week per time stamp, Monday = 0."""
    # 1970-01-01 was a Thursday.
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7


def time_of_year(times: Times) -> Column:
    """Share of the year that has passed, in [0, 1), per time stamp."""
    year = times.astype("datetime64[Y]")
    length = (year + 1).astype("datetime64[ns]") - year.astype("datetime64[ns]")
    return np.asarray((times - year) / length, dtype=np.float64)


def _sine(share: Callable[[Times], Column]) -> Callable[[Times], Column]:
    return lambda times: np.sin(2 * np.pi * share(times))


def _cosine(share: Callable[[Times], Column]) -> Callable[[Times], Column]:
    return lambda times: np.cos(2 * np.pi * share(times))


def _weekday_share(times: Times) -> Column:
    return day_of_week(times) / 7.0


def _weekend(times: Times) -> Column:
    return (day_of_week(times) >= 5).astype(np.float64)


# Angles as sine and cosine: 23:55 lies beside 0:00, and every value lies in [-1, 1].
_COLUMNS: dict[str, Callable[[Times], Column]] = {
    "time_of_day_sin": _sine(time_of_day),
    "time_of_day_cos": _cosine(time_of_day),
    "day_of_week_sin": _sine(_weekday_share),
    "day_of_week_cos": _cosine(_weekday_share),
    "weekend": _weekend,
    "time_of_year_sin": _sine(time_of_year),
    "time_of_year_cos": _cosine(time_of_year),
}


@dataclass(frozen=True)
class CalendarRule:
    """Which calendar columns the inputs have.

    Args:
        columns: C names.
    """

    columns: tuple[str, ...] = ()

    @classmethod
    def find(
        cls,
        covariates: Sequence[str] | Literal["auto"],
        times: Times | None,
        train_steps: int,
        name: str,
    ) -> CalendarRule:
        """Find the columns of some covariates: those of which train has seen all that comes.

        A network that has met four weekdays knows nothing of the other three, so the days of the
        week are told apart only where train holds all of them; otherwise weekdays and weekends
        are, where train holds both. Months likewise.

        Args:
            covariates: Names, or "auto" for what the sampling suggests: time of day and day of
                week for steps shorter than a day, month of the year for longer ones.
            times: (T,) time stamps or None.
            train_steps: Steps of the train split.
            name: Of the series, for messages.

        Raises:
            DataError: Covariates are asked for and there are no time stamps.
        """
        step = sampling_step(times)
        if covariates == "auto":
            if times is None or step is None:
                return cls()
            covariates = ("time_of_day", "day_of_week") if step < _DAY else ("month_of_year",)
        if not covariates:
            return cls()
        if times is None:
            raise DataError(
                f"{name}: covariates {list(covariates)} need time stamps and there are none; "
                "give data.start and data.sampling_step, or leave data.covariates at auto"
            )
        train, columns = times[:train_steps], []
        if "time_of_day" in covariates:
            columns += ["time_of_day_sin", "time_of_day_cos"]
        if "day_of_week" in covariates:
            days = np.unique(day_of_week(train))
            if len(days) == 7:
                columns += ["day_of_week_sin", "day_of_week_cos"]
            if len(np.unique(days >= 5)) == 2:
                columns += ["weekend"]
        if "month_of_year" in covariates:
            months = np.unique(train.astype("datetime64[M]").astype(np.int64) % 12)
            if len(months) == 12:
                columns += ["time_of_year_sin", "time_of_year_cos"]
        return cls(tuple(columns))

    def encode(self, times: Times | None) -> npt.NDArray[np.float32] | None:
        """The columns, (T, C) float32 in [-1, 1]; None where there are none."""
        if not self.columns:
            return None
        assert times is not None
        return np.stack([_COLUMNS[name](times) for name in self.columns], axis=1).astype(np.float32)
