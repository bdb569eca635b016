import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.forecasters.closed_form.base_parts import (
    calendar_columns,
    group_locations,
    no_groups,
    split_weights,
)
from stemdist_ray.forecasters.closed_form.fit_base import fit_base


def series(step, steps=400, locations=20):
    rng = np.random.default_rng(0)
    times = np.datetime64("2024-01-01", "ns") + np.arange(steps) * np.timedelta64(step, "h")
    phase = np.where(np.arange(locations) < locations // 2, 0.0, np.pi)
    values = np.sin(np.arange(steps)[:, None] / 7 + phase) + 0.05 * rng.normal(
        size=(steps, locations)
    )
    return SpatioTemporalSeries(values.astype(np.float32), times=times)


def test_locations_that_move_alike_share_a_group():
    source = prepare(series(1), DataConfig())
    membership = group_locations(source, seed=0)
    assert membership.shape == (20, 10)
    np.testing.assert_array_equal(membership.sum(axis=1), 1)
    opposite = membership[:10].sum(axis=0) @ membership[10:].sum(axis=0)
    assert opposite == 0


@pytest.mark.parametrize("locations", [1, 3])
def test_few_locations_have_no_groups(locations):
    source = prepare(series(1, locations=locations), DataConfig())
    assert group_locations(source, 0).shape == no_groups(source).shape == (locations, 0)


def test_the_profile_tells_time_of_day_and_the_calendar_the_rest():
    hourly = DataConfig(covariates=("time_of_day", "day_of_week", "month_of_year"))
    assert calendar_columns(prepare(series(1, 9000, 3), hourly)) == ()
    source = prepare(series(1, 16000, 3), hourly)  # train sees all twelve months
    names = source.calendar.columns
    told = [names[i] for i in calendar_columns(source)]
    assert told == ["time_of_year_sin", "time_of_year_cos"]


def test_weights_are_cut_in_the_order_of_the_parts():
    like = {"own": np.zeros((2, 3)), "level": np.zeros((2, 1)), "one": np.zeros((2, 1))}
    weights = np.arange(10, dtype=np.float32).reshape(2, 5)
    parts = split_weights(weights, like)
    np.testing.assert_array_equal(parts["own"], weights[:, :3])
    np.testing.assert_array_equal(parts["level"], weights[:, 3:4])
    np.testing.assert_array_equal(parts["one"], weights[:, 4:])


def test_columns_that_the_profile_holds_are_left_out(hourly, seasonal):
    assert len(seasonal.calendar.columns) == 5
    assert calendar_columns(seasonal) == ()
    steps = prepare(hourly, DataConfig(lookback=6, horizon=4, season=12))
    assert calendar_columns(steps) == (0, 1, 2, 3, 4)
    fitted = fit_base(steps, "seasonal_linear", 0)
    assert fitted.model.weights["calendar"].shape == (4, 5)


def test_days_of_the_week_and_months_are_told_by_their_profiles(rng):
    values = rng.normal(size=(1200, 3)).astype(np.float32)
    days = np.datetime64("2020-01-01", "ns") + np.arange(1200) * np.timedelta64(1, "D")
    daily = prepare(SpatioTemporalSeries(values, times=days), DataConfig())
    assert daily.season.unit == "week"
    assert [daily.calendar.columns[i] for i in calendar_columns(daily)] == [
        "time_of_year_sin",
        "time_of_year_cos",
    ]
    months = np.arange("1920-01", "2020-01", dtype="datetime64[M]").astype("datetime64[ns]")
    monthly = prepare(SpatioTemporalSeries(values, times=months), DataConfig())
    assert monthly.calendar.columns
    assert calendar_columns(monthly) == ()
