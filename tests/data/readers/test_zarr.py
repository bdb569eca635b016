import numpy as np
import pytest
import xarray as xr

from stemdist_ray.data.readers.zarr import is_zarr
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions(tmp_path, rng, version):
    times = np.arange(4).astype("datetime64[h]").astype("datetime64[ns]")
    values = rng.normal(size=(4, 2, 3))
    data = xr.Dataset({"v": (("time", "lat", "lon"), values)}, coords={"time": times})
    data.to_zarr(tmp_path / "x.zarr", zarr_format=version, consolidated=False)
    assert is_zarr(tmp_path / "x.zarr")
    series = read_series(tmp_path / "x.zarr")
    np.testing.assert_allclose(series.values[:, :, 0], values.reshape(4, 6), rtol=1e-6)


def test_damaged_group(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / "zarr.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as Zarr"):
        read_series(tmp_path / "x.zarr")


def test_an_array_that_cannot_be_opened_is_not_left_out(tmp_path):
    data = xr.Dataset({n: (("time", "x"), np.ones((4, 2))) for n in ("a", "b")})
    data.to_zarr(tmp_path / "x.zarr", zarr_format=2, consolidated=False)
    (tmp_path / "x.zarr" / "b" / ".zarray").unlink()
    (tmp_path / "x.zarr" / "b" / ".zattrs").unlink()
    with pytest.raises(DataError, match="cannot be read as Zarr"):
        read_series(tmp_path / "x.zarr")


def test_names_that_are_no_text(tmp_path):
    data = xr.Dataset({"v": (("time", "station"), np.ones((4, 2)))}, coords={"station": ["a", "b"]})
    data.to_zarr(
        tmp_path / "x.zarr",
        zarr_format=2,
        consolidated=False,
        encoding={"station": {"compressors": None}},
    )
    (chunk,) = (tmp_path / "x.zarr" / "station").glob("0")
    chunk.write_bytes(b"\xff" * len(chunk.read_bytes()))
    with pytest.raises(DataError, match="cannot be read as Zarr"):
        read_series(tmp_path / "x.zarr")
