import numpy as np
import pandas as pd
import pytest

from stemdist_ray.data.resample import beginnings, one_per_time, resampled, resampled_rows
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

NAN = np.nan


@pytest.fixture
def irregular():
    rng = np.random.default_rng(0)
    minutes = np.sort(rng.choice(600, 90, replace=False))
    values = rng.normal(size=(90, 3, 2)).astype(np.float32)
    values[rng.random(values.shape) < 0.4] = NAN
    times = np.datetime64("2024-01-01T05:07") + minutes * np.timedelta64(1, "m")
    return SpatioTemporalSeries(values=values, times=times)


@pytest.mark.parametrize("method", ["mean", "last", "sum"])
@pytest.mark.parametrize("step", ["10min", "1h", "7min"])
def test_like_pandas(irregular, method, step):
    series = resampled(irregular, (method, step))
    frame = pd.DataFrame(irregular.values.reshape(90, -1), index=irregular.times)
    groups = frame.resample(step)
    wanted = groups.sum(min_count=1) if method == "sum" else groups.agg(method)
    present = groups.size().to_numpy() > 0
    np.testing.assert_array_equal(series.times, wanted.index[present])
    found = series.values.reshape(len(series.values), -1)
    np.testing.assert_allclose(found, wanted[present], rtol=1e-5, atol=1e-6)


def test_nothing_to_do(traffic):
    assert resampled(traffic, ("mean", "5min")) is traffic


def test_steps_are_named_by_their_beginning():
    times = np.array(["2024-03-05T13:59", "2024-03-05T14:00"], "datetime64[ns]")
    wanted = np.array(["2024-03-05T13:30", "2024-03-05T14:00"], "datetime64[ns]")
    np.testing.assert_array_equal(beginnings(times, "30min", "x"), wanted)


@pytest.mark.parametrize("step", ["", "5", "fortnight", "0min", "-5min", "1month", "nan"])
def test_steps_that_are_none(traffic, step):
    with pytest.raises(DataError, match="no length of a step; expected e.g. 5min"):
        resampled(traffic, ("mean", step))


def test_without_time_stamps(traffic):
    with pytest.raises(DataError, match=r"no time stamps, which data\.read\.resample needs"):
        resampled(traffic.with_changes(times=None), ("mean", "1h"))


def test_rows_of_a_long_table():
    table = pd.DataFrame({"step": [0, 0, 1], "place": [2, 2, 2], "v": [1.0, NAN, NAN]})
    total = resampled_rows(table, ["step", "place"], ["v"], "sum")
    np.testing.assert_array_equal(total["v"], [1, NAN])
    last = resampled_rows(table, ["step", "place"], ["v"], "last")
    np.testing.assert_array_equal(last["v"], [1, NAN])


def test_one_row_per_time():
    times = np.array(["2024-01-01", "2024-01-02", "2024-01-01"], "datetime64[ns]")
    values = np.array([[1.0], [5.0], [3.0]], np.float32)[:, :, None]
    kept, different = one_per_time(values, times, "mean")
    np.testing.assert_array_equal(kept[:, 0, 0], [2, 5])
    np.testing.assert_array_equal(different, times[:2])
    kept, _ = one_per_time(values, times, "first")
    np.testing.assert_array_equal(kept[:, 0, 0], [1, 5])
    assert one_per_time(values[:2], times[:2], "mean")[0] is not None
