"""Standardisation per feature, fitted on observed train entries only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


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
        means, stds = [], []
        for feature, name in enumerate(series.feature_names):
            column = series.values[:train_steps, :, feature]
            seen = column[~np.isnan(column)].astype(np.float64)
            if seen.size == 0:
                raise DataError(
                    f"{series.name}: feature {name!r} is never observed in the {train_steps} "
                    "train steps; drop the feature or use more steps"
                )
            std = float(seen.std())
            means.append(float(seen.mean()))
            # A constant feature carries no information; dividing by 1 keeps it at 0.
            stds.append(std if std > 0 else 1.0)
        return cls(tuple(means), tuple(stds))

    def transform(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Scale (..., F) values; NaN stays NaN."""
        mean = np.asarray(self.mean, dtype=np.float32)
        std = np.asarray(self.std, dtype=np.float32)
        return np.asarray((values - mean) / std, dtype=np.float32)

    def inverse(self, values: npt.NDArray[np.float32], feature: int) -> npt.NDArray[np.float32]:
        """Give values of one feature back in original units."""
        return np.asarray(values * self.std[feature] + self.mean[feature], dtype=np.float32)
