from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.times import (
    are_clocks,
    are_dates,
    number_format,
    stamps_of_numbers,
    to_datetime64,
)
from stemdist_ray.errors import DataError

PATH = Path("x.csv")
TIMES = pd.date_range("2021-03-01 06:00", periods=40, freq="h")
WANTED = TIMES.to_numpy().astype("datetime64[ns]")


def parse(values, column="time", **options):
    return to_datetime64(values, PATH, ReadConfig(**options), column)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("as_text", [False, True])
def test_time_since_1970(unit, as_text):
    numbers = WANTED.astype(f"datetime64[{unit}]").astype(np.int64)
    values = numbers.astype(str).tolist() if as_text else numbers
    np.testing.assert_array_equal(parse(values), WANTED)
    np.testing.assert_array_equal(parse(values, time_format=f"epoch-{unit}"), WANTED)


def test_fractions_of_seconds_since_1970():
    numbers = WANTED.astype("datetime64[ms]").astype(np.int64) / 1e3 + 0.25
    np.testing.assert_array_equal(parse(numbers), WANTED + np.timedelta64(250, "ms"))


@pytest.mark.parametrize("written", ["%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S"])
def test_numbers_written_like_dates(written):
    numbers = TIMES.strftime(written).astype(np.int64)
    np.testing.assert_array_equal(parse(numbers), WANTED)
    np.testing.assert_array_equal(parse(TIMES.strftime(written).tolist()), WANTED)


def test_days_written_as_numbers():
    days = pd.date_range("2020-12-20", periods=30)
    np.testing.assert_array_equal(parse(days.strftime("%Y%m%d").astype(int)), days.to_numpy())


def test_days_of_spreadsheets():
    days = (WANTED - np.datetime64("1899-12-30")) / np.timedelta64(1, "D")
    np.testing.assert_array_equal(parse(days, "Date"), WANTED)
    np.testing.assert_array_equal(parse(days, "x", time_format="excel"), WANTED)
    with pytest.raises(DataError, match="no known time stamps; say how"):
        parse(days, "timestamp")


@pytest.mark.parametrize("values", [np.arange(5.0), [99999999], [20211301, 20211302], [np.inf]])
def test_numbers_that_are_no_times(values):
    assert number_format(np.asarray(values, np.float64), "time") is None


@pytest.mark.parametrize(
    "written",
    ["%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M", "%d %b %Y %H:%M", "%B %d, %Y %H:%M"],
)
def test_dates_in_words_that_fit_one_reading(written):
    np.testing.assert_array_equal(parse(TIMES.strftime(written).tolist()), WANTED)


@pytest.mark.parametrize("separator", ["/", ".", "-"])
@pytest.mark.parametrize("dayfirst", [True, False])
def test_the_order_of_day_and_month_is_that_of_the_column(separator, dayfirst):
    order = ["%d", "%m"] if dayfirst else ["%m", "%d"]
    days = pd.date_range("2021-03-01", periods=20)
    text = days.strftime(separator.join([*order, "%Y"])).tolist()
    np.testing.assert_array_equal(parse(text), days.to_numpy())  # there are days after the 12th
    with pytest.raises(DataError, match=r"either number may be the day.*data.read.dayfirst"):
        parse(text[:10])
    np.testing.assert_array_equal(parse(text[:10], dayfirst=dayfirst), days[:10].to_numpy())


def test_a_given_order_that_does_not_fit():
    with pytest.raises(DataError, match="data row 1: '03/25/2021' is not a time stamp"):
        parse(["03/25/2021", "03/26/2021"], time_format="%d/%m/%Y")


def test_offsets_over_the_change_to_summer_time():
    local = pd.date_range("2021-03-28", periods=6, freq="h", tz="Europe/Berlin")
    utc = local.tz_convert("UTC").tz_localize(None).to_numpy()
    np.testing.assert_array_equal(parse([t.isoformat() for t in local]), utc)
    np.testing.assert_array_equal(parse(local), utc)
    mixed = [local[0].isoformat(), "2021-03-28T01:00:00"]
    with pytest.raises(DataError, match="have an offset from UTC and that of data row 2"):
        parse(mixed)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["06:00", "07:00"], "times of day without a date"),
        (["2021-03-01", "soon"], "data row 2: 'soon' is not a time stamp"),
        (["2021-03-01", None], "the time stamp of data row 2 is missing"),
        (["21-01-05", "21-01-06"], "years of two digits"),
        ([1.6e9, np.nan], "the time stamp of data row 2 is missing"),
        (["0001-01-01", "0001-01-02"], "expected years 1678 to 2261"),
        (["2500-01-01", "2500-01-02"], "expected years 1678 to 2261"),
    ],
)
def test_what_is_refused(values, words):
    with pytest.raises(DataError, match=words):
        parse(values)


def test_a_format_that_does_not_exist():
    with pytest.raises(DataError, match="epoch-days is none of epoch-s"):
        parse([1.0, 2.0], time_format="epoch-days")


def test_an_order_that_does_not_fit():
    with pytest.raises(DataError, match="data row 2: 13/01/2021 has no month where"):
        parse(["12/01/2021", "13/01/2021"], dayfirst=False)


@pytest.mark.parametrize(
    ("values", "written", "words"),
    [
        (["2021"], "%Q", "'Q' is a bad directive"),
        ([1e30], "excel", "no day number of a spreadsheet"),
        ([2021.5], "%Y", "no whole number"),
    ],
)
def test_formats_that_do_not_fit(values, written, words):
    with pytest.raises(DataError, match=words):
        parse(values, time_format=written)


def test_stamps_of_numbers():
    hours = pd.date_range("2024-01-31", periods=30, freq="h")
    wanted = hours.to_numpy("datetime64[ns]").astype(np.int64)
    for numbers in (hours.strftime("%Y%m%d%H").astype(float), hours.as_unit("ms").astype(int)):
        np.testing.assert_array_equal(stamps_of_numbers(np.asarray(numbers, float), "x"), wanted)
    assert stamps_of_numbers(np.array([2001.0, 2002.0]), "year") is None
    assert stamps_of_numbers(np.array([5.0, 7.0]), "x") is None


def test_missing_entries_are_neither_dates_nor_clocks():
    assert not are_dates(pd.Series(["2024-01-01", None]))
    assert not are_clocks(pd.Series(["12:00", None]))
