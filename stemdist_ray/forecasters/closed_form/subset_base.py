"""A linear base for those who hold some windows of some locations and nothing else.

A seasonal profile per location cannot be had from them: most locations are not among them, and of
the others there are few readings. So there is one profile, the mean over the locations that are
held; what is known of each real location is its mean window, as for every forecaster.
Axis letters: W windows, L lookback, H horizon, N locations, K held locations, P places.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import WindowedSeries, evenly_spaced
from stemdist_ray.forecasters.closed_form.base_model import BaseModel, BoundBase, group_means
from stemdist_ray.forecasters.closed_form.base_parts import calendar_columns, split_weights
from stemdist_ray.forecasters.closed_form.fit_base import PENALTIES
from stemdist_ray.forecasters.closed_form.gram import (
    GramMaterial,
    GramSums,
    added,
    best_penalty,
    block_sums,
    gram_tasks,
)
from stemdist_ray.forecasters.closed_form.profile import SeasonProfile
from stemdist_ray.forecasters.closed_form.runner import InProcess

Positions = npt.NDArray[np.int64]

_VALIDATION_WINDOWS = 32


def fit_subset_base(source: PreparedSource, starts: Positions, locations: Positions) -> BoundBase:
    """Fit a base on some train windows of some locations; validation chooses the penalty.

    Args:
        source: The prepared series.
        starts: (W,) window starts.
        locations: (K,) positions.

    Returns:
        The base of all N locations, bound to the series.
    """
    windows = replace(source.windows, base=None)
    place = source.season.place(source.times, np.arange(source.num_steps))
    level = source.mean_window()[:, :, windows.target].mean(axis=1)
    patterns = _mean_profile(source, place, starts, locations)
    model = _unfitted(source, level, patterns)
    everywhere = BoundBase.of(model, windows, place)
    # What is held says nothing of the mean of all locations, only of its own.
    overall = group_means(windows.select(locations), np.zeros((len(locations), 0), np.float32))[1]
    fitted = _sums(windows, replace(everywhere, overall=overall), starts, locations)
    some = source.starts["val"][evenly_spaced(len(source.starts["val"]), _VALIDATION_WINDOWS)]
    everyone = np.arange(windows.num_locations)
    _, weights, _ = best_penalty(fitted, _sums(windows, everywhere, some, everyone), PENALTIES)
    parts = split_weights(weights.astype(np.float32), model.weights)
    return replace(everywhere, model=replace(model, weights=parts))


def _sums(
    windows: WindowedSeries, bound: BoundBase, starts: Positions, locations: Positions
) -> GramSums:
    runner = InProcess()
    runner.share(GramMaterial(windows, (bound,)))
    tasks = gram_tasks("base of a subset", 0, starts, locations, threads=1)
    return added(runner.run(block_sums, tasks, lambda sums: None))


def _mean_profile(
    source: PreparedSource, place: Positions, starts: Positions, locations: Positions
) -> npt.NDArray[np.float32]:
    """Mean deviation from the level at every place, over the readings that are held: (1, P).

    Shrunk towards zero by the weight of one reading per location.
    """
    series, size = source.windows, source.season.size
    if size == 1:
        return np.zeros((0, 1), np.float32)
    length = series.lookback + series.horizon
    steps = np.unique(starts[:, None] + np.arange(length))
    values = series.inputs[steps[:, None], locations, series.target].astype(np.float64)
    seen = np.ones(values.shape, bool)
    if series.input_mask is not None:
        seen = series.input_mask[steps[:, None], locations, series.target]
    level = np.where(seen, values, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    total, count = np.zeros(size), np.zeros(size)
    np.add.at(total, place[steps], np.where(seen, values - level, 0).sum(axis=1))
    np.add.at(count, place[steps], seen.sum(axis=1))
    mean = total / (count + len(locations))
    return mean[None].astype(np.float32)


def _unfitted(
    source: PreparedSource,
    level: npt.NDArray[np.float32],
    patterns: npt.NDArray[np.float32],
) -> BaseModel:
    series = source.windows
    lookback, horizon, columns = series.lookback, series.horizon, calendar_columns(source)
    sizes = {
        "own": lookback * series.own_features,
        "overall": lookback,
        "level": 1,
        "season": (lookback + horizon) * len(patterns),
        "calendar": len(columns),
        "one": 1,
    }
    weights = {part: np.zeros((horizon, n), np.float32) for part, n in sizes.items() if n}
    count = series.num_locations
    return BaseModel(
        kind="seasonal_linear",
        weights=weights,
        season=source.season,
        calendar=columns,
        profile=SeasonProfile(
            level.astype(np.float32), np.ones((count, len(patterns)), np.float32), patterns
        ),
        membership=np.zeros((count, 0), np.float32),
        lookback=lookback,
        horizon=horizon,
    )
