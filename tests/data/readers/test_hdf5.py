import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


@pytest.mark.parametrize("key", ["df", "speed", "t"])
@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_keys_of_the_known_data_sets(tmp_path, key, layout):
    stamps = pd.date_range("2012-03-01", periods=4, freq="5min")
    table = pd.DataFrame(np.arange(8.0).reshape(4, 2), index=stamps, columns=["773869", "767541"])
    table.to_hdf(tmp_path / "x.h5", key=key, format=layout)
    series = read_series(tmp_path / "x.h5")
    np.testing.assert_array_equal(series.values[:, :, 0], table.to_numpy())
    np.testing.assert_array_equal(series.times, stamps.to_numpy())
    assert series.location_ids == ("773869", "767541")


@pytest.fixture
def table():
    stamps = pd.date_range("2012-03-01", periods=6, freq="5min")
    return pd.DataFrame(np.arange(12.0).reshape(6, 2), index=stamps, columns=["a", "b"])


def test_several_tables(tmp_path, table):
    for key in ("speed", "flow"):
        table.to_hdf(tmp_path / "x.h5", key=key)
    with pytest.raises(DataError, match="holds 2 tables: flow, speed; say which one"):
        read_series(tmp_path / "x.h5")


def test_hdf5_without_a_pandas_table(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["readings"] = np.ones((3, 2))
    assert read_series(tmp_path / "x.h5").values.shape == (3, 2, 1)
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["readings"] = np.ones(3)
    with pytest.raises(DataError, match=r"expected a pandas table.*readings"):
        read_series(tmp_path / "y.h5")


def test_netcdf_of_another_name(tmp_path):
    data = xr.Dataset({"v": (("time", "s"), np.ones((3, 2)))})
    data.to_netcdf(tmp_path / "x.h5", engine="h5netcdf")
    with pytest.raises(DataError, match=r"NetCDF files should end in \.nc"):
        read_series(tmp_path / "x.h5")


def test_damaged_file(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"\x89HDF broken")
    with pytest.raises(DataError, match="cannot be read as HDF5"):
        read_series(tmp_path / "x.h5")
