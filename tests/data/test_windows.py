import numpy as np
import pytest
import torch

from stemdist_ray.config import DataConfig
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.windows import (
    WindowBatch,
    WindowedSeries,
    append_calendar,
    evenly_spaced,
    resolve_target,
    split_bounds,
    window_starts,
)
from stemdist_ray.errors import DataError

CONFIG = DataConfig(lookback=5, horizon=3)


def ramp(steps=60, locations=4):
    """Reading = step + 100 * location, so that every entry names its place."""
    values = np.arange(steps)[:, None] + 100 * np.arange(locations)
    return SpatioTemporalSeries(values.astype(np.float32)[:, :, None])


def test_no_window_spans_two_splits():
    bounds = split_bounds(60, (0.6, 0.2, 0.2))
    assert bounds == {"train": (0, 36), "val": (36, 48), "test": (48, 60)}
    data = prepare(ramp(), CONFIG)
    for name, (start, stop) in bounds.items():
        covered = data.starts[name][:, None] + np.arange(8)
        assert covered.min() == start
        assert covered.max() == stop - 1


def test_batch_gathers_the_right_entries():
    data = prepare(ramp(), CONFIG)
    batch = data.windows.batch(np.array([3, 10]), np.array([2, 0]))
    assert batch.x.shape == (2, 5, 2, 1)
    assert batch.y.shape == (2, 3, 2)
    assert batch.observed is None
    x = data.scaler.inverse(batch.x.numpy()[..., 0], 0)
    y = data.scaler.inverse(batch.y.numpy(), 0)
    np.testing.assert_allclose(x[1, :, 0], 200 + np.arange(10, 15), rtol=1e-5)
    np.testing.assert_allclose(y[0, :, 1], np.arange(8, 11), rtol=1e-5)
    everything = data.windows.batch(np.array([3, 10]))
    np.testing.assert_array_equal(everything.x[:, :, [2, 0]], batch.x)


def test_changing_a_batch_leaves_the_series_alone():
    data = prepare(ramp(), CONFIG)
    before = data.windows.inputs.copy()
    data.windows.batch(np.array([0])).x.zero_()
    np.testing.assert_array_equal(data.windows.inputs, before)


def test_missing_entries_are_zero_and_flagged():
    values = ramp().values.copy()
    values[7, 1] = np.nan
    data = prepare(SpatioTemporalSeries(values), CONFIG)
    batch = data.windows.batch(np.array([2]))
    assert batch.observed is not None
    assert not batch.observed[0, 0, 1]
    assert batch.y[0, 0, 1] == 0
    assert batch.observed.sum() == batch.observed.numel() - 1


def test_mean_window_equals_the_mean_of_all_windows(rng):
    values = rng.normal(size=(40, 3, 2)).astype(np.float32)
    mask = rng.random((40, 3, 2)) > 0.3
    windows = WindowedSeries(np.where(mask, values, 0), mask, 0, 5, 3)
    starts = np.arange(4, 20)
    rows = starts[:, None] + np.arange(5)
    total = np.where(mask, values, 0)[rows].sum(0) / mask[rows].sum(0)
    np.testing.assert_allclose(
        windows.mean_window(starts), total.transpose(1, 0, 2), rtol=1e-5, atol=1e-6
    )


def test_mean_window_of_windows_with_gaps_between():
    source = prepare(ramp(), CONFIG)
    starts = np.array([0, 2, 7])
    wanted = source.windows.batch(starts).x.numpy().mean(axis=0).transpose(1, 0, 2)
    np.testing.assert_allclose(source.windows.mean_window(starts), wanted, rtol=1e-5, atol=1e-6)


def test_scaler_and_encoder_input_see_train_only():
    series = ramp()
    values = series.values.copy()
    values[36:] = 1e6 - 7 * values[36:]
    changed = SpatioTemporalSeries(values)
    before, after = prepare(series, CONFIG), prepare(changed, CONFIG)
    assert before.scaler == after.scaler
    np.testing.assert_array_equal(before.mean_window(), after.mean_window())


def test_split_too_short():
    with pytest.raises(DataError, match="the val split has 4 steps but one window needs 5 [+] 3"):
        prepare(ramp(20), CONFIG)


def test_window_starts_of_an_exact_fit():
    np.testing.assert_array_equal(window_starts((10, 18), 5, 3), [10])
    assert len(window_starts((10, 17), 5, 3)) == 0


@pytest.mark.parametrize(("count", "wanted"), [(10, 3), (10, 10), (3, 10), (1, 1), (423, 21)])
def test_evenly_spaced(count, wanted):
    at = evenly_spaced(count, wanted)
    assert len(at) == min(count, wanted)
    assert len(set(at.tolist())) == len(at)
    assert at.min() >= 0
    assert at.max() < count
    assert np.ptp(np.diff(at)) <= 1 if len(at) > 1 else True


def test_target_by_name_or_position():
    series = SpatioTemporalSeries(np.zeros((3, 2, 2)), feature_names=("flow", "speed"))
    assert resolve_target(series, "speed") == 1
    assert resolve_target(series, 0) == 0
    with pytest.raises(DataError, match="no feature 'x'"):
        resolve_target(series, "x")
    with pytest.raises(DataError, match="no feature 2"):
        resolve_target(series, 2)


class Steps:
    """A base that forecasts the numbers of steps and of locations."""

    def __init__(self, steps, locations):
        self.steps, self.locations = np.asarray(steps), np.asarray(locations)

    def forecast(self, x, starts, locations):
        assert x.shape[3] == 1  # without calendar
        at = self.locations if locations is None else self.locations[locations]
        first = self.steps[starts[:, None] + 5 + np.arange(3)]
        return (first[:, :, None] + 1000 * at).astype(np.float32)

    def take(self, steps):
        return Steps(self.steps[steps], self.locations)

    def select(self, locations):
        return Steps(self.steps, self.locations[locations])


@pytest.fixture
def known():
    """Four locations with two calendar columns and a base."""
    values = np.arange(60)[:, None] + 100 * np.arange(4)
    calendar = np.stack([np.arange(60), -np.arange(60)], axis=1).astype(np.float32)
    return WindowedSeries(
        values.astype(np.float32)[:, :, None],
        None,
        0,
        5,
        3,
        calendar=calendar,
        base=Steps(np.arange(60), np.arange(4)),
    )


def test_the_calendar_joins_every_location_of_a_batch(known):
    batch = known.batch(np.array([3, 10]), np.array([2, 0]))
    assert (known.own_features, known.num_covariates, known.num_features) == (1, 2, 3)
    assert batch.x.shape == (2, 5, 2, 3)
    for location in (0, 1):
        np.testing.assert_array_equal(batch.x[1, :, location, 1], np.arange(10, 15))
        np.testing.assert_array_equal(batch.x[1, :, location, 2], -np.arange(10, 15))
    np.testing.assert_array_equal(batch.x[1, :, 0, 0], 200 + np.arange(10, 15))


def test_the_forecasts_of_the_base_come_with_a_batch(known):
    batch = known.batch(np.array([3, 10]), np.array([2, 0]))
    np.testing.assert_array_equal(batch.base[1], np.arange(15, 18)[:, None] + [2000, 0])
    np.testing.assert_array_equal(batch.residual(), batch.y - batch.base)
    assert WindowBatch(batch.x, batch.y, None).residual() is batch.y


def test_taking_steps_takes_all_that_belongs_to_them(known):
    wanted = known.batch(np.array([20]))
    for some, start in ((known.take(slice(20, 30)), 0), (known.take(np.arange(15, 40)), 5)):
        batch = some.batch(np.array([start]))
        for name in ("x", "y", "base"):
            assert torch.equal(getattr(batch, name), getattr(wanted, name))
    assert len(known.head(7).inputs) == len(known.head(7).calendar) == 7


def test_selecting_locations_selects_all_that_belongs_to_them(known):
    some = np.array([3, 1])
    batch, wanted = known.select(some).batch(np.array([4])), known.batch(np.array([4]), some)
    for name in ("x", "y", "base"):
        assert torch.equal(getattr(batch, name), getattr(wanted, name))


def test_a_mask_is_taken_and_selected_too(rng):
    mask = rng.random((40, 3, 1)) > 0.3
    windows = WindowedSeries(np.where(mask, 1.0, 0.0).astype(np.float32), mask, 0, 5, 3)
    np.testing.assert_array_equal(windows.take(slice(5, 9)).input_mask, mask[5:9])
    np.testing.assert_array_equal(windows.select(np.array([2, 0])).input_mask, mask[:, [2, 0]])


def test_targets_are_those_of_the_batch(known, rng):
    mask = rng.random((60, 4, 1)) > 0.3
    gappy = WindowedSeries(np.where(mask, known.inputs, 0), mask, 0, 5, 3)
    for windows in (known, gappy):
        for locations in (None, np.array([2, 0])):
            batch = windows.batch(np.array([3, 10]), locations)
            y, seen = windows.targets(np.array([3, 10]), locations)
            np.testing.assert_array_equal(y, batch.y)
            if windows is known:
                assert seen is None
            else:
                np.testing.assert_array_equal(seen, batch.observed)


def test_the_mean_window_holds_the_mean_calendar(known):
    starts = np.arange(4, 20)
    mean, batch = known.mean_window(starts), known.batch(starts)
    assert mean.shape == (4, 5, 3)
    np.testing.assert_allclose(mean, batch.x.numpy().mean(axis=0).transpose(1, 0, 2), rtol=1e-6)


def test_append_calendar(rng):
    x, calendar = rng.normal(size=(2, 5, 3, 1)), rng.normal(size=(2, 5, 4))
    joined = append_calendar(x, calendar)
    assert joined.shape == (2, 5, 3, 5)
    np.testing.assert_array_equal(joined[:, :, 1, 1:], calendar)
    np.testing.assert_array_equal(joined[..., :1], x)


def test_a_graph_goes_with_the_locations(rng):
    weights = rng.random((5, 5)).astype(np.float32)
    values = rng.normal(size=(30, 5, 1)).astype(np.float32)
    windows = WindowedSeries(values, None, 0, 4, 2, graph=LocationGraph.of(weights))
    some = np.array([4, 1])
    wanted = weights[np.ix_(some, some)]
    np.testing.assert_array_equal(windows.select(some).graph.weights.toarray(), wanted)
    np.testing.assert_array_equal(windows.graph_of(some).weights.toarray(), wanted)
    assert windows.head(9).graph is windows.graph_of(None) is windows.graph
    assert WindowedSeries(values, None, 0, 4, 2).graph_of(some) is None
