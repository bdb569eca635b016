"""The linear base by itself: what a forecast is worth before any network."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster
from stemdist_ray.forecasters.closed_form.fit_base import fit_base


class LinearBase(ClosedFormForecaster):
    """A linear base fitted on all of train (seed 0), as a forecaster.

    Attributes:
        kind: Which base.
    """

    kind: ClassVar[str]

    def __init__(self, source: PreparedSource) -> None:
        super().__init__(source.with_base(None))
        self.fitted = fit_base(self.source, self.kind, seed=0)
        self.base = self.fitted.bind(self.source)

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`ClosedFormForecaster`."""
        series = self.source.windows
        rows = starts[:, None] + np.arange(series.lookback)
        return self.base.forecast(series.inputs[rows], starts, None)


class SeasonalLinear(LinearBase):
    """Own lags, lags of the group's and of the overall mean, level, season and calendar."""

    kind: ClassVar[str] = "seasonal_linear"
