import itertools

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.describe import describe_series
from stemdist_ray.data.regular import FILLED, regular, regular_blocks
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series
from stemdist_ray.data.streaming import stream_source
from stemdist_ray.errors import DataError


def series(times, **more):
    times = np.asarray(times, "datetime64[ns]")
    values = np.arange(2.0 * len(times)).reshape(len(times), 2)
    return SpatioTemporalSeries(values, times=times, name="x", **more)


def kept(times, rows):
    return series(times).with_changes(
        values=series(times).values[rows], times=np.asarray(times, "datetime64[ns]")[rows]
    )


HOURS = pd.date_range("2024-03-30", periods=48, freq="h")
ROWS = np.flatnonzero((np.arange(48) // 6) % 3 != 1)


def test_regular_series_stay_as_they_are():
    whole = series(HOURS)
    assert regular(whole) is whole
    without = SpatioTemporalSeries(whole.values)
    assert regular(without) is without
    assert regular(series(HOURS[:2])).num_steps == 2


def test_missing_rows_become_missing_entries():
    filled = regular(kept(HOURS, ROWS))
    np.testing.assert_array_equal(filled.times, HOURS[: ROWS[-1] + 1].to_numpy())
    np.testing.assert_array_equal(filled.values[ROWS], series(HOURS).values[ROWS])
    gaps = np.setdiff1d(np.arange(ROWS[-1] + 1), ROWS)
    assert not filled.mask[gaps].any()
    assert filled.attributes[FILLED] == len(gaps)
    about = describe_series(filled, "x", "memory")
    assert about.missing_rows == "12 of 42 steps have no row in the source; they count as missing"
    assert describe_series(series(HOURS), "x", "memory").missing_rows == ""


@pytest.mark.parametrize("freq", ["MS", "ME", "QS", "YS"])
def test_months_and_years_are_steps(freq):
    times = pd.date_range("2001-01-01", periods=40, freq=freq)
    whole = series(times)
    assert regular(whole) is whole
    rows = np.delete(np.arange(40), [7, 8, 30])
    filled = regular(kept(times, rows))
    assert filled.num_steps == 40
    assert np.flatnonzero(~filled.mask[:, 0, 0]).tolist() == [7, 8, 30]
    assert (np.diff(filled.times) > np.timedelta64(0)).all()


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        ([0, 5, 10, 17, 22], "are 0 days 00:05:00 apart, but step 3 .* lies between two of them"),
        ([0, 5, 10, 15, 500_000], "5 rows would be 100,001 steps"),
    ],
)
def test_times_that_are_no_grid(minutes, words):
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(minutes, unit="min")
    with pytest.raises(DataError, match=words):
        regular(series(times))


def test_two_readings_of_one_month():
    times = ["2024-01-01", "2024-02-01", "2024-02-29", "2024-04-01", "2024-05-01"]
    with pytest.raises(DataError, match="steps 1 and 2 are of one month"):
        regular(series(times))


@pytest.mark.parametrize("size", [3, 5, 7, 20])
def test_blocks_are_filled_like_the_whole(size):
    gappy = kept(HOURS, ROWS)
    cut = [
        gappy.with_changes(
            values=gappy.values[i : i + size], times=gappy.times[i : i + size], part_of_more=True
        )
        for i in range(0, gappy.num_steps, size)
    ]
    blocks = list(regular_blocks(iter(cut)))
    whole = regular(gappy)
    np.testing.assert_array_equal(np.concatenate([b.times for b in blocks]), whole.times)
    np.testing.assert_array_equal(np.concatenate([b.values for b in blocks]), whole.values)
    assert sum(b.attributes.get(FILLED, 0) for b in blocks) == whole.attributes[FILLED]


def test_a_file_streamed_and_read(tmp_path):
    times = pd.date_range("2024-01-01", periods=400, freq="h")
    rows = np.flatnonzero((np.arange(400) // 20) % 5 != 2)
    values = np.random.default_rng(0).normal(size=(len(rows), 3))
    table = pd.DataFrame(values, columns=["a", "b", "c"])
    table.insert(0, "time", times[rows])
    table.to_parquet(tmp_path / "x.parquet")
    config = DataConfig(lookback=4, horizon=3)
    whole = read_series(tmp_path / "x.parquet", config)
    assert whole.num_steps == 400
    (tmp_path / "files").mkdir()
    streamed = stream_source(tmp_path / "x.parquet", config, tmp_path / "files")
    assert streamed.description.hash == whole.content_hash()
    assert streamed.description.filled_steps == 80


def test_days_of_local_time():
    local = pd.date_range("2021-03-20", periods=20, freq="D", tz="Europe/Berlin")
    whole = series(local.tz_convert("UTC").tz_localize(None))
    assert regular(whole) is whole
    assert regular(kept(whole.times, np.delete(np.arange(20), 9))).num_steps == 20


def test_clocks_that_jitter():
    times = HOURS.to_numpy() + np.random.default_rng(0).integers(0, 3, 48) * np.timedelta64(1, "s")
    whole = series(times)
    assert regular(whole) is whole


def test_composites_and_thirds_of_a_month():
    dekads = [f"2021-{m:02d}-{d:02d}" for m in range(1, 13) for d in (1, 11, 21)]
    eight = pd.date_range("2020-01-01", "2020-12-31", freq="8D").append(
        pd.date_range("2021-01-01", "2021-12-31", freq="8D")
    )
    for times in (dekads, eight):
        whole = series(times)
        assert regular(whole) is whole


MONTHS = pd.date_range("2001-01-01", periods=40, freq="MS")


@pytest.mark.parametrize("first", [1, 2, 3])
def test_blocks_of_any_size_are_like_the_whole(first):
    """A first block of one step, and later ones in which no two months follow each other."""
    rows = np.array([0, 1, 2, 3, 4, 6, 9, 12, 18, 20, 21, 30, 39])
    whole = kept(MONTHS, rows)
    cuts = [0, first, 5, 8, 9, len(rows)]
    blocks = (
        whole.with_changes(values=whole.values[a:b], times=whole.times[a:b], part_of_more=True)
        for a, b in itertools.pairwise(cuts)
        if a < b
    )
    parts = list(regular_blocks(blocks))
    filled = regular(whole)
    assert filled.num_steps == 40
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts]), filled.values)
    ahead = np.concatenate([p.times for p in parts]) - filled.times
    assert np.abs(ahead).max() < np.timedelta64(3, "D")  # those between are not written down


def test_months_between_the_steps_of_quarters():
    quarters = MONTHS[[0, 3, 6, 9, 11, 12, 15]]
    with pytest.raises(DataError, match="steps are 3 months apart, but step 4"):
        regular(series(quarters))


def test_fewer_steps_than_tell_their_length():
    (block,) = regular_blocks(iter([series(HOURS[:2])]))
    assert block.num_steps == 2


def test_a_known_step():
    times = np.datetime64("2024-01-01", "ns") + np.array([0, 4]) * np.timedelta64(1, "h")
    two = SpatioTemporalSeries(np.ones((2, 1)), times=times)
    assert regular(two, step=np.timedelta64(1, "h")).num_steps == 5
