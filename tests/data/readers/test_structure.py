from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.structure import as_columns, check_plain, recognised, time_column
from stemdist_ray.errors import DataError

PATH = Path("x.csv")
HOURS = pd.date_range("2024-01-01", periods=6, freq="h")


def seen(table, **options):
    return recognised(table, ReadConfig(**options), PATH)


def long_table(times=HOURS, ids=("a", "b", "c"), names=("when", "who", "speed"), by_time=True):
    count = len(times) * len(ids)
    if by_time:
        keys = np.repeat(np.asarray(times), len(ids)), np.tile(np.asarray(ids, object), len(times))
    else:
        keys = np.tile(np.asarray(times), len(ids)), np.repeat(np.asarray(ids, object), len(times))
    readings = np.arange(count) / 7
    return pd.DataFrame(dict(zip(names, (*keys, readings), strict=True))).infer_objects()


@pytest.mark.parametrize("by_time", [True, False])
@pytest.mark.parametrize("ids", [("a", "b", "c"), (1000, 1001, 1002), ("001", "002", "003")])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_names_and_order_of_columns_do_not_matter(by_time, ids, order):
    table = long_table(ids=ids, by_time=by_time)
    layout = seen(table[[table.columns[i] for i in order]])
    assert (layout.time, layout.location, layout.features) == ("when", "who", ("speed",))


def test_times_as_text_and_as_whole_numbers():
    text = long_table().assign(when=lambda t: t["when"].astype(str))
    assert seen(text).time == "when"
    steps = long_table(range(6), (7, 8), ("ds", "unique_id", "y"))
    layout = seen(steps)
    assert (layout.time, layout.location, layout.features) == ("ds", "unique_id", ("y",))


def test_a_running_number_is_no_location_and_no_reading():
    table = long_table(ids=range(50), names=("time", "sensor_id", "speed"))
    table.insert(0, "id", np.arange(len(table)))
    layout = seen(table)
    assert (layout.location, layout.features) == ("sensor_id", ("speed",))


def test_a_second_name_of_the_locations_is_no_reading():
    table = long_table().assign(
        city=lambda t: t["who"].str.upper(), lat=lambda t: t["who"].map(ord)
    )
    table["flow"] = np.arange(len(table)) * 1.5
    assert seen(table).features == ("speed", "flow")
    assert seen(table, features=("flow",)).features == ("flow",)


def test_wide_tables():
    wide = pd.DataFrame(np.arange(12.0).reshape(6, 2), columns=["a", "b"])
    assert seen(wide) is None
    assert seen(wide.assign(time=HOURS)) is None
    counts = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (6, 4)), columns=list("abcd"))
    assert seen(counts.assign(time=HOURS)) is None
    assert seen(long_table(), layout="wide") is None


def test_two_columns_that_may_be_the_locations():
    table = long_table(ids=(1, 2, 3)).assign(lane=lambda t: (t["who"] + t.index // 3) % 3)
    with pytest.raises(DataError, match=r"either of the columns who and lane.*location_column"):
        seen(table)
    assert seen(table, location_column="lane").location == "lane"
    # A name is enough.
    assert seen(table.rename(columns={"lane": "station"})).location == "station"


def test_times_that_repeat_for_no_reason_that_shows():
    table = long_table(names=("time", "note", "speed")).assign(note="fine")
    with pytest.raises(DataError, match="no column tells the rows of one time apart"):
        seen(table)


@pytest.mark.parametrize("option", ["time_column", "location_column", "features"])
def test_columns_that_do_not_exist(option):
    given = ("nothing",) if option == "features" else "nothing"
    with pytest.raises(DataError, match=r"no column 'nothing'; found when, who, speed"):
        seen(long_table(), **{option: given})


def test_long_without_a_time():
    with pytest.raises(DataError, match=r"looks like a time.*data\.read\.time_column"):
        seen(pd.DataFrame({"a": [1.5, 2.5], "b": [1, 2]}), layout="long")


def test_the_time_column_wherever_it_is():
    table = pd.DataFrame({"a": [1.0, 2], "b": [3.0, 4], "when": HOURS[:2]})
    assert time_column(table, ReadConfig(), PATH) == "when"
    two = table.assign(then=HOURS[2:4])
    with pytest.raises(DataError, match="columns when and then may hold the times"):
        time_column(two, ReadConfig(), PATH)
    assert time_column(two, ReadConfig(time_column="then"), PATH) == "then"
    assert time_column(two.rename(columns={"then": "timestamp"}), ReadConfig(), PATH) == "timestamp"


def test_what_an_index_says():
    plain = pd.DataFrame({"a": [1.0, 2]})
    assert as_columns(plain) is plain
    assert list(as_columns(plain.set_index(HOURS[:2])).columns) == ["time", "a"]
    named = plain.set_index(pd.Index(["x", "y"], name="station"))
    assert list(as_columns(named).columns) == ["station", "a"]
    both = long_table().set_index(["when", "who"])
    assert list(as_columns(both).columns) == ["when", "who", "speed"]
    both.index.names = [None, None]
    assert list(as_columns(both).columns) == ["index_0", "index_1", "speed"]


DAYS = pd.date_range("2024-01-01", periods=40, freq="D")


def wide_days(**more):
    rng = np.random.default_rng(1)
    return pd.DataFrame({"time": DAYS, "s1": rng.normal(size=40), **more})


@pytest.mark.parametrize("name", ["id", "zone", "site"])
def test_a_row_key_is_no_location(name):
    assert seen(wide_days(**{name: np.arange(40)})) is None


@pytest.mark.parametrize(
    "column", [np.arange(40) % 7, np.arange(40) % 2, np.resize(["A", "B"], 40)], ids=str
)
def test_an_hour_that_comes_twice_does_not_make_a_table_long(column):
    table = wide_days(more=column)
    table.loc[20, "time"] = table.loc[19, "time"]
    assert seen(table) is None  # told as times that do not increase


@pytest.mark.parametrize("name", ["sensor", "sid"])
def test_a_repeated_row_does_not_make_readings_locations(name):
    count = 2 * len(DAYS)
    flow = np.random.default_rng(0).permutation(count)
    table = pd.DataFrame({"time": np.repeat(DAYS, 2), name: np.tile([1, 2], len(DAYS))})
    table = table.assign(flow=flow)
    table.loc[7] = [table["time"][5], table[name][5], 999]
    if name == "sensor":
        assert seen(table).location == "sensor"
    else:
        with pytest.raises(DataError, match="location_column"):
            seen(table)


def test_what_describes_a_location_is_no_reading():
    table = long_table(ids=(1, 2, 3)).assign(
        lat=lambda t: t["who"] / 7, code=lambda t: t["who"] + 9
    )
    assert seen(table[["when", "who", "lat", "code", "speed"]]).features == ("speed",)


def test_only_row_numbers_are_left_out():
    table = long_table()
    table["n"] = np.arange(len(table))
    assert seen(table).features == ("speed", "n")
    table.insert(0, "Unnamed: 0", np.random.default_rng(0).permutation(len(table)))
    assert seen(table).features == ("speed", "n")
    sparse = long_table().assign(rain=pd.array([1, None] * 9, dtype="Int64"))
    assert seen(sparse).features == ("speed", "rain")


def test_a_named_index_that_counts():
    plain = pd.DataFrame({"a": np.arange(4.0)}, index=pd.RangeIndex(4, name="idx"))
    assert list(as_columns(plain).columns) == ["a"]


@pytest.mark.parametrize("name", ["epoch", "timestep", "year"])
def test_other_names_of_times(name):
    table = long_table(range(6), ("x", "y"), (name, "node", "flow"))
    assert seen(table).time == name


def test_long_without_a_known_time():
    table = long_table(range(6), ("x", "y"), ("moment", "node", "flow"))
    with pytest.raises(DataError, match=r"by data\.read\.time_column, or that the table is wide"):
        seen(table)


def test_settings_of_long_tables_for_a_wide_one():
    with pytest.raises(DataError, match="says nothing about a wide table"):
        seen(wide_days(), location_column="s1", layout="wide")
    with pytest.raises(DataError, match="layout says long, but no time has several rows"):
        seen(wide_days(), layout="long")


@pytest.mark.parametrize("value", [[1], b"1", {"a": 1}, np.ones(2)], ids=str)
def test_columns_of_other_things(value):
    table = wide_days(tags=pd.Series([value] * 40, dtype=object))
    with pytest.raises(
        DataError, match=f"column tags holds values of the type {type(value).__name__}"
    ):
        check_plain(table, PATH)
    check_plain(wide_days(), PATH)


def test_seconds_since_1970_whatever_their_column_is_called():
    stamps = np.delete(np.arange(1.7e9, 1.7e9 + 3600 * 20, 3600).astype(np.int64), [3, 4])
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"a": rng.integers(1e9, 2e9, 18), "when": stamps, "b": rng.normal(size=18)}
    )
    assert time_column(table, ReadConfig(), PATH) == "when"
    assert time_column(table.drop(columns="when"), ReadConfig(), PATH) is None
    assert seen(long_table(times=stamps, ids=(7, 8, 9))).location == "who"


@pytest.mark.parametrize("as_kind", [int, float])
def test_seconds_of_months_are_times(as_kind):
    months = pd.date_range("2024-01-01", periods=8, freq="MS").as_unit("s").astype(int)
    table = pd.DataFrame({"0": months.astype(as_kind), "1": np.arange(8.0)})
    assert time_column(table, ReadConfig(), Path("x")) == "0"


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m%d%H%M%S"])
def test_numbers_that_are_written_like_dates_are_times(form):
    days = pd.date_range("2024-01-28", periods=8).strftime(form).astype("int64")
    table = pd.DataFrame({"when": days, "a": np.arange(8.0)})
    assert time_column(table, ReadConfig(), Path("x")) == "when"
    table["when"] = [20240101, 20240103, 20240110, 20250607, 19991231, 20300101, 20010101, 20020202]
    table["when"] *= 10 ** (len(str(days[0])) - 8)
    table["when"] += [7, 0, 0, 0, 0, 0, 0, 0] if form.endswith("S") else 0
    assert (time_column(table, ReadConfig(), Path("x")) is None) == form.endswith("S")


def test_numbers_of_rows_are_no_reading_behind_joined_times():
    hours = pd.date_range("2024-01-01", periods=4, freq="h").repeat(2)
    table = pd.DataFrame({"date": hours, "0": range(8), "id": list("ab") * 4, "flow": 1.5})
    table["flow"] += np.arange(8)
    layout = recognised(table, ReadConfig(), Path("x"))
    assert layout.features == ("flow",)
