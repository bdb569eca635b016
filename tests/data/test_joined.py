import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.errors import DataError

HOURS = pd.date_range("2024-01-01", periods=48, freq="h")


@pytest.fixture
def wide():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(50, 5, (48, 3)).astype(np.float32), HOURS, list("abc"))
    return frame.rename_axis("time")


@pytest.fixture
def long(wide):
    return wide.stack().rename_axis(["time", "sensor"]).rename("speed").reset_index()


def write(frame, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        frame.to_csv(path, index=isinstance(frame.index, pd.DatetimeIndex))
    else:
        frame.to_parquet(path)


def check(source, wide, **settings):
    series = read_series(source, DataConfig(**settings))
    np.testing.assert_allclose(series.values[:, :, 0], wide, rtol=1e-6)
    np.testing.assert_array_equal(series.times, HOURS)
    return series


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_parts_of_a_wide_table(tmp_path, wide, ending):
    for number in range(12):  # 10 comes after 9
        write(wide[4 * number : 4 * number + 4], tmp_path / f"part-{number}.{ending}")
    series = check(tmp_path, wide)
    assert series.location_ids == ("a", "b", "c")
    assert series.name == tmp_path.name
    assert series.attributes["reading"]["files"] == 12
    check(tmp_path / f"*.{ending}", wide)
    assert source_format(tmp_path) == ending


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_parts_of_a_long_table_cut_inside_a_step(tmp_path, wide, long, ending):
    for number, first in enumerate(range(0, len(long), 25)):
        write(long[first : first + 25], tmp_path / f"part-{number}.{ending}")
    series = check(tmp_path, wide)
    assert series.feature_names == ("speed",)
    assert series.attributes["reading"]["location_column"] == "sensor"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_names_of_folders_are_columns(tmp_path, wide, ending):
    for name in "abc":
        table = wide[[name]].rename(columns={name: "speed"}).reset_index()
        write(table, tmp_path / f"station={name}" / f"part-0.{ending}")
    series = check(tmp_path, wide)
    assert series.location_ids == ("a", "b", "c")


def test_a_file_per_station_with_its_columns(tmp_path, wide):
    """As the stations of Beijing's air quality come."""
    for name in "abc":
        stamps = HOURS.to_series()
        table = pd.DataFrame(
            {
                "No": range(1, 49),
                "year": stamps.dt.year,
                "month": stamps.dt.month,
                "day": stamps.dt.day,
                "hour": stamps.dt.hour,
                "PM2.5": wide[name],
                "station": name,
            }
        )
        table.to_csv(tmp_path / f"PRSA_{name}.csv", index=False)
    series = check(tmp_path, wide)
    assert series.feature_names == ("PM2.5",)
    assert series.location_ids == ("a", "b", "c")


def test_months_of_a_grid(tmp_path, wide):
    for month, rows in enumerate((slice(0, 20), slice(20, 48))):
        grid = xr.DataArray(wide.to_numpy()[rows], {"time": HOURS[rows]}, ("time", "x"), "t2m")
        grid.to_netcdf(tmp_path / f"{month}.nc")
    check(tmp_path, wide)
    check(tmp_path / "*.nc", wide)


def test_folders_that_are_a_format(tmp_path, wide):
    for year, rows in enumerate((slice(0, 20), slice(20, 48))):
        grid = xr.DataArray(wide.to_numpy()[rows], {"time": HOURS[rows]}, ("time", "x"), "t2m")
        grid.to_dataset().to_zarr(tmp_path / f"{year}.zarr", consolidated=False)
    check(tmp_path, wide)


def test_arrays_without_times_in_natural_order(tmp_path, wide):
    for number in (2, 10, 1):
        np.save(tmp_path / f"d{number}.npy", np.full((4, 3), number))
    series = read_series(tmp_path)
    np.testing.assert_array_equal(series.values[:, 0, 0], np.repeat([1, 2, 10], 4))


def test_a_gap_between_files_is_filled(tmp_path, wide):
    write(wide[:10], tmp_path / "a.csv")
    write(wide[12:], tmp_path / "b.csv")
    series = read_series(tmp_path)
    assert series.num_steps == 48
    assert np.isnan(series.values[10:12]).all()


def test_stations_without_a_name_are_not_mixed(tmp_path, wide):
    for name in "ab":
        write(wide[[name]].rename(columns={name: "speed"}), tmp_path / f"{name}.csv")
    with pytest.raises(DataError, match="no column tells the rows of one time apart"):
        read_series(tmp_path)


def test_settings_of_another_format_are_refused(tmp_path, wide):
    write(wide, tmp_path / "a.csv")
    write(wide, tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"data\.read\.key says nothing about the format csv"):
        read_series(tmp_path, DataConfig(read={"key": "x"}))


def test_more_than_the_budget(tmp_path, wide):
    write(wide[:20], tmp_path / "a.csv")
    write(wide[20:], tmp_path / "b.csv")
    with pytest.raises(DataError, match="48 steps x 3 locations x 1 features would need"):
        read_series(tmp_path, DataConfig(memory_budget=1500))


def test_ids_of_one_location_per_text_file_keep_their_zeros(tmp_path):
    for place in ("00460", "00461"):
        table = pd.DataFrame({"time": HOURS, "place": place, "flow": np.arange(48.0)})
        table["flow"] += int(place)
        table.to_csv(tmp_path / f"{place}.csv", index=False)
    assert read_series(tmp_path).location_ids == ("00460", "00461")
