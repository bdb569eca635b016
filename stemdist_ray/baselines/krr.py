"""Windows that carry the ridge regression of all data exactly, in closed form.

Ridge regression of targets on own lags depends on the data by their first and second moments alone.
Real windows are moved as little as their directions allow, so that their lags have the mean and the
covariance of all train windows (of single locations); their targets are what the least-squares map
of all data says of them. So ridge regressions with any penalty on mean squares have the same
solution on both. Axis letters: W windows, L lookback, H horizon, K locations, F features,
D = L F lags, n = W K rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from stemdist_ray.baselines.learned import LearnedOptions, begin
from stemdist_ray.baselines.method import Made, Method, MethodOptions, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import ConfigError
from stemdist_ray.evaluation.predict import batches

Matrix = npt.NDArray[np.float64]

_AT_A_TIME = 2**22  # readings that are gathered together
_SMALL = 1e-9  # of the largest variance: a direction in which lags do not differ


class KrrOptions(MethodOptions):
    """Nothing is learned step by step."""

    locations: Literal["all", "medoids"] = Field(
        "all", description="all N of them, or one per cluster, as this library's own method starts"
    )
    start: Literal["random", "covering"] = Field(
        "random", description="windows to begin with: at random, or spread over time and day"
    )


@dataclass(frozen=True)
class LagMoments:
    """What ridge regression on own lags needs to know of rows.

    Args:
        lags: (D,) mean.
        targets: (H,) mean.
        covariance: (D, D) of the lags.
        cross: (D, H) covariance of lags and targets.
    """

    lags: Matrix
    targets: Matrix
    covariance: Matrix
    cross: Matrix

    @classmethod
    def of_rows(cls, lags: Matrix, targets: Matrix) -> LagMoments:
        """Those of (n, D) and (n, H) rows."""
        return cls.of_sums(*_sums(lags, targets))

    @classmethod
    def of_sums(cls, second: Matrix, count: int, width: int) -> LagMoments:
        """From the sum of outer products of rows [lags, targets, 1]."""
        whole = second / count
        mean = whole[-1, :-1]
        centred = whole[:-1, :-1] - np.outer(mean, mean)
        return cls(mean[:width], mean[width:], centred[:width, :width], centred[:width, width:])

    def solution(self, penalty: float) -> tuple[Matrix, Matrix]:
        """Ridge regression with a penalty on mean squares: (D, H) weights and (H,) intercept."""
        whole = self.covariance + penalty * np.eye(len(self.covariance))
        weights = np.linalg.solve(whole, self.cross)
        return np.asarray(weights), np.asarray(self.targets - self.lags @ weights)


def _sums(lags: Matrix, targets: Matrix) -> tuple[Matrix, int, int]:
    rows = np.concatenate([lags, targets, np.ones((len(lags), 1))], axis=1)
    return rows.T @ rows, len(rows), lags.shape[1]


def train_moments(work: MethodWork) -> LagMoments:
    """Moments of all train windows of single locations whose targets were all observed.

    Targets are what the base leaves of the readings; what is missing of the lags is 0, as every
    forecaster reads it.
    """
    series, total, count = work.real.windows, None, 0
    width = series.lookback * series.own_features
    per_window = series.num_locations * (width + series.horizon)
    for starts in batches(work.real.starts, max(1, _AT_A_TIME // per_window)):
        batch = series.batch(starts)
        own = batch.x[..., : series.own_features]
        lags = own.transpose(1, 2).flatten(2).flatten(0, 1).double().numpy()
        targets = batch.residual().transpose(1, 2).flatten(0, 1).double().numpy()
        if batch.observed is not None:
            whole = batch.observed.all(dim=1).flatten().numpy()
            lags, targets = lags[whole], targets[whole]
        second, rows, _ = _sums(lags, targets)
        total, count = second if total is None else total + second, count + rows
    assert total is not None  # there is at least one train window
    if count == 0:
        raise ConfigError(
            "krr found no train window of a location whose targets were all observed; expected "
            "some: fill gaps, or take a shorter data.horizon"
        )
    return LagMoments.of_sums(total, count, width)


def matched_rows(start: Matrix, wanted: LagMoments) -> tuple[Matrix, Matrix]:
    """Rows near to given ones that have the wanted moments.

    Args:
        start: (n, D) lags, n at least D + 1.
        wanted: Moments.

    Returns:
        (n, D) lags and (n, H) targets.
    """
    variances, directions = np.linalg.eigh(wanted.covariance)
    kept = variances > _SMALL * variances.max(initial=1e-30)
    scale, axes = np.sqrt(variances[kept]), directions[:, kept]
    centred = start - start.mean(axis=0)
    # Of all rows with these moments those whose whitened lags are nearest (orthogonal Procrustes).
    white = centred @ axes / scale
    left, values, right = np.linalg.svd(white, full_matrices=False)
    if values.size and values.min() <= 1e-9 * values.max():
        # The start has fewer directions than there are: any others will do for the rest.
        filled = np.random.default_rng(0).normal(size=white.shape) * 1e-3 * max(values.max(), 1e-30)
        white = white + filled - filled.mean(axis=0)
        left, _, right = np.linalg.svd(white, full_matrices=False)
    orthogonal = left @ right  # columns sum to zero, as those of the centred start do
    moved = np.sqrt(len(start)) * orthogonal * scale @ axes.T
    slope = axes / np.square(scale) @ (axes.T @ wanted.cross)
    return wanted.lags + moved, wanted.targets + moved @ slope


def carrying_windows(work: MethodWork) -> Made:
    """Move real windows so that they carry the solution."""
    options: KrrOptions = work.options
    begun = begin(work, LearnedOptions(locations=options.locations, start=options.start))
    x = begun.state.x
    windows, lookback, locations, features = x.shape
    rows = x.transpose(0, 2, 1, 3).reshape(windows * locations, -1).astype(np.float64)
    lags, targets = matched_rows(rows, train_moments(work))
    found = lags.reshape(windows, locations, lookback, features).transpose(0, 2, 1, 3)
    inputs = np.ascontiguousarray(found, np.float32)
    residual = targets.reshape(windows, locations, -1).transpose(0, 2, 1)
    base = begun.known.base(inputs)
    y = np.ascontiguousarray(residual if base is None else residual + base, np.float32)
    # All rows count the same: a row stands for no location in particular any more.
    even = replace(begun.clustering, weights=np.ones(locations))
    return Made(even, SyntheticState.fresh(inputs, y), begun.known)


def enough_rows(sizes: Sizes, options: KrrOptions) -> float:
    """Memory of rows and moments.

    Raises:
        ConfigError: There are fewer rows than it takes to have the moments of all data.
    """
    rows, least = sizes.windows * sizes.locations, sizes.own_lags + 1
    if rows < least:
        raise ConfigError(
            f"krr makes {sizes.windows} windows x {sizes.locations} locations = {rows} rows, and "
            f"carries the solution only with at least lookback x features + 1 = {least}; give a "
            "larger temporal_ratio, spatial_ratio or budget"
        )
    return 8.0 * 6 * rows * least + 8 * 4 * _AT_A_TIME


register_method(
    Method(
        name="krr",
        summary="windows that carry the ridge regression on own lags of all data exactly",
        source="Chen et al., Provable and Efficient Dataset Distillation for Kernel Ridge "
        "Regression, NeurIPS 2024: the linear kernel",
        compresses="windows, or both",
        deviations="by first and second moments, so for any penalty; on what the base leaves; lags "
        "of one location, without the calendar",
        make=carrying_windows,
        options=KrrOptions,
        needs=enough_rows,
    )
)
