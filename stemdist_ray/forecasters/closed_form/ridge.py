"""Ridge regression on the lags.

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import linalg

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.forecasters.closed_form.base_class import VALUES_PER_BATCH, ClosedFormForecaster


class RidgeOnLags(ClosedFormForecaster):
    """Linear regression from the lookback to each horizon step, shared by all locations.

    Fitted on all train windows and locations whose target was observed, by normal equations that
    are added up step by step, so that no window is ever stored.
    """

    penalty = 1.0

    def __init__(self, source: PreparedSource) -> None:
        super().__init__(source)
        series, starts = source.windows, source.starts["train"]
        width = series.lookback * series.num_features + 1
        gram = np.zeros((series.horizon, width, width))
        moment = np.zeros((series.horizon, width))
        step = max(1, VALUES_PER_BATCH // (series.num_locations * width))
        for first in range(0, len(starts), step):
            self._accumulate(starts[first : first + step], gram, moment)
        # The intercept is not shrunk.
        shrink = np.diag([*[self.penalty] * (width - 1), 1e-9])
        self.weights = np.stack(
            [linalg.solve(g + shrink, m, assume_a="pos") for g, m in zip(gram, moment, strict=True)]
        ).astype(np.float32)

    def _accumulate(
        self,
        starts: npt.NDArray[np.int64],
        gram: npt.NDArray[np.float64],
        moment: npt.NDArray[np.float64],
    ) -> None:
        batch = self.source.windows.batch(starts)
        lags = _design(batch.x.numpy()).reshape(-1, gram.shape[1]).astype(np.float64)
        targets = batch.y.numpy().transpose(1, 0, 2).reshape(len(gram), -1)
        if batch.observed is None:
            gram += lags.T @ lags
            moment += targets @ lags
            return
        observed = batch.observed.numpy().transpose(1, 0, 2).reshape(len(gram), -1)
        for step, seen in enumerate(observed):
            kept = lags[seen]
            gram[step] += kept.T @ kept
            moment[step] += targets[step, seen] @ kept

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`ClosedFormForecaster`."""
        return self.forecast(self.source.windows.batch(starts).x.numpy())

    def forecast(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Forecast from any scaled inputs, real or synthetic.

        Args:
            x: (W, L, N, F).

        Returns:
            (W, H, N).
        """
        return np.asarray((_design(x) @ self.weights.T).transpose(0, 2, 1))


def _design(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(W, N, L * F + 1) lags and a one, from (W, L, N, F) inputs."""
    x = x.transpose(0, 2, 1, 3)
    lags = x.reshape(*x.shape[:2], -1)
    return np.concatenate([lags, np.ones((*lags.shape[:2], 1), np.float32)], axis=2)
