"""The mean of the same season in the past."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.covariates import time_of_day
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster

_DAY = np.timedelta64(1, "D")


class HistoricalAverage(ClosedFormForecaster):
    """Mean of the train readings of a location in the same season.

    The season is the time of day where steps are shorter than a day, the month where they are
    about a month, and the whole train split otherwise or without time stamps.
    """

    def __init__(self, source: PreparedSource) -> None:
        super().__init__(source)
        self.season = seasons(source.times, len(source.windows.inputs))
        series, steps = source.windows, source.train_steps
        values = series.inputs[:steps, :, series.target].astype(np.float64)
        seen = np.ones(values.shape, bool)
        if series.input_mask is not None:
            seen = series.input_mask[:steps, :, series.target]
        count = int(self.season.max()) + 1
        total, weight = np.zeros((2, count, series.num_locations))
        np.add.at(total, self.season[:steps], np.where(seen, values, 0))
        np.add.at(weight, self.season[:steps], seen)
        overall = total.sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
        # A season that train never saw falls back on the location's overall mean.
        mean = np.divide(total, weight, out=np.tile(overall, (count, 1)), where=weight > 0)
        self.table = mean.astype(np.float32)

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`ClosedFormForecaster`."""
        series = self.source.windows
        rows = starts[:, None] + series.lookback + np.arange(series.horizon)
        return np.asarray(self.table[self.season[rows]])


def seasons(times: npt.NDArray[np.datetime64] | None, steps: int) -> npt.NDArray[np.int64]:
    """Season number of every step; all zero where the sampling suggests none."""
    if times is None or steps < 2:
        return np.zeros(steps, np.int64)
    step = np.timedelta64(int(np.median(np.diff(times).astype(np.int64))), "ns")
    if step < _DAY:
        slots = round(_DAY / step)
        return np.floor(time_of_day(times) * slots + 0.5).astype(np.int64) % slots
    if np.timedelta64(27, "D") <= step <= np.timedelta64(32, "D"):
        return times.astype("datetime64[M]").astype(np.int64) % 12
    return np.zeros(steps, np.int64)
