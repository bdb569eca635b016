"""What every forecaster in closed form offers.

Axis letters: W windows, H horizon, N locations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource

VALUES_PER_BATCH = 16_000_000  # numbers that are held at once


class ClosedFormForecaster(ABC):
    """A forecaster fitted in closed form on the train split; there is nothing to train.

    Args:
        source: The prepared series.
    """

    def __init__(self, source: PreparedSource) -> None:
        self.source = source

    @abstractmethod
    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Forecast (W, H, N) scaled values for the windows that begin at ``starts``, (W,)."""

    def windows_per_batch(self) -> int:
        """How many windows of all locations may be forecast at once."""
        series = self.source.windows
        per_window = series.num_locations * (series.lookback + series.horizon)
        return max(1, VALUES_PER_BATCH // per_window)
