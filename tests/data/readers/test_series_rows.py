import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


@pytest.fixture
def write(tmp_path):
    def written(ending="parquet", **columns):
        table = pa.table({k: pa.array(v) for k, v in columns.items()})
        path = tmp_path / f"x.{ending}"
        if ending == "parquet":
            pa.parquet.write_table(table, path)
        else:
            feather.write_feather(table, path)
        return path

    return written


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
@pytest.mark.parametrize(
    "start", ["2020-01-01 00:00:00", pd.Timestamp("2020-01-01")], ids=["text", "date"]
)
def test_a_row_per_series(write, ending, start):
    path = write(
        ending,
        start=[start, start],
        target=[[1.0, 2.0, None], [4.0, 5.0]],
        item_id=["a", "b"],
        freq=["1H", "1H"],
        feat_static_cat=[[0], [1]],
    )
    series = read_series(path)
    assert series.location_ids == ("a", "b")
    assert list(series.times.astype("datetime64[h]").astype(int) % 24) == [0, 1, 2]
    np.testing.assert_array_equal(series.values[:, :, 0].T, [[1, 2, np.nan], [4, 5, np.nan]][:2])


def test_rows_that_begin_later(write):
    path = write(
        start=["2020-01-01", "2020-01-03"], target=[[1, 2, 3, 4], [7, 8, 9]], freq=["D", "D"]
    )
    series = read_series(path)
    assert series.times[-1] == np.datetime64("2020-01-05")
    np.testing.assert_array_equal(series.values[:, 0, 0], [1, 2, 3, 4, np.nan])
    np.testing.assert_array_equal(series.values[:, 1, 0], [np.nan, np.nan, 7, 8, 9])


@pytest.mark.parametrize(
    ("freq", "start", "last"),
    [
        ("5min", "2020-01-01", "2020-01-01T00:15"),
        ("30T", "2020-01-01", "2020-01-01T01:30"),
        ("W-SUN", "2020-01-05", "2020-01-26"),
        ("M", "2019-12-31", "2020-03-31"),
        ("MS", "2019-12-01", "2020-03-01"),
        ("Q", "1990-03-31", "1990-12-31"),
        ("A-DEC", "1990-01-01", "1993-01-01"),
        ("2h", "2020-01-01", "2020-01-01T06:00"),
    ],
)
def test_steps_of_all_lengths(write, freq, start, last):
    series = read_series(write(start=[start], target=[[1.0, 2, 3, 4]], freq=[freq]))
    assert series.num_steps == 4
    assert series.times[-1] == np.datetime64(last)


def test_months_that_begin_later(write):
    path = write(start=["2020-01-31", "2020-02-29"], target=[[1, 2, 3], [5, 6]], freq=["M", "M"])
    np.testing.assert_array_equal(read_series(path).values[:, 1, 0], [np.nan, 5, 6])


def test_lists_of_lists_are_features(write):
    path = write(start=["2020-01-01"], target=[[[1.0, 2, 3], [4, 5, 6]]], freq=["h"])
    series = read_series(path)
    assert series.values.shape == (3, 1, 2)
    np.testing.assert_array_equal(series.values[:, 0, 1], [4, 5, 6])


def test_one_start_and_no_step(write):
    path = write(start=["2020-01-01"] * 2, target=[[1.0, 2, 3], [4, 5, 6]])
    assert read_series(path).times is None
    series = read_series(path, DataConfig(sampling_step="1h"))
    assert series.times[1] == np.datetime64("2020-01-01T01:00")
    with pytest.raises(DataError, match=r"has time stamps|by its own account"):
        read_series(path, DataConfig(start="2021-01-01", sampling_step="1h"))


def test_several_starts_need_a_step(write):
    path = write(start=["2020-01-01", "2020-01-02"], target=[[1.0, 2, 3], [4, 5, 6]])
    with pytest.raises(DataError, match=r"2020-01-01.* to 2020-01-02.*data\.sampling_step"):
        read_series(path)
    series = read_series(path, DataConfig(sampling_step="12h"))
    assert series.num_steps == 5
    with pytest.raises(DataError, match="lies between two steps"):
        read_series(path, DataConfig(sampling_step="7h"))
    with pytest.raises(DataError, match="'often' is no step"):
        read_series(path, DataConfig(sampling_step="often"))


def test_a_step_of_its_own_is_not_replaced(write):
    path = write(start=["2020-01-01"], target=[[1.0, 2, 3]], freq=["h"])
    with pytest.raises(DataError, match="has time stamps of its own"):
        read_series(path, DataConfig(sampling_step="2h"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": [[1.0], []]}, "data row 2: expected a list of readings"),
        ({"target": [[1.0], None]}, "data row 2: expected a list of readings; found none"),
        ({"target": [["a"], ["b"]]}, "data row 1: expected a list of numbers"),
        ({"target": [[[1.0], [2.0, 3.0]], [[1.0], [2.0]]]}, "different lengths"),
        ({"target": [[[1.0], [2.0]], [[1.0]]]}, "from 1 to 2 lists in target"),
        ({"target": [[[[1.0]]], [[[1.0]]]]}, "data row 1: expected"),
        ({"target": [[float("inf")], [1.0]]}, "infinite reading"),
        ({"start": ["2020-01-01", None]}, "time stamp of data row 2 is missing"),
        ({"start": ["2020-01-01", "soon"]}, "'soon' is not a time stamp"),
        ({"freq": ["h", "D"]}, "freq is h in some rows and D in others"),
        ({"freq": ["B", "B"]}, "'B' is no step"),
        ({"freq": ["5m", "5m"]}, "'5m' is no step"),
        ({"freq": ["0h", "0h"]}, "'0h' is no step"),
        ({"item_id": ["a", None]}, "data row 2 has no item_id"),
        ({"item_id": ["a", "a"]}, "location id 'a' occurs twice"),
        ({"freq": ["W", "W"], "start": ["2020-01-01", "2020-01-02"]}, "between two steps"),
        ({"freq": ["M", "M"], "start": ["2020-01-01", "2020-02-02"]}, "between two steps"),
        ({"freq": ["s", "s"], "start": ["1700-01-01", "2200-01-01"]}, "centuries apart"),
        ({"freq": ["s", "s"], "start": ["1970-01-01", "2020-01-01"]}, "hardly overlap"),
    ],
)
def test_rows_that_do_not_fit(write, changes, message):
    columns = {
        "start": ["2020-01-01"] * 2,
        "target": [[1.0], [2.0]],
        "item_id": ["a", "b"],
        "freq": ["h", "h"],
    }
    with pytest.raises(DataError, match=message) as caught:
        read_series(write(**(columns | changes)))
    assert "\n" not in str(caught.value)


def test_other_tables_with_lists_are_refused(write):
    with pytest.raises(DataError, match="column x holds values of the type ndarray"):
        read_series(write(start=["2020-01-01"], x=[[1.0]]))
