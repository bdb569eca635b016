import numpy as np
import pytest
from sklearn.linear_model import Ridge

from stemdist_ray.config import DataConfig
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series
from stemdist_ray.data.windows import prepare
from stemdist_ray.evaluation.naive import (
    NAIVE,
    HistoricalAverage,
    LastValue,
    RidgeOnLags,
    seasons,
)
from stemdist_ray.evaluation.predict import EvaluationWindows
from tests.conftest import real_file

CONFIG = DataConfig(lookback=3, horizon=2)


def test_last_value_skips_missing_readings():
    values = np.arange(60, dtype=np.float32).reshape(30, 2)
    values[2, 0] = np.nan
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    forecast = LastValue(data).predict(np.array([0]))
    raw = data.scaler.inverse(forecast, 0)
    np.testing.assert_allclose(raw[0], [[2, 5], [2, 5]], rtol=1e-5)


def test_historical_average_by_time_of_day():
    times = np.datetime64("2024-01-01") + np.arange(240) * np.timedelta64(1, "h")
    values = (np.arange(240) % 24).astype(np.float32)[:, None] * [[1.0, 2.0]]
    data = prepare(SpatioTemporalSeries(values, times=times.astype("datetime64[ns]")), CONFIG)
    windows = EvaluationWindows.of(data, data.starts["test"])
    assert HistoricalAverage(data).score(windows).rmse == pytest.approx(0, abs=1e-4)


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


@pytest.mark.parametrize("missing", [False, True])
def test_ridge_equals_scikit_learn(rng, missing):
    values = rng.normal(size=(80, 3)).cumsum(0).astype(np.float32)
    if missing:
        values[rng.random(values.shape) < 0.1] = np.nan
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    model = RidgeOnLags(data)
    starts = data.starts["train"]
    batch = data.windows.batch(starts)
    lags = batch.x.numpy()[..., 0].transpose(0, 2, 1).reshape(-1, 3)
    forecast = model.predict(data.starts["test"])
    test = data.windows.batch(data.starts["test"]).x.numpy()[..., 0].transpose(0, 2, 1)
    for step in (0, 1):
        target = batch.y.numpy()[:, step].ravel()
        seen = (
            np.ones(len(target), bool) if not missing else batch.observed.numpy()[:, step].ravel()
        )
        plain = Ridge(alpha=1.0).fit(lags[seen], target[seen])
        expected = plain.predict(test.reshape(-1, 3)).reshape(forecast[:, step].shape)
        np.testing.assert_allclose(forecast[:, step], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "last", "ridge"),
    [
        ("era5_uk_t2m_2019_03.nc", (1.2085, 0.9961), (0.7351, 0.6456)),
        ("metr_la_week_speed.csv", (0.6063, 0.4351), (0.5734, 0.4358)),
        ("sst_pacific_monthly.npz", (1.1190, 1.0778), (0.8988, 0.9214)),
    ],
)
def test_known_figures_on_real_data(name, last, ridge):
    """Sanity figures computed independently of this code."""
    data = prepare(read_series(real_file(name)), DataConfig())
    windows = EvaluationWindows.of(data, data.starts["test"])
    for kind, (rmse, mae) in ((LastValue, last), (RidgeOnLags, ridge)):
        metrics = kind(data).score(windows)
        assert metrics.relative_rmse == pytest.approx(rmse, abs=2e-4)
        assert metrics.relative_mae == pytest.approx(mae, abs=2e-4)


def test_every_naive_forecaster_handles_missing_readings(traffic):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))
    windows = EvaluationWindows.of(data, data.starts["test"])
    assert len({kind.name for kind in NAIVE}) == 3
    for kind in NAIVE:
        assert np.isfinite(kind(data).score(windows).rmse)
