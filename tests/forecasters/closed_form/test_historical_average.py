import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.historical_average import HistoricalAverage, seasons

CONFIG = DataConfig(lookback=3, horizon=2)


def test_historical_average_by_time_of_day():
    times = np.datetime64("2024-01-01") + np.arange(240) * np.timedelta64(1, "h")
    values = (np.arange(240) % 24).astype(np.float32)[:, None] * [[1.0, 2.0]]
    data = prepare(SpatioTemporalSeries(values, times=times.astype("datetime64[ns]")), CONFIG)
    windows = EvaluationWindows.of(data, data.starts["test"])
    assert windows.score(HistoricalAverage(data).predict, 50).rmse == pytest.approx(0, abs=1e-4)


def test_historical_average_without_times_is_the_location_mean():
    values = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    forecast = data.scaler.inverse(HistoricalAverage(data).predict(np.array([50])), 0)
    np.testing.assert_allclose(forecast[0], np.tile(values[:36].mean(0), (2, 1)), rtol=1e-3)


def test_seasons():
    hours = np.datetime64("2024-01-01", "ns") + np.arange(48) * np.timedelta64(1, "h")
    np.testing.assert_array_equal(seasons(hours, 48), np.arange(48) % 24)
    months = np.arange("2020-01", "2022-01", dtype="datetime64[M]").astype("datetime64[ns]")
    np.testing.assert_array_equal(seasons(months, 24), np.arange(24) % 12)
    days = np.datetime64("2024-01-01", "ns") + np.arange(9) * np.timedelta64(1, "D")
    assert seasons(days, 9).max() == 0
    assert seasons(None, 5).max() == 0
