"""The mean of the same season in the past."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster

_STEPS_PER_BLOCK = 1024  # bounds the memory beside the series


class HistoricalAverage(ClosedFormForecaster):
    """Mean of the train readings of a location at the same place of the season.

    The season is the source's (``data.season``, or what its time stamps suggest), without regard
    to day types; the whole train split where there is none.
    """

    def __init__(self, source: PreparedSource) -> None:
        super().__init__(source)
        self.slots = source.season.slot(source.times, np.arange(source.num_steps))
        series, steps = source.windows, source.train_steps
        count = source.season.slots
        total, weight = np.zeros((2, count, series.num_locations))
        for first in range(0, steps, _STEPS_PER_BLOCK):
            rows = slice(first, min(steps, first + _STEPS_PER_BLOCK))
            values = series.inputs[rows, :, series.target].astype(np.float64)
            seen = np.ones(values.shape, bool)
            if series.input_mask is not None:
                seen = series.input_mask[rows, :, series.target]
            np.add.at(total, self.slots[rows], np.where(seen, values, 0))
            np.add.at(weight, self.slots[rows], seen)
        overall = total.sum(axis=0) / np.maximum(weight.sum(axis=0), 1)
        # A slot that train never saw falls back on the location's overall mean.
        mean = np.divide(total, weight, out=np.tile(overall, (count, 1)), where=weight > 0)
        self.table = mean.astype(np.float32)

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`ClosedFormForecaster`."""
        series = self.source.windows
        rows = starts[:, None] + series.lookback + np.arange(series.horizon)
        return np.asarray(self.table[self.slots[rows]])
