"""Tables as people have them: read right, or refused with the setting that decides."""

import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.doubts import doubts
from stemdist_ray.data.season import describe_season
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError

HOURS = pd.date_range("2024-01-01", periods=72, freq="h")
VALUES = np.random.default_rng(0).normal(50, 5, (72, 3)).round(2)


def wide(times=HOURS):
    return pd.DataFrame(VALUES, columns=list("abc")).assign(time=times)[["time", *"abc"]]


def long(**more):
    table = wide().melt("time", var_name="sensor", value_name="speed")
    return table.assign(**more)


def read(tmp_path, table, name="x.csv", text=None, index=False, sep=",", **settings):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    else:
        table.to_csv(path, index=index, sep=sep)
    start = {k: settings.pop(k) for k in ("start", "sampling_step") if k in settings}
    return read_series(path, DataConfig(**start, read=settings))


def check(series, ids=("a", "b", "c"), times=HOURS):
    assert series.location_ids == ids
    np.testing.assert_allclose(series.values[:, :, 0], VALUES, rtol=1e-6)
    np.testing.assert_array_equal(series.times, times)


def said(series):
    return "\n".join(doubts(series, describe_season(series.values[:, :, 0], series.times)))


def test_row_names_of_a_data_frame(tmp_path):
    check(read(tmp_path, wide(), index=True))
    check(read(tmp_path, wide().reset_index()))


def test_words_beside_the_readings_of_a_long_table(tmp_path):
    series = read(tmp_path, long(wind=["N", None, "SW"] * 72, unit="km/h"))
    check(series)
    assert series.attributes["reading"]["left_out"] == ["wind", "unit"]


def test_a_number_with_a_typing_error_is_no_word(tmp_path):
    table = long().astype({"speed": str})
    table.loc[7, "speed"] = "5O.1"
    with pytest.raises(DataError, match="data row 8: expected a number, found '5O.1'"):
        read(tmp_path, table)


@pytest.mark.parametrize("kind", ["pm25", "no2"])
def test_several_kinds_in_one_column(tmp_path, kind):
    table = pd.concat([long(parameter="pm25"), long(parameter="no2").assign(speed=1.0)])
    with pytest.raises(DataError, match=r"column parameter tells them apart \(pm25, \.\.\.\)"):
        read(tmp_path, table, location_column="sensor")
    series = read(tmp_path, table, location_column="sensor,parameter")
    assert series.num_locations == 6
    one = read(tmp_path, table[table["parameter"] == kind], location_column="sensor")
    assert one.num_locations == 3


def test_two_columns_of_ids(tmp_path):
    days = pd.date_range("2024-01-01", periods=60)
    rng = np.random.default_rng(1)
    rows = [(d, s, i) for d in days for s in (1, 2) for i in (10, 20, 30, 40, 50)]
    table = pd.DataFrame(rows, columns=["date", "store", "item"])
    table["sales"] = rng.integers(0, 90, len(table))
    with pytest.raises(DataError):  # never the sales as locations
        read(tmp_path, table)
    series = read(tmp_path, table, location_column="store,item")
    assert (series.num_steps, series.num_locations) == (60, 10)
    assert series.location_ids[:2] == ("1,10", "1,20")
    assert series.feature_names == ("sales",)


def test_days_and_hours(tmp_path):
    table = wide().assign(date=HOURS.strftime("%Y-%m-%d"), hour=HOURS.hour).drop(columns="time")
    check(read(tmp_path, table[["date", "hour", *"abc"]]))
    check(read(tmp_path, table))
    with pytest.raises(DataError, match="hours run from 1 to 24: hour 1 may begin or end"):
        read(tmp_path, table.assign(hour=HOURS.hour + 1))


def test_other_parts_of_a_day_are_no_locations(tmp_path):
    table = pd.DataFrame({"date": HOURS.strftime("%Y-%m-%d"), "load": VALUES[:, 0]})
    table["SETTLEMENT_PERIOD"] = HOURS.hour + 1
    with pytest.raises(DataError, match="date and SETTLEMENT_PERIOD seem to tell the time toget"):
        read(tmp_path, table)


def test_months_and_days_of_the_year(tmp_path):
    months = pd.date_range("2001-01-01", periods=72, freq="MS")
    table = wide().drop(columns="time").assign(year=months.year, month=months.month)
    check(read(tmp_path, table), times=months)
    days = pd.date_range("2023-12-01", periods=72)
    table = wide().drop(columns="time").assign(year=days.year, doy=days.day_of_year)
    check(read(tmp_path, table), times=days)


def test_numbered_columns_turned_round(tmp_path):
    table = pd.DataFrame(VALUES.T, columns=[f"d_{i}" for i in range(1, 73)])
    table.insert(0, "id", list("abc"))
    series = read(tmp_path, table, transpose=True, start="2024-01-01", sampling_step="1h")
    check(series)


def german(numbers):
    rows = ["Datum;a;b;c"]
    for stamp, row in zip(HOURS, VALUES * 100, strict=True):
        cells = [numbers(v) for v in row]
        rows.append(";".join([stamp.strftime("%d.%m.%Y %H:%M"), *cells]))
    return "\n".join(rows)


def with_points(number):
    return f"{number:,.1f}".replace(",", " ").replace(".", ",").replace(" ", ".")


def test_points_between_thousands_are_none_in_dates(tmp_path):
    series = read(
        tmp_path, None, text=german(with_points), decimal=",", thousands=".", dayfirst=True
    )
    np.testing.assert_allclose(series.values[:, :, 0], VALUES * 100, rtol=1e-4)
    np.testing.assert_array_equal(series.times, HOURS)


def test_dates_alone_with_points(tmp_path):
    days = "\n".join(f"{d:02}.01.2023;1.201,5;2.301,5" for d in range(13, 31))
    series = read(tmp_path, None, text=f"Datum;A;B\n{days}", decimal=",", thousands=".")
    assert series.times[0] == np.datetime64("2023-01-13")
    assert series.values[0, 0, 0] == 1201.5


def test_fractions_are_no_thousands(tmp_path):
    text = german(lambda number: f"{number / 1000:.6f}".replace(".", ","))
    with pytest.raises(DataError, match=r"no groups of three digits between ','; say how num"):
        read(tmp_path, None, text=text, thousands=",")
    with pytest.raises(DataError, match=r"say how numbers are written by data\.read\.decimal"):
        read(tmp_path, None, text=text, dayfirst=True)


@pytest.mark.parametrize("mark", ["?", "-", "---", "undefined"])
def test_marks_of_what_is_missing(tmp_path, mark):
    table = wide().astype({"b": str})
    table.loc[3:5, "b"] = mark
    with pytest.raises(DataError, match=r"if it means missing, say so by data\.read\.missing_text"):
        read(tmp_path, table)
    series = read(tmp_path, table, missing_text=(mark,))
    assert np.isnan(series.values[3:6, 1]).all()
    assert series.missing_share == pytest.approx(3 / VALUES.size)


def test_newest_rows_first(tmp_path):
    check(read(tmp_path, wide()[::-1]))
    with pytest.raises(DataError, match="time stamps must increase"):
        read(tmp_path, wide().sample(frac=1, random_state=0))


def test_rows_of_one_time(tmp_path):
    twice = pd.concat([wide()[:10], wide()[9:]])
    with pytest.raises(DataError, match=r"data row 11 has 2024-01-01T09.* data\.read\.duplicates"):
        read(tmp_path, twice)
    check(read(tmp_path, twice, duplicates="first"))


@pytest.mark.parametrize("separator", ["|", "\t", ";"])
def test_separators(tmp_path, separator):
    check(read(tmp_path, wide(), sep=separator))


def test_what_spreadsheets_write_on_top(tmp_path):
    text = "sep=;\n" + wide().to_csv(index=False, sep=";")
    check(read(tmp_path, None, text=text))


def test_a_zip_archive_of_whatever_name(tmp_path):
    wide().to_csv(
        tmp_path / "x.zip", index=False, compression={"method": "zip", "archive_name": "x.csv"}
    )
    check(read_series(tmp_path / "x.zip"))


def test_columns_of_a_database(tmp_path):
    table = wide().rename(columns={"time": "_time"}).assign(_start=HOURS[0], _stop=HOURS[-1])
    series = read(tmp_path, table, features=("a", "b", "c"))
    check(series)


def test_raw_readings_beside_a_mean_and_a_std(tmp_path):
    np.savez(tmp_path / "x.npz", data=VALUES, mean=VALUES.mean(), std=VALUES.std())
    with pytest.raises(DataError, match="these are not scaled"):
        read_series(tmp_path / "x.npz")
    scaled = (VALUES - VALUES.mean()) / VALUES.std()
    np.savez(tmp_path / "y.npz", data=scaled, mean=VALUES.mean(), std=VALUES.std())
    series = read_series(tmp_path / "y.npz")
    np.testing.assert_allclose(series.values[:, :, 0], VALUES, rtol=1e-5)
    assert series.attributes["reading"]["turned_back_by"] == "mean and std"


@pytest.mark.parametrize("sentinel", [-9999.0, 9999.0, -999.9, -1.0, -99.0])
def test_readings_that_seem_to_mean_missing(tmp_path, sentinel):
    table = wide()
    table.loc[5:14, "b"] = sentinel
    text = said(read(tmp_path, table))
    assert f"{sentinel:g} comes 10 times, far from all other readings; if it means" in text
    assert "far from all" not in said(read(tmp_path, wide()))


def test_zeros_at_night_are_readings(tmp_path):
    sun = wide()
    sun[["a", "b", "c"]] = np.maximum(0, np.sin(np.arange(72) / 24 * 2 * np.pi))[:, None] * VALUES
    assert "far from all" not in said(read(tmp_path, sun))


def test_parts_of_a_folders_name(tmp_path):
    for day in (1, 2, 3):
        folder = tmp_path / "all" / "year=2024" / f"day={day}"
        folder.mkdir(parents=True)
        rows = wide()[24 * (day - 1) : 24 * day].melt("time", var_name="sensor", value_name="speed")
        rows.to_csv(folder / "part.csv", index=False)
    check(read_series(tmp_path / "all"))


def test_calendars_that_ours_has_no_dates_for_are_said(tmp_path):
    import xarray as xr

    days = xr.date_range("2000-01-01", periods=72, freq="D", calendar="noleap", use_cftime=True)
    xr.DataArray(VALUES, {"time": days}, ("time", "x"), "t").to_netcdf(tmp_path / "x.nc")
    assert "the calendar is noleap, which ours has no dates for" in said(
        read_series(tmp_path / "x.nc")
    )
