from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.forecasters.closed_form.fit_base import fit_base
from stemdist_ray.forecasters.closed_form.live import InputRule, LiveBase

CONFIG = DataConfig(lookback=6, horizon=4)
STARTS = np.array([310, 340, 371])


@pytest.fixture
def live(seasonal, fitted):
    return LiveBase(InputRule.of(seasonal), fitted)


def recent(series, starts=STARTS):
    """The readings of windows in original units, NaN where missing."""
    values = (
        np.where(series.mask, series.values, np.nan) if series.mask is not None else series.values
    )
    return values[starts[:, None] + np.arange(6)]


def last(series, starts=STARTS):
    return series.times[starts + 5]


def evaluated(source):
    """What evaluation has for the base of the same windows."""
    return source.windows.batch(STARTS).base.numpy()


def test_the_live_base_forecasts_what_evaluation_does(live, hourly, based):
    scaled = live.forecast(recent(hourly), last(hourly), scaled=True)
    np.testing.assert_allclose(scaled, evaluated(based), atol=1e-5)
    original = live.forecast(recent(hourly), last(hourly))
    np.testing.assert_allclose(original, based.scaler.inverse(evaluated(based), 0), rtol=1e-4)


def test_one_window_is_one_of_several(live, hourly):
    several = live.forecast(recent(hourly), last(hourly))
    assert several.shape == (3, 4, 12)
    for stamp in (last(hourly)[1], str(last(hourly)[1]), pd.Timestamp(last(hourly)[1])):
        one = live.forecast(recent(hourly)[1], stamp)
        assert one.shape == (4, 12)
        np.testing.assert_allclose(one, several[1], rtol=1e-5)


def test_inputs_are_those_of_evaluation(seasonal, hourly):
    windows = InputRule.of(seasonal).windows(recent(hourly), last(hourly))
    batch = windows.series.batch(windows.starts)
    wanted = seasonal.windows.batch(STARTS)
    np.testing.assert_allclose(batch.x, wanted.x, atol=1e-6)
    assert not batch.observed.any()
    place = seasonal.season.place(seasonal.times, np.arange(384))
    rows = STARTS[:, None] + np.arange(10)
    np.testing.assert_array_equal(windows.place, place[rows].ravel())


def test_time_is_needed_where_the_season_is(live, hourly):
    with pytest.raises(DataError, match="pass last_time"):
        live.forecast(recent(hourly))
    with pytest.raises(DataError, match="last_time holds 2 values for 3 windows"):
        live.forecast(recent(hourly), last(hourly)[:2])
    with pytest.raises(DataError, match="'noonish' is not a time stamp"):
        live.forecast(recent(hourly)[0], "noonish")


def test_readings_of_another_shape(live, hourly):
    with pytest.raises(DataError, match=r"shape \(6, 11, 2\); expected .* \(6, 12, 2\)"):
        live.forecast(recent(hourly)[0][:, :11], last(hourly)[0])
    with pytest.raises(DataError, match="recent readings have shape"):
        live.forecast(recent(hourly)[0][..., 0], last(hourly)[0])


def test_without_season_and_calendar_no_time_is_needed(hourly):
    series = hourly.with_changes(times=None)
    source = prepare(series, CONFIG)
    fitted = fit_base(source, "seasonal_linear", 0)
    live = LiveBase(InputRule.of(source), fitted)
    wanted = evaluated(source.with_base(fitted.bind(source)))
    np.testing.assert_allclose(live.forecast(recent(series), scaled=True), wanted, atol=1e-5)


def test_a_season_of_steps_needs_the_number_of_the_step(hourly):
    series = hourly.with_changes(times=None)
    source = prepare(series, CONFIG.model_copy(update={"season": 24}))
    fitted = fit_base(source, "seasonal_linear", 0)
    live = LiveBase(InputRule.of(source), fitted)
    wanted = evaluated(source.with_base(fitted.bind(source)))
    found = live.forecast(recent(series), last_step=STARTS + 5, scaled=True)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    one = live.forecast(recent(series)[0], last_step=int(STARTS[0]) + 5, scaled=True)
    np.testing.assert_allclose(one, wanted[0], atol=1e-5)
    with pytest.raises(DataError, match="last_step"):
        live.forecast(recent(series), last_time=last(hourly))


def test_months_are_counted_by_the_calendar(rng):
    stamps = np.arange("2000-01", "2012-01", dtype="datetime64[M]").astype("datetime64[ns]")
    wave = np.sin(2 * np.pi * np.arange(144) / 12)
    values = (wave[:, None] + 0.1 * rng.normal(size=(144, 4))).astype(np.float32)
    series = SpatioTemporalSeries(values, times=stamps)
    source = prepare(series, CONFIG)
    assert source.season == SeasonRule("year", 12)
    rule = InputRule.of(source)
    windows = rule.windows(values[:6], stamps[5])
    np.testing.assert_array_equal(windows.place, np.arange(10))
    np.testing.assert_allclose(windows.series.calendar, source.windows.calendar[:10], atol=1e-6)


def test_one_feature_needs_no_axis(prepared, traffic):
    rule = InputRule.of(prepared)
    values = traffic.values[:6]
    stamp = traffic.times[5]
    with_axis, without = (rule.windows(v, stamp).series.inputs for v in (values, values[..., 0]))
    np.testing.assert_array_equal(with_axis, without)
    assert [rule.several(v) for v in (values, values[..., 0])] == [False, False]
    assert [rule.several(v[None]) for v in (values, values[..., 0])] == [True, True]


def test_a_rule_without_calendar_and_season_takes_any_time(hourly, seasonal):
    rule = replace(InputRule.of(seasonal), calendar=type(seasonal.calendar)(), season=SeasonRule())
    windows = rule.windows(recent(hourly))
    assert windows.series.calendar is None
    assert (windows.place == 0).all()
