from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.gridded import dataset_to_series
from stemdist_ray.data.readers.selection import selected
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError

TIMES = np.arange(3).astype("datetime64[h]").astype("datetime64[ns]")


def grid(rng, names=("t2m",)):
    shape = ("time", "latitude", "longitude")
    variables = {n: (shape, rng.normal(size=(3, 2, 4)), {"units": "K"}) for n in names}
    coords = {"time": TIMES, "latitude": [50.0, 50.25], "longitude": [1.0, 2, 3, 4]}
    return xr.Dataset(variables, coords=coords)


def test_grid_becomes_locations_and_variables_become_features(rng):
    data = grid(rng, ("t2m", "u10"))
    series = dataset_to_series(data, Path("x.nc"))
    assert series.values.shape == (3, 8, 2)
    assert series.feature_names == ("t2m", "u10")
    assert series.units == ("K", "K")
    assert series.location_ids[:2] == ("50,1", "50,2")
    np.testing.assert_array_equal(series.coordinates[5], [50.25, 2])
    np.testing.assert_allclose(series.values[:, 5, 0], data.t2m[:, 1, 1], rtol=1e-6)


def test_dimension_order_does_not_matter(rng):
    data = grid(rng)
    turned = data.transpose("longitude", "time", "latitude")
    one, other = (dataset_to_series(d, Path("x.nc")) for d in (data, turned))
    place = {name: i for i, name in enumerate(other.location_ids)}
    order = [place[",".join(reversed(name.split(",")))] for name in one.location_ids]
    np.testing.assert_array_equal(one.values, other.values[:, order])


def test_two_dimensional_coordinates(rng):
    lat = rng.normal(size=(2, 4))
    data = xr.Dataset(
        {"v": (("time", "y", "x"), rng.normal(size=(3, 2, 4)))},
        coords={"time": TIMES, "lat": (("y", "x"), lat), "lon": (("y", "x"), lat + 1)},
    )
    series = dataset_to_series(data, Path("x.nc"))
    np.testing.assert_allclose(series.coordinates[:, 0], lat.ravel())


def test_variables_without_time_are_ignored(rng):
    data = grid(rng).assign(orography=(("latitude", "longitude"), np.ones((2, 4))))
    assert dataset_to_series(data, Path("x.nc")).feature_names == ("t2m",)


def test_no_time(rng):
    data = xr.Dataset({"v": (("a", "b"), rng.normal(size=(2, 2)))})
    with pytest.raises(DataError, match="no time dimension"):
        dataset_to_series(data, Path("x.nc"))


def test_no_numeric_variable():
    data = xr.Dataset({"v": ("time", ["a", "b", "c"])}, coords={"time": TIMES})
    with pytest.raises(DataError, match="no numeric variable"):
        dataset_to_series(data, Path("x.nc"))


def test_different_grids(rng):
    data = grid(rng).assign(station=(("time", "s"), np.ones((3, 5))))
    with pytest.raises(DataError, match="different grids"):
        dataset_to_series(data, Path("x.nc"))


def with_dimension(rng, name, size=2, labels=None):
    data = grid(rng)
    values = rng.normal(size=(3, size, 2, 4))
    coords = dict(data.coords)
    if labels is not None:
        coords[name] = labels
    return xr.Dataset({"t2m": (("time", name, "latitude", "longitude"), values)}, coords)


@pytest.mark.parametrize(
    "name", ["number", "step", "level", "plev", "isobaricInhPa", "height", "ensemble", "Member"]
)
def test_dimensions_that_are_neither_time_nor_place(rng, name):
    data = with_dimension(rng, name, 2, [1000.0, 850.0])
    with pytest.raises(DataError, match=rf"'{name}' is neither time nor place.*{name}=1000"):
        selected(data, ReadConfig(), Path("x.nc"))
    for label in ("850", 850, 850.0, "850.0"):
        chosen = selected(data, ReadConfig(select={name.lower(): label}), Path("x.nc"))
        series = dataset_to_series(chosen, Path("x.nc"))
        np.testing.assert_allclose(
            series.values[:, :, 0], data.t2m[:, 1].values.reshape(3, 8), rtol=1e-6
        )
    with pytest.raises(DataError, match=f"{name} has no entry 500; there are 1000, 850"):
        selected(data, ReadConfig(select={name: 500}), Path("x.nc"))


def test_a_vertical_axis_by_what_it_says_of_itself(rng):
    data = with_dimension(rng, "z_of_theirs", 2, [1.0, 2.0])
    data["z_of_theirs"].attrs["axis"] = "Z"
    with pytest.raises(DataError, match="neither time nor place"):
        selected(data, ReadConfig(), Path("x.nc"))


def test_a_single_entry_needs_no_selection(rng):
    chosen = selected(with_dimension(rng, "level", 1, [850]), ReadConfig(), Path("x.nc"))
    assert dataset_to_series(chosen, Path("x.nc")).values.shape == (3, 8, 1)


def test_bounds_of_cells_are_no_readings(rng):
    data = grid(rng).assign(time_bnds=(("time", "bnds"), np.stack([TIMES, TIMES], axis=1)))
    data = data.assign(other_bnds=(("time", "bnds"), np.ones((3, 2))))
    data = data.assign(lat_bnds=(("latitude", "bnds"), np.ones((2, 2))))
    chosen = selected(data, ReadConfig(), Path("x.nc"))
    assert dataset_to_series(chosen, Path("x.nc")).feature_names == ("t2m",)


def test_preliminary_readings_fill_what_final_ones_leave(rng):
    final, early = rng.normal(size=(2, 3, 2, 4))
    both = np.stack([final, early], axis=1)
    both[2, 0], both[:2, 1] = np.nan, np.nan
    data = with_dimension(rng, "expver", 2, [1, 5])
    data["t2m"] = (data.t2m.dims, both)
    series = dataset_to_series(selected(data, ReadConfig(), Path("x.nc")), Path("x.nc"))
    wanted = np.concatenate([final[:2], early[2:]]).reshape(3, 8)
    np.testing.assert_allclose(series.values[:, :, 0], wanted, rtol=1e-6)


def test_two_dimensions_of_time(rng):
    data = grid(rng)
    values = rng.normal(size=(3, 3, 2, 4))
    data = xr.Dataset(
        {"t2m": (("time", "valid", "latitude", "longitude"), values)},
        {**data.coords, "valid": TIMES},
    )
    with pytest.raises(DataError, match="'time', 'valid' both hold time stamps"):
        dataset_to_series(data, Path("x.nc"))


def test_durations_dates_and_complex_numbers_are_no_readings(rng):
    data = grid(rng).assign(
        lead=(("time",), TIMES - TIMES[0]), run=(("time",), TIMES), wave=(("time",), [1j, 2j, 3j])
    )
    assert dataset_to_series(data, Path("x.nc")).feature_names == ("t2m",)


@pytest.mark.parametrize("calendar", ["noleap", "360_day", "all_leap", "julian"])
def test_calendars_that_ours_has_no_dates_for(tmp_path, rng, calendar):
    days = np.array([0, 1, 2, 5, 6])  # order, steps and gaps are kept
    units = {"units": "days since 2000-02-27", "calendar": calendar}
    when = xr.DataArray(days, dims="time", attrs=units)
    values = (("time", "station"), rng.normal(size=(5, 2)))
    xr.Dataset({"tas": values}, {"time": when}).to_netcdf(tmp_path / "x.nc")
    series = read_series(tmp_path / "x.nc")
    wanted = np.datetime64("2000-02-27", "ns") + np.arange(7) * np.timedelta64(1, "D")
    np.testing.assert_array_equal(series.times, wanted)
    assert np.flatnonzero(np.isnan(series.values[:, 0, 0])).tolist() == [3, 4]


def test_times_that_are_text(rng):
    data = grid(rng).assign_coords(time=[f"2024-01-0{d} 06:00" for d in (1, 2, 3)])
    series = dataset_to_series(data, Path("x.nc"))
    assert series.times[0] == np.datetime64("2024-01-01T06:00")


def test_names_of_dimensions_in_any_case(rng):
    data = grid(rng).rename(time="TIME", latitude="LAT", longitude="LON").drop_vars("TIME")
    series = dataset_to_series(data, Path("x.nc"))
    assert series.values.shape == (3, 8, 1)
    assert series.coordinates is not None


def test_months_of_another_calendar(tmp_path, rng):
    """Counted from the first they would drift into the month before, a day with every leap year."""
    months = np.arange(0, 365 * 70, 365)[:, None] + np.cumsum([0, 31, 28, 31, 30, 31, 30, 31])
    units = {"units": "days since 1950-01-16", "calendar": "noleap"}
    when = xr.DataArray(months.ravel(), dims="time", attrs=units)
    data = xr.Dataset({"tas": (("time",), rng.normal(size=when.size))}, {"time": when})
    data.isel(time=slice(0, None)).to_netcdf(tmp_path / "x.nc")
    times = read_series(tmp_path / "x.nc").times
    assert times[0] == np.datetime64("1950-01-16")
    assert times[-1].astype("datetime64[M]") == np.datetime64("2019-08")


def test_years_that_nanoseconds_do_not_hold(tmp_path, rng):
    units = {"units": "days since 1500-01-01", "calendar": "noleap"}
    when = xr.DataArray(np.arange(5), dims="time", attrs=units)
    data = xr.Dataset({"tas": (("time",), rng.normal(size=5))}, {"time": when})
    data.to_netcdf(tmp_path / "x.nc")
    with pytest.raises(DataError, match="expected years 1678 to 2261"):
        read_series(tmp_path / "x.nc")


def test_times_kept_as_fractions_of_days_are_whole_seconds(tmp_path):
    times = np.datetime64("2026-01-02T08", "ns") + np.arange(90) * np.timedelta64(1, "s")
    data = xr.Dataset({"a": (("time", "x"), np.ones((90, 2)))}, coords={"time": times})
    data.to_netcdf(
        tmp_path / "x.nc",
        engine="h5netcdf",
        encoding={"time": {"units": "days since 1900-01-01", "dtype": "f8"}},
    )
    np.testing.assert_array_equal(read_series(tmp_path / "x.nc").times, times)


def test_seconds_since_1970_without_units_are_times():
    seconds = np.arange("2024-01-01", "2024-01-02", dtype="datetime64[h]").astype("M8[s]")
    data = xr.Dataset({"a": (("time", "x"), np.ones((24, 2)))})
    data = data.assign_coords(time=seconds.astype(np.int64))
    np.testing.assert_array_equal(dataset_to_series(data, Path("x.nc")).times, seconds)
    numbered = data.assign_coords(time=np.arange(24))
    assert dataset_to_series(numbered, Path("x.nc")).times is None
