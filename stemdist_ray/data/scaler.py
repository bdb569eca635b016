"""Standardisation per feature, fitted on observed train entries only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.mapped import read_rows
from stemdist_ray.data.series import SpatioTemporalSeries, row_blocks
from stemdist_ray.errors import DataError


class Moments:
    """Count, mean and sum of squared deviations per feature, added up block by block in float64.

    Source: Chan, Golub & LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample
    Variances" (1979).

    Args:
        features: F.
    """

    def __init__(self, features: int) -> None:
        self.count = np.zeros(features)
        self.mean = np.zeros(features)
        self.squares = np.zeros(features)

    @classmethod
    def of(cls, values: npt.NDArray[np.float32], steps: int) -> Moments:
        """Those of the first steps of a series, in memory or in a file.

        In blocks that follow from its size, so that a series has the same bits wherever it is held,
        and no copy of all of it in float64.

        Args:
            values: (T, N, F) readings, NaN where missing.
            steps: How many.
        """
        moments = cls(values.shape[2])
        for rows in row_blocks((steps, *values.shape[1:])):
            moments.add(read_rows(values, rows))
        return moments

    def add(self, values: npt.NDArray[np.float32]) -> None:
        """Add (T, N, F) readings; NaN is left out."""
        for feature in range(values.shape[2]):
            column = values[:, :, feature]
            seen = column[~np.isnan(column)].astype(np.float64)
            if seen.size == 0:
                continue
            before, total = self.count[feature], self.count[feature] + seen.size
            mean = seen.mean()
            apart = mean - self.mean[feature]
            self.squares[feature] += np.square(seen - mean).sum()
            self.squares[feature] += apart**2 * before * seen.size / total
            self.mean[feature] += apart * seen.size / total
            self.count[feature] = total


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation per feature, in original units.

    Args:
        mean: F floats.
        std: F positive floats.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, series: SpatioTemporalSeries, train_steps: int) -> Scaler:
        """Fit on the first ``train_steps`` steps, observed entries only.

        Raises:
            DataError: A feature has no observed train entry.
        """
        moments = Moments.of(series.values, train_steps)
        return cls.of_moments(moments, series.feature_names, series.name, train_steps)

    @classmethod
    def of_moments(
        cls, moments: Moments, features: Sequence[str], series: str, train_steps: int
    ) -> Scaler:
        """Make the scaler of train readings whose moments are known.

        Raises:
            DataError: A feature has no observed train entry.
        """
        for name, count in zip(features, moments.count, strict=True):
            if count == 0:
                raise DataError(
                    f"{series}: feature {name!r} is never observed in the {train_steps} "
                    "train steps; drop the feature or use more steps"
                )
        std = np.sqrt(moments.squares / moments.count)
        # A constant feature carries no information; dividing by 1 keeps it at 0.
        return cls(tuple(moments.mean.tolist()), tuple(np.where(std > 0, std, 1.0).tolist()))

    def transform(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scale (..., F) values; NaN stays NaN."""
        mean = np.asarray(self.mean, dtype=np.float32)
        std = np.asarray(self.std, dtype=np.float32)
        return np.asarray((values - mean) / std, dtype=np.float32)

    def inverse(self, values: npt.NDArray[np.float32], feature: int) -> npt.NDArray[np.float32]:
        """Give values of one feature back in original units."""
        return np.asarray(values * self.std[feature] + self.mean[feature], dtype=np.float32)
