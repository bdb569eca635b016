"""Fracast-0, a pre-trained forecaster of 85,001 parameters whose weights are in its package.

Package and weights: https://pypi.org/project/fracast (Apache-2.0).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.system.dependencies import need

_AT_A_TIME = 1024  # series; the model reads 2,048 steps of each, whatever is given


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
        """Forecast: (W, C, N) readings to (W, H, N)."""
        windows, context, locations = recent.shape
        rows = recent.transpose(0, 2, 1).reshape(-1, context)
        answers = [
            self.model.forecast_batch(rows[first : first + _AT_A_TIME], horizon=horizon)
            for first in range(0, len(rows), _AT_A_TIME)
        ]
        quantiles = np.concatenate(answers)  # (W N, H, Q), from low to high
        median = quantiles[:, :, quantiles.shape[2] // 2]
        return median.reshape(windows, locations, horizon).transpose(0, 2, 1)
