"""Seasonal profiles: the mean of a location at every place of its season, at low rank.

A place is a slot of the day and a day type, a month, or a step of a period
(:mod:`stemdist_ray.data.season`). Axis letters: T steps, N locations, P places, S slots, R rank,
D folds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from sklearn.utils.extmath import randomized_svd

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.windows import WindowedSeries

Array = npt.NDArray[np.float32]

_FOLDS = 5  # parts of train that profiles for cross-fitting leave out, one at a time
_STEPS_PER_BLOCK = 1024
_PRIOR = 1.0  # readings that the mean over day types, and the level, count for


@dataclass(frozen=True)
class SeasonProfile:
    """Level and profile of every location: deviation (n, p) = coefficients @ patterns.

    Args:
        level: (N,) float32 mean train reading, scaled.
        coefficients: (N, R) float32.
        patterns: (R, P) float32, shared by all locations; R = 0 without a season.
    """

    level: Array
    coefficients: Array
    patterns: Array

    @property
    def rank(self) -> int:
        """R."""
        return len(self.patterns)

    def truncated(self, rank: int) -> SeasonProfile:
        """The best profile of a lower rank; the patterns come in the order of their weight."""
        return SeasonProfile(self.level, self.coefficients[:, :rank], self.patterns[:rank])


@dataclass(frozen=True)
class ProfileSums:
    """Sums over the observed train readings of the target, per fold of whole seasons.

    Args:
        total: (D, P, N) float32 sum of the readings.
        count: (D, P, N) float32 number of them; N = 1 where nothing is missing.
        fold: (T,) fold of every step, of train and of what follows (which belongs to none: -1).
        num_seasons: Seasons that train holds, e.g. days.
    """

    total: Array
    count: Array
    fold: npt.NDArray[np.int64]
    num_seasons: int

    @property
    def num_folds(self) -> int:
        """D; 1 where train holds too few seasons to leave one out."""
        return len(self.total)

    @classmethod
    def of(cls, source: PreparedSource) -> ProfileSums:
        """Sum the train split, a block of steps at a time."""
        series, train = source.windows, source.train_steps
        steps = np.arange(source.num_steps)
        place = source.season.place(source.times, steps)
        fold, num_seasons = season_folds(source)
        num_folds, places = int(fold.max()) + 1, source.season.size
        total = np.zeros((num_folds, places, series.num_locations), np.float32)
        width = 1 if series.input_mask is None else series.num_locations
        count = np.zeros((num_folds, places, width), np.float32)
        for first in range(0, train, _STEPS_PER_BLOCK):
            rows = slice(first, min(first + _STEPS_PER_BLOCK, train))
            at = fold[rows], place[rows]
            # Missing readings are stored as 0, so the sum holds observed ones only.
            np.add.at(total, at, series.inputs[rows, :, series.target])
            np.add.at(count, at, _seen(series, rows))
        return cls(total, count, fold, num_seasons)

    def profile(
        self, rule: SeasonRule, smoothing: float, rank: int, without: int | None = None
    ) -> SeasonProfile:
        """Estimate the profiles.

        The mean of a place is shrunk, by the weight of one reading, towards the mean of its slot
        over the day types, and that towards the location's level.

        Args:
            rule: Of the season.
            smoothing: Standard deviation of a Gaussian over neighbouring slots; 0 = none.
            rank: Largest R.
            without: A fold that is left out.
        """
        total, count = self.total.sum(axis=0), self.count.sum(axis=0)
        if without is not None:
            total, count = total - self.total[without], count - self.count[without]
        level = total.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
        if rule.size == 1 or rank == 0:
            empty = np.zeros((len(level), 0), np.float32)
            return SeasonProfile(level, empty, np.zeros((0, 1), np.float32))
        shape = (rule.size // rule.slots, rule.slots, -1)
        total, count = total.reshape(shape), count.reshape(shape)
        if smoothing > 0:
            total = gaussian_filter1d(total, smoothing, axis=1, mode="wrap")
            count = gaussian_filter1d(count, smoothing, axis=1, mode="wrap")
        slot = (total.sum(axis=0) + _PRIOR * level) / (count.sum(axis=0) + _PRIOR)
        mean = (total + _PRIOR * slot) / (count + _PRIOR)
        deviation = (mean - level).reshape(rule.size, -1).T
        return SeasonProfile(level, *_low_rank(np.ascontiguousarray(deviation), rank))


def season_folds(source: PreparedSource) -> tuple[npt.NDArray[np.int64], int]:
    """The fold of every step, (T,), -1 after train, and the number of seasons that train holds."""
    number = source.season.number(source.times, np.arange(source.num_steps))
    train = source.train_steps
    return _folds(number, train), len(np.unique(number[:train]))


def _folds(number: npt.NDArray[np.int64], train: int) -> npt.NDArray[np.int64]:
    """Cut the seasons of train into runs of neighbouring ones: (T,), -1 after train."""
    order = np.unique(number[:train], return_inverse=True)[1]
    seasons = int(order.max()) + 1
    # With a single season nothing is left once it is left out.
    folds = min(_FOLDS, seasons)
    fold = np.full(len(number), -1, np.int64)
    fold[:train] = order * folds // seasons
    return fold


def _seen(series: WindowedSeries, rows: slice) -> Array:
    if series.input_mask is None:
        return np.ones((rows.stop - rows.start, 1), np.float32)
    return series.input_mask[rows, :, series.target].astype(np.float32)


def _low_rank(deviation: Array, rank: int) -> tuple[Array, Array]:
    """Coefficients (N, R) and patterns (R, P) of the best approximation of (N, P)."""
    rank = min(rank, *deviation.shape)
    # A fixed seed: the same sums give the same profiles wherever they are made.
    left, values, right = randomized_svd(deviation, rank, n_iter=4, random_state=0)
    return (left * values).astype(np.float32), right.astype(np.float32)
