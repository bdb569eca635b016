import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.windows import (
    WindowedSeries,
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


def test_mean_window_refuses_gaps():
    with pytest.raises(DataError, match="consecutive"):
        prepare(ramp(), CONFIG).windows.mean_window(np.array([0, 2]))


def test_scaler_and_encoder_input_see_train_only():
    series = ramp()
    values = series.values.copy()
    values[36:] = -1e6
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
