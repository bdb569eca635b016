"""Fracast-0, a pre-trained forecaster of 85,001 parameters whose weights are in its package.

Package and weights: https://pypi.org/project/fracast (Apache-2.0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.system.dependencies import need

_FEWEST = 8  # readings of a series, or the model refuses it
# Series at a time. The model reads 2,048 steps of each, whatever is given: 1,024 take 7 GiB, and
# more time for each than 32 do.
_AT_A_TIME = 32


class Fracast:
    """Asks the model for every location by itself; its median is the forecast.

    Raises:
        DependencyError: The package is not installed.
    """

    def __init__(self) -> None:
        need("the zero-shot forecaster fracast", "pretrained", "fracast")
        from fracast import FracastModel

        # Without an argument it reads the weights of its own package: nothing is downloaded.
        self.model = FracastModel.from_pretrained(device="cpu", weights="fp32")

    def __call__(self, recent: npt.NDArray[np.float32], horizon: int) -> npt.NDArray[np.float32]:
        """Forecast: (W, C, N) readings, NaN where missing but not in all of a series, to (W, H, N).

        The model itself passes over missing readings; only series of fewer than eight are filled.
        """
        windows, context, locations = recent.shape
        rows = recent.transpose(0, 2, 1).reshape(-1, context)
        if context < _FEWEST:
            rows = np.pad(rows, ((0, 0), (_FEWEST - context, 0)), constant_values=np.nan)
        for row in np.flatnonzero(np.isfinite(rows).sum(axis=1) < _FEWEST):
            rows[row] = filled(rows[row])
        answers = [
            self.model.forecast_batch(rows[first : first + _AT_A_TIME], horizon=horizon)
            for first in range(0, len(rows), _AT_A_TIME)
        ]
        quantiles = np.concatenate(answers)  # (W N, H, Q), from low to high
        median = quantiles[:, :, quantiles.shape[2] // 2]
        by_location = median.reshape(windows, locations, horizon)
        return np.asarray(by_location.transpose(0, 2, 1), np.float32)


def filled(series: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Fill gaps of a series (C,) by interpolation in time, ends by the nearest reading."""
    seen = np.flatnonzero(np.isfinite(series))
    return np.interp(np.arange(len(series)), seen, series[seen]).astype(np.float32)
