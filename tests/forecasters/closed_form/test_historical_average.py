import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.historical_average import HistoricalAverage

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


def test_the_season_is_the_sources():
    values = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    data = prepare(SpatioTemporalSeries(values), CONFIG.model_copy(update={"season": 6}))
    forecast = data.scaler.inverse(HistoricalAverage(data).predict(np.array([50])), 0)
    train = values[:36].reshape(6, 6, 2).mean(axis=0)
    np.testing.assert_allclose(forecast[0], train[[53 % 6, 54 % 6]], rtol=1e-3, atol=1e-5)


def test_day_types_share_their_slots(seasonal):
    assert seasonal.season.day_types
    assert HistoricalAverage(seasonal).table.shape == (24, 12)


def test_a_slot_that_train_never_saw_is_the_location_mean(traffic):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))  # train ends at 20:00
    model, series = HistoricalAverage(data), data.windows
    seen = series.input_mask[:240, :, 0]
    mean = series.inputs[:240, :, 0].sum(axis=0) / seen.sum(axis=0)
    np.testing.assert_allclose(model.table[250], mean, rtol=1e-4, atol=1e-5)
