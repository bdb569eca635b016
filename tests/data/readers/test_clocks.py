from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.clocks import with_clock
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.errors import DataError

PATH = Path("x.csv")
STAMPS = pd.Series(pd.date_range("2013-03-01", periods=50, freq="h"))


def weather(names=("year", "month", "day", "hour")):
    parts = [getattr(STAMPS.dt, part) for part in ("year", "month", "day", "hour")]
    table = pd.DataFrame(dict(zip(names, parts, strict=False)))
    return table.assign(temperature=np.arange(50) / 7, pressure=np.arange(50.0))


@pytest.mark.parametrize("names", [("year", "month", "day", "hour"), ("YYYY", "MO", "DY", "HR")])
def test_parts_of_a_time(names):
    assert next(iter(with_clock(weather(names), PATH))) == "time"
    series = frame_to_series(weather(names), PATH, ReadConfig())
    np.testing.assert_array_equal(series.times, STAMPS)
    assert series.location_ids == ("temperature", "pressure")


def test_in_any_case_and_order():
    table = weather(("Year", "Month", "DAY", "Hr"))[["temperature", "Hr", "DAY", "Month", "Year"]]
    np.testing.assert_array_equal(with_clock(table, PATH)["time"], STAMPS)


def test_days_without_hours():
    table = weather().iloc[::24].drop(columns="hour")
    np.testing.assert_array_equal(with_clock(table, PATH)["time"], STAMPS[::24].dt.normalize())


def test_parts_that_leave_one_out_are_columns_like_others():
    table = weather().drop(columns="day")
    assert with_clock(table, PATH) is table
    table = weather().drop(columns="hour").assign(minute=0)
    assert with_clock(table, PATH) is table


def test_parts_beside_a_time_stay():
    table = weather().assign(datetime=STAMPS)
    assert "year" in with_clock(table, PATH)


def test_parts_that_are_no_date():
    with pytest.raises(DataError, match="columns year, month, day, hour are no times"):
        with_clock(weather().assign(month=13), PATH)


def test_a_date_and_a_clock():
    table = pd.DataFrame({"date": STAMPS.dt.date.astype(str), "at": STAMPS.dt.time.astype(str)})
    series = frame_to_series(table.assign(a=1.0 * STAMPS.index), PATH, ReadConfig())
    np.testing.assert_array_equal(series.times, STAMPS)


def test_a_date_as_such_and_a_clock():
    table = pd.DataFrame({"date": STAMPS.dt.normalize(), "at": STAMPS.dt.time.astype(str)})
    series = frame_to_series(table.assign(a=1.0 * STAMPS.index), PATH, ReadConfig())
    np.testing.assert_array_equal(series.times, STAMPS)
