"""Trivial forecasters that every result is shown beside.

Axis letters: T steps, W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
from scipy import linalg

from stemdist_ray.data.covariates import time_of_day
from stemdist_ray.data.windows import PreparedData
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows

_DAY = np.timedelta64(1, "D")
_VALUES_PER_BATCH = 16_000_000


class NaiveForecaster(ABC):
    """A forecaster fitted in closed form on the train split.

    Args:
        data: The prepared series.
    """

    name: str

    def __init__(self, data: PreparedData) -> None:
        self.data = data

    @abstractmethod
    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Forecast (W, H, N) scaled values for the windows that begin at ``starts``."""

    def score(self, windows: EvaluationWindows) -> Metrics:
        """Judge the forecaster."""
        series = self.data.windows
        per_window = series.num_locations * (series.lookback + series.horizon)
        return windows.score(self.predict, max(1, _VALUES_PER_BATCH // per_window))


class LastValue(NaiveForecaster):
    """Repeat the last observed reading of the lookback; the train mean where there is none."""

    name = "last_value"

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`NaiveForecaster`."""
        series = self.data.windows
        last = np.zeros((len(starts), series.num_locations), np.float32)
        for offset in range(series.lookback):
            values = series.inputs[starts + offset, :, series.target]
            if series.input_mask is None:
                last = values
            else:
                seen = series.input_mask[starts + offset, :, series.target]
                last = np.where(seen, values, last)
        return np.repeat(last[:, None, :], series.horizon, axis=1)


class HistoricalAverage(NaiveForecaster):
    """Mean of the train readings of a location in the same season.

    The season is the time of day where steps are shorter than a day, the month where they are
    about a month, and the whole train split otherwise or without time stamps.
    """

    name = "historical_average"

    def __init__(self, data: PreparedData) -> None:
        super().__init__(data)
        self.season = seasons(data.times, len(data.windows.inputs))
        series, steps = data.windows, data.train_steps
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
        """See :class:`NaiveForecaster`."""
        series = self.data.windows
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


class RidgeOnLags(NaiveForecaster):
    """Linear regression from the lookback to each horizon step, shared by all locations.

    Fitted on all train windows and locations whose target was observed, by normal equations that
    are added up step by step, so that no window is ever stored.
    """

    name = "ridge"
    penalty = 1.0

    def __init__(self, data: PreparedData) -> None:
        super().__init__(data)
        series, starts = data.windows, data.starts["train"]
        width = series.lookback * series.num_features + 1
        gram = np.zeros((series.horizon, width, width))
        moment = np.zeros((series.horizon, width))
        step = max(1, _VALUES_PER_BATCH // (series.num_locations * width))
        for first in range(0, len(starts), step):
            self._accumulate(starts[first : first + step], gram, moment)
        # The intercept is not shrunk.
        shrink = np.diag([*[self.penalty] * (width - 1), 1e-9])
        self.weights = np.stack(
            [linalg.solve(g + shrink, m, assume_a="pos") for g, m in zip(gram, moment, strict=True)]
        ).astype(np.float32)

    def _accumulate(
        self,
        starts: npt.NDArray[np.int64],
        gram: npt.NDArray[np.float64],
        moment: npt.NDArray[np.float64],
    ) -> None:
        batch = self.data.windows.batch(starts)
        lags = _design(batch.x.numpy()).reshape(-1, gram.shape[1]).astype(np.float64)
        targets = batch.y.numpy().transpose(1, 0, 2).reshape(len(gram), -1)
        if batch.observed is None:
            gram += lags.T @ lags
            moment += targets @ lags
            return
        observed = batch.observed.numpy().transpose(1, 0, 2).reshape(len(gram), -1)
        for step, seen in enumerate(observed):
            kept = lags[seen]
            gram[step] += kept.T @ kept
            moment[step] += targets[step, seen] @ kept

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`NaiveForecaster`."""
        return self.forecast(self.data.windows.batch(starts).x.numpy())

    def forecast(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Forecast from any scaled inputs, real or synthetic.

        Args:
            x: (W, L, N, F).

        Returns:
            (W, H, N).
        """
        return np.asarray((_design(x) @ self.weights.T).transpose(0, 2, 1))


def _design(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(W, N, L * F + 1) lags and a one, from (W, L, N, F) inputs."""
    x = x.transpose(0, 2, 1, 3)
    lags = x.reshape(*x.shape[:2], -1)
    return np.concatenate([lags, np.ones((*lags.shape[:2], 1), np.float32)], axis=2)


NAIVE: tuple[type[NaiveForecaster], ...] = (LastValue, HistoricalAverage, RidgeOnLags)
