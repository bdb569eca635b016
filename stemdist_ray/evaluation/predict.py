"""Stream a split through a forecaster in batches that fit a memory budget.

Axis letters: W windows, H horizon, N locations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.scaler import Scaler
from stemdist_ray.data.windows import WindowBase, WindowedSeries
from stemdist_ray.evaluation.metrics import ErrorSums, Metrics, TargetBatch, TargetStatistics
from stemdist_ray.forecasters.base_class import Forecaster

if TYPE_CHECKING:  # it brings all readers, which a served forecaster needs none of
    from stemdist_ray.data.prepared import PreparedSource

MEMORY_BUDGET = 96 * 2**20  # bytes of activations per batch; more only falls out of the caches

Predictor = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
"""Window starts to (W, H, N) forecasts, scaled."""


@dataclass(frozen=True)
class EvaluationWindows:
    """Some windows of a split with all that scoring forecasts of them needs.

    Args:
        windows: The scaled series.
        scaler: Gives readings and forecasts their units back.
        starts: (W,) window starts.
        statistics: Of their targets, original units.
    """

    windows: WindowedSeries
    scaler: Scaler
    starts: npt.NDArray[np.int64]
    statistics: TargetStatistics

    @classmethod
    def of(
        cls,
        source: PreparedSource,
        starts: npt.NDArray[np.int64],
        statistics: TargetStatistics | None = None,
    ) -> EvaluationWindows:
        """The windows that begin at ``starts``, (W,), with the statistics of their targets.

        Args:
            source: The prepared series.
            starts: (W,) window starts.
            statistics: Where they are known already; else they are collected here.
        """
        windows, scaler = source.windows, source.scaler
        if statistics is not None:
            return cls(windows, scaler, starts, statistics)
        numbers = (windows.lookback + windows.horizon) * windows.num_locations

        def targets() -> Iterator[TargetBatch]:
            for some in batches(starts, max(1, MEMORY_BUDGET // (8 * numbers))):
                scaled, seen = windows.targets(some)
                y = scaler.inverse(scaled, windows.target)
                yield y, np.ones(y.shape, bool) if seen is None else seen

        return cls(windows, scaler, starts, TargetStatistics.collect(targets, windows.horizon))

    def compact(self) -> EvaluationWindows:
        """The same windows over a series that holds nothing else, to be sent elsewhere."""
        length = self.windows.lookback + self.windows.horizon
        steps = (self.starts[:, None] + np.arange(length)).ravel()
        starts = np.arange(len(self.starts), dtype=np.int64) * length
        return replace(self, windows=self.windows.take(steps), starts=starts)

    def with_base(self, base: WindowBase | None) -> EvaluationWindows:
        """The same windows with another base, or none."""
        return replace(self, windows=replace(self.windows, base=base))

    def every(self, size: int, first: int) -> EvaluationWindows:
        """The windows at ``first``, ``first + size``, ...; the statistics stay those of all."""
        return replace(self, starts=self.starts[first::size])

    def score(self, predict: Predictor, batch: int) -> Metrics:
        """Score a predictor, ``batch`` windows at a time."""
        return self.errors(predict, batch).metrics(self.statistics)

    def errors(self, predict: Predictor, batch: int) -> ErrorSums:
        """Add up a predictor's errors, ``batch`` windows at a time."""
        windows, scaler = self.windows, self.scaler
        sums = ErrorSums(windows.horizon)
        for starts in batches(self.starts, batch):
            forecast = predict(starts)
            y, observed = windows.targets(starts)
            sums.add(
                scaler.inverse(forecast, windows.target),
                scaler.inverse(y, windows.target),
                observed,
            )
        return sums


def batches(starts: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    """Cut window starts into consecutive batches."""
    for first in range(0, len(starts), size):
        yield starts[first : first + size]


def windows_per_batch(model: Forecaster, num_locations: int, budget: int = MEMORY_BUDGET) -> int:
    """How many windows of all locations fit the memory budget (at least one)."""
    return max(1, budget // (4 * model.activation_floats() * num_locations))


def forecast_windows(
    model: Forecaster,
    x: npt.NDArray[np.float32],
    mean_window: npt.NDArray[np.float32],
    device: torch.device | str = "cpu",
    graph: LocationGraph | None = None,
) -> npt.NDArray[np.float32]:
    """Forecast windows that are at hand, in batches that fit the memory budget.

    Args:
        model: The forecaster, in eval mode.
        x: (W, L, N, F) scaled inputs.
        mean_window: (N, L, F) mean windows of the N locations.
        device: Where the model lives.
        graph: Between the N locations, for a model that was built for one.

    Returns:
        (W, H, N) scaled forecasts.
    """
    step = windows_per_batch(model, x.shape[2])
    with torch.no_grad():
        state = model.encode_with(torch.tensor(mean_window, device=device), graph)
        pieces = [
            model.predict(torch.tensor(x[first : first + step], device=device), state).cpu()
            for first in range(0, len(x), step)
        ]
    return np.asarray(torch.cat(pieces).numpy())


def score_forecaster(
    model: Forecaster,
    windows: EvaluationWindows,
    mean_window: npt.NDArray[np.float32],
    device: torch.device | str = "cpu",
) -> Metrics:
    """Score a forecaster in eval mode on all locations, on top of the windows' base if any.

    Args:
        model: The forecaster.
        windows: What to score it on.
        mean_window: (N, L, F) mean train windows of all locations.
        device: Where the model lives.
    """
    return forecaster_errors(model, windows, mean_window, device).metrics(windows.statistics)


def forecaster_errors(
    model: Forecaster,
    windows: EvaluationWindows,
    mean_window: npt.NDArray[np.float32],
    device: torch.device | str = "cpu",
) -> ErrorSums:
    """Add up the errors of :func:`score_forecaster`, to be joined with those of other windows."""
    model.eval()
    series = windows.windows
    with torch.no_grad():
        state = model.encode_with(torch.tensor(mean_window, device=device), series.graph)

        def predict(starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
            batch = series.batch(starts, device=device)
            forecast = model.predict(batch.x, state)
            if batch.base is not None:
                forecast = forecast + batch.base
            return np.asarray(forecast.cpu().numpy())

        return windows.errors(predict, windows_per_batch(model, series.num_locations))
