import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError

HOURS = pd.date_range("2024-01-01", periods=24, freq="h")


def grid(factor):
    values = factor * np.arange(24 * 4, dtype=np.float32).reshape(24, 4)
    return xr.Dataset({"t2m": (("time", "cell"), values)})


@pytest.fixture(params=["nc", "zarr"])
def write(request, tmp_path):
    def save(groups, root=None):
        """Coordinates are in the group above, where readers have to look for them."""
        tree = xr.DataTree.from_dict({"/": root or xr.Dataset(coords={"time": HOURS}), **groups})
        path = tmp_path / f"x.{request.param}"
        if request.param == "nc":
            tree.to_netcdf(path, engine="h5netcdf")
        else:
            tree.to_zarr(path, consolidated=False)
        return path

    return save


def test_the_group_that_is_meant(write):
    path = write({"/model/a": grid(1), "/model/b": grid(2)})
    for name, factor in (("model/a", 1), ("/model/b", 2)):
        series = read_series(path, DataConfig(read={"group": name}))
        np.testing.assert_array_equal(series.values[:, :, 0], grid(factor)["t2m"])
        np.testing.assert_array_equal(series.times, HOURS)
        assert series.attributes["reading"]["group"] == name


def test_which_one_is_open(write):
    path = write({"/a": grid(1), "/b": grid(2)}, xr.Dataset())
    with pytest.raises(DataError, match=r"variables in 2 groups: a, b; say which one by data\.r"):
        read_series(path)


def test_the_only_one(write):
    path = write({"/a": grid(1).assign_coords(time=HOURS)}, xr.Dataset())
    np.testing.assert_array_equal(read_series(path).times, HOURS)


def test_no_such_group(write):
    path = write({"/a": grid(1)})
    with pytest.raises(DataError, match="has no group 'c' with variables; found a"):
        read_series(path, DataConfig(read={"group": "c"}))


def test_variables_of_the_file_itself_come_first(write):
    path = write({"/a": grid(3)}, grid(1).assign_coords(time=HOURS))
    np.testing.assert_array_equal(read_series(path).values[:, :, 0], grid(1)["t2m"])
    assert read_series(path, DataConfig(read={"group": "a"})).values[0, 1, 0] == 3


def test_files_of_the_old_format_have_none(tmp_path):
    grid(1).assign_coords(time=HOURS).to_netcdf(tmp_path / "x.nc", engine="scipy")
    with pytest.raises(DataError, match="NetCDF 3 have no groups"):
        read_series(tmp_path / "x.nc", DataConfig(read={"group": "a"}))
