"""Forecast errors over observed targets, in original units.

Axis letters: W windows, H horizon, N locations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

METRIC_NAMES = ("relative_rmse", "relative_mae", "mae", "rmse", "mape")


@dataclass(frozen=True)
class Metrics:
    """Errors of one forecaster on one split.

    Args:
        relative_rmse: sqrt(sum e^2 / sum (mean(y) - y)^2); 1 = as bad as the mean (paper).
        relative_mae: sum |e| / sum |mean(y) - y| (paper).
        mae: Mean absolute error, unit of the target.
        rmse: Root mean squared error, unit of the target.
        mape: Mean absolute percentage error over targets that are not zero, percent;
            NaN when all of them are zero.
        per_horizon: The same five per horizon step, H numbers each; the relative
            ones use the mean of that step's targets.
    """

    relative_rmse: float
    relative_mae: float
    mae: float
    rmse: float
    mape: float
    per_horizon: dict[str, tuple[float, ...]]


TargetBatch = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]
"""(W, H, N) targets in original units, and whether they were observed."""


@dataclass
class TargetStatistics:
    """How far the targets of a split lie from their mean; computed once per split.

    Args:
        mean: Mean of all observed targets.
        step_mean: (H,) the same per horizon step.
        absolute: Sum of |y - mean|, over all observed targets.
        squared: Sum of (y - mean)^2.
        step_absolute: (H,) sum of |y - step_mean|.
        step_squared: (H,) sum of (y - step_mean)^2.
    """

    mean: float
    step_mean: npt.NDArray[np.float64]
    absolute: float
    squared: float
    step_absolute: npt.NDArray[np.float64]
    step_squared: npt.NDArray[np.float64]

    @classmethod
    def collect(
        cls, batches: Callable[[], Iterable[TargetBatch]], horizon: int
    ) -> TargetStatistics:
        """Collect from batches of windows, which are asked for twice.

        Args:
            batches: Gives (W, H, N) targets in original units, and which of them were observed.
            horizon: H.
        """
        counts, sums = np.zeros(horizon), np.zeros(horizon)
        for y, seen in batches():
            counts += seen.sum(axis=(0, 2))
            sums += np.where(seen, y, 0).sum(axis=(0, 2), dtype=np.float64)
        mean = float(sums.sum() / max(counts.sum(), 1))
        step_mean = sums / np.maximum(counts, 1)
        totals = np.zeros((4, horizon))
        for y, seen in batches():
            for row, center in ((0, np.full(horizon, mean)), (2, step_mean)):
                gap = np.where(seen, y.astype(np.float64) - center[:, None], 0.0)
                totals[row] += np.abs(gap).sum(axis=(0, 2))
                totals[row + 1] += np.square(gap).sum(axis=(0, 2))
        return cls(
            mean=mean,
            step_mean=step_mean,
            absolute=float(totals[0].sum()),
            squared=float(totals[1].sum()),
            step_absolute=totals[2],
            step_squared=totals[3],
        )


class ErrorSums:
    """Adds up errors batch by batch, so that no split has to fit in memory.

    Args:
        horizon: H.
    """

    def __init__(self, horizon: int) -> None:
        self.count = np.zeros(horizon)
        self.absolute = np.zeros(horizon)
        self.squared = np.zeros(horizon)
        self.percent = np.zeros(horizon)
        self.percent_count = np.zeros(horizon)

    def arrays(self) -> tuple[npt.NDArray[np.float64], ...]:
        """The sums themselves, which may be added to in place."""
        return self.count, self.absolute, self.squared, self.percent, self.percent_count

    def add(
        self,
        forecast: npt.NDArray[np.float32],
        target: npt.NDArray[np.float32],
        observed: npt.NDArray[np.bool_] | None,
    ) -> None:
        """Add a batch of (W, H, N) forecasts and targets in original units."""
        target = target.astype(np.float64)
        seen = np.ones(target.shape, bool) if observed is None else observed
        error = np.where(seen, np.abs(forecast - target), 0.0)
        size = np.abs(target)
        usable = seen & (size > 0)
        axes = (0, 2)
        self.count += seen.sum(axis=axes)
        self.absolute += error.sum(axis=axes)
        self.squared += np.square(error).sum(axis=axes)
        self.percent += np.divide(error, size, out=np.zeros_like(error), where=usable).sum(
            axis=axes
        )
        self.percent_count += usable.sum(axis=axes)

    def metrics(self, targets: TargetStatistics) -> Metrics:
        """Turn the sums into metrics."""
        total = self.count.sum()
        per_horizon = {
            "relative_rmse": np.sqrt(_divide(self.squared, targets.step_squared)),
            "relative_mae": _divide(self.absolute, targets.step_absolute),
            "mae": _divide(self.absolute, self.count),
            "rmse": np.sqrt(_divide(self.squared, self.count)),
            "mape": 100 * _divide(self.percent, self.percent_count),
        }
        return Metrics(
            relative_rmse=math.sqrt(_ratio(self.squared.sum(), targets.squared)),
            relative_mae=_ratio(self.absolute.sum(), targets.absolute),
            mae=_ratio(self.absolute.sum(), total),
            rmse=math.sqrt(_ratio(self.squared.sum(), total)),
            mape=100 * _ratio(self.percent.sum(), self.percent_count.sum()),
            per_horizon={k: tuple(v.tolist()) for k, v in per_horizon.items()},
        )


def _divide(
    numerator: npt.NDArray[np.float64], denominator: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    nowhere = np.full_like(numerator, np.nan)
    return np.divide(numerator, denominator, out=nowhere, where=denominator > 0)


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else math.nan


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation of each metric over repeats (std 0 for one repeat).

    Args:
        values: ``{"rmse": {"mean": ..., "std": ...}, ...}`` for the five metrics.
        per_horizon: ``{"rmse": {"mean": [...], "std": [...]}, ...}``, H numbers each.
        repeats: How many were averaged.
    """

    values: dict[str, dict[str, float]]
    per_horizon: dict[str, dict[str, list[float]]]
    repeats: int

    @classmethod
    def of(cls, repeats: Iterable[Metrics]) -> Summary:
        """Summarise repeats; the standard deviation is that of the sample (n - 1)."""
        items = list(repeats)
        ddof = 1 if len(items) > 1 else 0
        values, per_horizon = {}, {}
        for name in METRIC_NAMES:
            numbers = np.array([getattr(m, name) for m in items])
            steps = np.array([m.per_horizon[name] for m in items])
            values[name] = {"mean": float(numbers.mean()), "std": float(numbers.std(ddof=ddof))}
            per_horizon[name] = {
                "mean": steps.mean(axis=0).tolist(),
                "std": steps.std(axis=0, ddof=ddof).tolist(),
            }
        return cls(values, per_horizon, len(items))

    def to_json(self) -> dict[str, object]:
        """The metric keys at top level, ``per_horizon`` beside them."""
        return {**self.values, "per_horizon": self.per_horizon, "repeats": self.repeats}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Summary:
        """Read what :meth:`to_json` wrote; null stands for NaN. Other keys are left alone."""
        values = {
            name: {part: _number(value) for part, value in tree[name].items()}
            for name in METRIC_NAMES
        }
        per_horizon = {
            name: {part: [_number(v) for v in numbers] for part, numbers in parts.items()}
            for name, parts in tree["per_horizon"].items()
        }
        return cls(values, per_horizon, int(tree["repeats"]))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
