from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.wide import column_of_times, numeric, times_of, wide_to_series
from stemdist_ray.errors import DataError

PATH = Path("x.csv")
HOURS = pd.date_range("2024-01-01", periods=6, freq="h")


def table(**columns):
    return pd.DataFrame({**columns, "a": np.arange(6.0), "b": np.arange(6.0) * 2})


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({}, None),
        ({"when": HOURS}, "when"),
        ({"step": range(6)}, "step"),
        ({"Unnamed: 0": [3, 1, 4, 1, 5, 9]}, "Unnamed: 0"),
        ({"t": [3.5, 1, 4, 1, 5, 9]}, None),
        ({"t": range(6)}, "t"),
    ],
)
def test_column_of_times(columns, wanted):
    assert column_of_times(table(**columns), PATH, ReadConfig()) == wanted


def test_a_running_number_is_no_time():
    assert times_of(pd.Series(range(5, 11)), PATH, ReadConfig(), "step") is None
    with pytest.raises(DataError, match="no known time stamps"):
        times_of(pd.Series([5, 6, 9]), PATH, ReadConfig(), "step")


def test_how_it_was_read_is_kept():
    series = wide_to_series(table(when=HOURS), PATH, ReadConfig())
    assert series.attributes["reading"] == {"layout": "wide", "time_column": "when"}
    series = wide_to_series(table(step=range(6)), PATH, ReadConfig())
    assert series.attributes["reading"] == {"layout": "wide", "not_read": ["step"]}


@pytest.mark.parametrize(("how", "wanted"), [("first", 1), ("mean", 1.5)])
def test_times_that_come_twice(how, wanted):
    stamps = HOURS[[0, 1, 1, 3, 4, 5]]
    series = wide_to_series(table(when=stamps), PATH, ReadConfig(duplicates=how))
    np.testing.assert_array_equal(series.times, HOURS[[0, 1, 3, 4, 5]])
    assert series.values[1, 0, 0] == wanted
    with pytest.raises(DataError, match="time stamps must increase"):
        wide_to_series(table(when=stamps), PATH, ReadConfig())


def test_what_is_no_number_is_named_by_its_row_in_the_file():
    with pytest.raises(DataError, match="column 'a', data row 103: expected a number, found 'x'"):
        numeric(pd.DataFrame({"a": ["1", "2", "x"]}), PATH, 100)


@pytest.mark.parametrize("given", [{"time_format": "excel"}, {"timezone": "UTC"}])
def test_settings_of_times_are_not_overlooked(given):
    with pytest.raises(DataError, match="nothing looks like times"):
        wide_to_series(table(when=[4.5, 5.5, 9.5] * 2), PATH, ReadConfig(**given))
