"""The last reading, repeated."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.forecasters.closed_form.base_class import ClosedFormForecaster


class LastValue(ClosedFormForecaster):
    """Repeat the last observed reading of the lookback; the train mean where there is none."""

    def predict(self, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """See :class:`ClosedFormForecaster`."""
        series = self.source.windows
        last = np.zeros((len(starts), series.num_locations), np.float32)
        for offset in range(series.lookback):
            values = series.inputs[starts + offset, :, series.target]
            if series.input_mask is None:
                last = values
            else:
                seen = series.input_mask[starts + offset, :, series.target]
                last = np.where(seen, values, last)
        return np.repeat(last[:, None, :], series.horizon, axis=1)
