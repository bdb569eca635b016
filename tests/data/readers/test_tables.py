from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.data.source import read_series
from stemdist_ray.data.streaming import stream_source
from stemdist_ray.errors import DataError

PATH = Path("x.parquet")
HOURS = pd.date_range("2024-01-01", periods=60, freq="h")
WANTED = np.arange(180.0, dtype=np.float32).reshape(60, 3)


def wide():
    return pd.DataFrame(WANTED, index=HOURS, columns=["a", "b", "c"])


def stacked(names=("time", "sensor")):
    series = wide().stack()
    series.index.names = list(names)
    return series.to_frame("speed")


def check(series, times=True):
    np.testing.assert_array_equal(series.values[:, :, 0], WANTED)
    assert series.location_ids == ("a", "b", "c")
    if times:
        np.testing.assert_array_equal(series.times, HOURS.to_numpy())


def write(table, path):
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".arrow":
        feather.write_feather(pa.Table.from_pandas(table, preserve_index=False), path)
    else:
        table.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow"])
@pytest.mark.parametrize("names", [("time", "sensor"), ("when", "who")])
def test_long_tables_are_read_alike_in_all_formats(tmp_path, ending, names):
    table = stacked(names).reset_index()
    check(read_series(write(table, tmp_path / f"x.{ending}")))
    back = table[table.columns[::-1]].iloc[::-1]
    series = read_series(write(back, tmp_path / f"y.{ending}"))
    assert series.location_ids == ("c", "b", "a")
    np.testing.assert_array_equal(series.values[:, ::-1, 0], WANTED)


def test_an_index_of_time_and_location(tmp_path):
    stacked().to_parquet(tmp_path / "x.parquet")
    check(read_series(tmp_path / "x.parquet"))
    files = tmp_path / "files"
    files.mkdir()
    config = DataConfig(lookback=3, horizon=2)
    streamed = stream_source(tmp_path / "x.parquet", config, files)
    assert streamed.location_ids == ("a", "b", "c")
    np.testing.assert_array_equal(streamed.times, HOURS.to_numpy())


def test_columns_of_location_and_feature():
    table = pd.concat([wide(), wide() + 1000], axis=1, keys=["speed", "flow"]).swaplevel(axis=1)
    series = frame_to_series(table, PATH, ReadConfig())
    assert series.location_ids == ("a", "b", "c")
    assert series.feature_names == ("speed", "flow")
    np.testing.assert_array_equal(series.values[:, :, 1], WANTED + 1000)
    np.testing.assert_array_equal(series.times, HOURS.to_numpy())


def test_columns_of_three_levels():
    table = pd.concat([wide()], axis=1, keys=[("x", "y")])
    with pytest.raises(DataError, match="columns have 3 levels; expected location and feature"):
        frame_to_series(table, PATH, ReadConfig())


def test_long_tables_of_steps_without_a_date():
    table = stacked().reset_index()
    table["time"] = np.repeat(np.arange(60), 3)
    series = frame_to_series(table, PATH, ReadConfig())
    check(series, times=False)
    assert series.times is None
    seconds = table.assign(time=table["time"] * 3600 + 1704067200)
    check(frame_to_series(seconds, PATH, ReadConfig()))


def test_the_time_column_may_be_the_last_of_a_wide_table():
    plain = wide().reset_index(drop=True)
    check(frame_to_series(plain.assign(time=HOURS), PATH, ReadConfig()))
    other = plain.assign(hour=HOURS.strftime("%Y%m%d%H").astype(int))
    check(frame_to_series(other, PATH, ReadConfig()))
    check(frame_to_series(other, PATH, ReadConfig(time_column="hour")))


def test_times_in_the_index_and_in_a_column():
    with pytest.raises(DataError, match="column .* holds datetime64.* values; expected numbers"):
        frame_to_series(wide().assign(time=HOURS), PATH, ReadConfig())


def test_what_the_user_says_wins():
    table = stacked(("t1", "t2")).reset_index().assign(flow=1.0)
    options = ReadConfig(layout="long", time_column="t1", location_column="t2", features=("speed",))
    series = frame_to_series(table, PATH, options)
    check(series)
    assert series.feature_names == ("speed",)


def test_times_of_their_own_at_every_location(monkeypatch):
    rng = np.random.default_rng(0)
    seconds = np.sort(rng.choice(10**6, 4000, replace=False))
    table = pd.DataFrame(
        {
            "time": pd.Timestamp("2023-01-01") + pd.to_timedelta(seconds, unit="s"),
            "station": rng.integers(0, 500, 4000),
            "pm25": rng.normal(size=4000),
        }
    )
    assert frame_to_series(table, PATH, ReadConfig()).num_steps == 4000  # 8 MB do no harm
    monkeypatch.setattr("stemdist_ray.data.readers.long._LARGE", 2**20)
    with pytest.raises(DataError, match=r"would fill 0.2 % of 4,000 steps x 500 locations"):
        frame_to_series(table, PATH, ReadConfig())


@pytest.mark.parametrize("written", ["%d.%m.%Y", "%m/%d/%Y", "%d %b %Y"])
def test_steps_of_long_tables_are_sorted_as_times_not_as_text(written):
    days = pd.date_range("2024-01-20", periods=60)
    table = stacked().reset_index()
    table["time"] = np.repeat(days.strftime(written), 3)
    series = frame_to_series(table.sample(frac=1, random_state=0), PATH, ReadConfig())
    np.testing.assert_array_equal(series.times, days.to_numpy())
    order = [series.location_ids.index(name) for name in "abc"]
    np.testing.assert_array_equal(series.values[:, order, 0], WANTED)


@pytest.mark.parametrize("names", [("M1", "M2", "M3"), ("1-1", "1-2", "1-3"), ("T1", "may", "9A")])
def test_ids_that_only_look_like_times(names):
    series = frame_to_series(wide().set_axis(names, axis=1), PATH, ReadConfig())
    assert series.location_ids == names


def test_a_date_and_a_time_of_day_in_two_columns():
    table = wide().reset_index(drop=True)
    table.insert(0, "Date", HOURS.strftime("%Y-%m-%d"))
    table.insert(1, "Time", HOURS.strftime("%H:%M"))
    check(frame_to_series(table, PATH, ReadConfig()))
    table = table.rename(columns={"Time": "Clock"}).assign(time=0.5)
    with pytest.raises(DataError, match="columns Date and time may hold the times"):
        frame_to_series(table, PATH, ReadConfig())


def test_years():
    table = pd.DataFrame({"Year": np.arange(1990, 2050), "a": WANTED[:, 0]})
    series = frame_to_series(table, PATH, ReadConfig())
    assert series.times[0] == np.datetime64("1990-01-01")
    assert series.location_ids == ("a",)


def test_features_of_a_wide_table():
    """Those that are wanted; the others may be of another kind."""
    table = wide().assign(weather="fine")
    with pytest.raises(DataError, match=r"found 'fine'; name the columns of readings by data\.r"):
        frame_to_series(table, PATH, ReadConfig())
    series = frame_to_series(table, PATH, ReadConfig(features=("b", "a")))
    assert series.location_ids == ("b", "a")
    with pytest.raises(DataError, match="there is no column 'z'"):
        frame_to_series(table, PATH, ReadConfig(features=("z",)))


def test_an_index_without_names_streamed(tmp_path):
    table = stacked()
    table.index.names = [None, None]
    table.to_parquet(tmp_path / "x.parquet")
    check(read_series(tmp_path / "x.parquet"))
    (tmp_path / "files").mkdir()
    config = DataConfig(lookback=3, horizon=2)
    assert stream_source(tmp_path / "x.parquet", config, tmp_path / "files").location_ids == (
        *("a", "b", "c"),
    )


@pytest.mark.parametrize("index", ["dates", "text", "periods", "numbers"])
def test_the_index_of_columns_of_two_levels(tmp_path, index):
    days = pd.date_range("2024-01-01", periods=6)
    kinds = {
        "dates": days,
        "text": days.strftime("%Y-%m-%d"),
        "periods": days.to_period("D"),
        "numbers": range(6),
    }
    columns = pd.MultiIndex.from_product([["a", "b"], ["speed", "flow"]])
    table = pd.DataFrame(np.arange(24.0).reshape(6, 4), kinds[index], columns)
    series = frame_to_series(table, PATH, ReadConfig())
    assert (series.location_ids, series.feature_names) == (("a", "b"), ("speed", "flow"))
    np.testing.assert_array_equal(series.values[:, 1, 0], table[("b", "speed")])
    if index == "numbers":
        assert series.times is None
    else:
        np.testing.assert_array_equal(series.times, days)


def test_an_index_of_periods():
    months = pd.period_range("2020-01", periods=8, freq="M")
    table = pd.DataFrame({"a": np.arange(8.0)}, index=months)
    series = frame_to_series(table, PATH, ReadConfig())
    np.testing.assert_array_equal(series.times, months.to_timestamp())
    column = table.reset_index(names="month")
    np.testing.assert_array_equal(frame_to_series(column, PATH, ReadConfig()).times, series.times)


@pytest.mark.parametrize("names", [("latitude", "longitude"), ("Lat", "Lng")])
def test_coordinates_in_the_table(tmp_path, names):
    table = stacked().reset_index()
    places = {"a": (1.5, 2.5), "b": (3.0, 4.0), "c": (5.0, 6.5)}
    ids = table.columns[1]
    for position, name in enumerate(names):
        table[name] = [places[i][position] for i in table[ids]]
    series = frame_to_series(table, PATH, ReadConfig())
    np.testing.assert_array_equal(series.coordinates, [places[i] for i in series.location_ids])
    assert not set(names) & set(series.feature_names)
    moving = table.assign(**{names[0]: np.arange(len(table))})
    assert frame_to_series(moving, PATH, ReadConfig()).coordinates is None


def test_a_location_called_time_cannot_be_turned():
    table = pd.DataFrame({"id": ["time", "b"], "2024-01-01": [1.0, 2], "2024-01-02": [3.0, 4]})
    with pytest.raises(DataError, match="called 'time'"):
        frame_to_series(table, Path("x.csv"), ReadConfig(transpose=True))
