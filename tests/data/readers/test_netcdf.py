import h5py
import numpy as np
import pytest
import xarray as xr

from stemdist_ray.config import DataConfig
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError
from tests.conftest import real_file


@pytest.mark.parametrize(
    ("engine", "layout"), [("h5netcdf", "NETCDF4"), ("scipy", "NETCDF3_CLASSIC")]
)
def test_packed_integers_and_fill_values(tmp_path, engine, layout):
    times = np.arange(3).astype("datetime64[h]").astype("datetime64[ns]")
    values = np.array([[280.0, 281.5], [np.nan, 279.25], [280.5, 280.75]])
    data = xr.Dataset({"t2m": (("time", "station"), values)}, coords={"time": times})
    packing = {"dtype": "int16", "scale_factor": 0.25, "add_offset": 280.0, "_FillValue": -32767}
    data.to_netcdf(tmp_path / "x.nc", engine=engine, format=layout, encoding={"t2m": packing})
    series = read_series(tmp_path / "x.nc")
    np.testing.assert_allclose(series.values[:, :, 0], values)
    np.testing.assert_array_equal(series.times, times)
    assert series.missing_share == pytest.approx(1 / 6)


def test_damaged_file(tmp_path):
    (tmp_path / "x.nc").write_bytes(b"CDF\x01 broken")
    with pytest.raises(DataError, match="cannot be read as NetCDF"):
        read_series(tmp_path / "x.nc")


def test_temperatures():
    series = read_series(real_file("era5_uk_t2m_2019_03.nc"))
    assert series.values.shape == (744, 1617, 1)
    assert series.units == ("K",)
    assert series.sampling_step == np.timedelta64(1, "h")
    assert series.coordinates is not None
    assert 260 < series.values.min() < series.values.max() < 300


def test_coordinates_ask_for_memory_before_the_file_is_opened(tmp_path):
    with h5py.File(tmp_path / "x.nc", "w") as file:
        time = file.create_dataset("time", (10**9,), "f8", chunks=(1024,))
        time.make_scale()
        file.create_dataset("a", (10**9, 1), "f4", chunks=(1024, 1)).dims[0].attach_scale(time)
    with pytest.raises(DataError, match="coordinates would need"):
        read_series(tmp_path / "x.nc", DataConfig(memory_budget="1GiB"))
