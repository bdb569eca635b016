import numpy as np

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.forecasters.closed_form.last_value import LastValue

CONFIG = DataConfig(lookback=3, horizon=2)


def test_last_value_skips_missing_readings():
    values = np.arange(60, dtype=np.float32).reshape(30, 2)
    values[2, 0] = np.nan
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    forecast = LastValue(data).predict(np.array([0]))
    raw = data.scaler.inverse(forecast, 0)
    np.testing.assert_allclose(raw[0], [[2, 5], [2, 5]], rtol=1e-5)
