from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.long import long_to_series
from stemdist_ray.data.readers.structure import LongTable
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

PATH = Path("x.csv")
LAYOUT = LongTable("time", "id", ("v",))
HOURS = pd.date_range("2024-01-01", periods=6, freq="h")


def rows(times=HOURS, ids=("a", "b")):
    table = pd.DataFrame([(t, i) for t in times for i in ids], columns=["time", "id"])
    return table.assign(v=np.arange(len(table), dtype=float))


def read(table, **options):
    return long_to_series(table, LAYOUT, PATH, ReadConfig(**options))


def test_how_it_was_read_is_kept():
    assert read(rows()).attributes["reading"] == {
        "layout": "long",
        "time_column": "time",
        "location_column": "id",
        "feature_columns": ["v"],
    }


@pytest.mark.parametrize(("how", "wanted"), [("first", 3), ("mean", 51.5)])
def test_entries_that_come_twice(how, wanted):
    table = rows()
    twice = pd.concat([table, table.iloc[[3]].assign(v=100.0)], ignore_index=True)
    series = read(twice, duplicates=how)
    assert series.values[1, 1, 0] == wanted
    np.testing.assert_array_equal(series.values[2:, :, 0].ravel(), np.arange(4, 12))
    with pytest.raises(DataError, match=r"row 13 repeats time .* and id b; .*data\.read\.dupl"):
        read(twice)


def test_a_mean_takes_what_was_observed():
    table = pd.concat([rows(), rows().iloc[[3]].assign(v=np.nan)], ignore_index=True)
    assert read(table, duplicates="mean").values[1, 1, 0] == 3


@pytest.mark.parametrize(("method", "wanted"), [("mean", 1.5), ("last", 3), ("sum", 6)])
def test_common_steps(method, wanted):
    seconds = pd.to_timedelta([50, 20, 40, 30], unit="min")
    table = pd.DataFrame({"time": HOURS[0] + seconds, "id": "a", "v": [3.0, 0, 2, 1]})
    table = pd.concat([table, table.assign(id="b", time=table["time"] + pd.Timedelta("1s"))])
    series = read(table, resample=(method, "1h"))
    np.testing.assert_array_equal(series.times, HOURS[:1])
    np.testing.assert_array_equal(series.values.ravel(), [wanted, wanted])


def test_steps_that_are_numbered():
    table = rows(range(100, 106))
    series = read(table)
    assert series.times is None
    assert series.attributes["reading"]["not_read"] == ["time"]
    assert series.num_steps == 6
    with pytest.raises(DataError, match="holds no time stamps, which"):
        read(table, resample=("mean", "1h"))


def test_numbered_steps_that_the_table_leaves_out_are_missing():
    series = read(rows([0, 1, 2, 5, 6]))
    assert series.num_steps == 7
    assert np.isnan(series.values[3:5]).all()
    np.testing.assert_array_equal(series.values[5:, :, 0].ravel(), np.arange(6, 10))


@pytest.mark.parametrize("numbers", [[0, 2, 3, 5, 7, 8.5], [0, 1, 2, 500]])
def test_numbers_that_are_no_steps(numbers):
    with pytest.raises(DataError, match="no steps of equal length"):
        read(rows(numbers))


def test_more_than_the_budget():
    with pytest.raises(DataError, match="6 steps x 2 locations x 1 features would need"):
        long_to_series(rows(), LAYOUT, PATH, ReadConfig(), MemoryBudget(100))


def test_settings_of_times_are_not_overlooked():
    table = pd.DataFrame({"step": [0, 0, 1, 1], "id": list("abab"), "flow": [1.0, 2, 3, 4]})
    with pytest.raises(DataError, match="nothing looks like times"):
        long_to_series(
            table, LongTable("step", "id", ("flow",)), Path("x"), ReadConfig(timezone="UTC")
        )
