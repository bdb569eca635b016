"""NetCDF 3 and 4 through xarray."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from stemdist_ray.data.readers.base import Reader, register_reader
from stemdist_ray.data.readers.gridded import dataset_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def read_netcdf(path: Path) -> SpatioTemporalSeries:
    """Read a NetCDF file; packed integers and fill values are honoured.

    Raises:
        DataError: The file is damaged or holds no variable over time.
    """
    with path.open("rb") as file:
        engine = "h5netcdf" if file.read(4) == b"\x89HDF" else "scipy"
    try:
        with xr.open_dataset(path, engine=engine) as dataset:
            return dataset_to_series(dataset.load(), path)
    except (OSError, TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as NetCDF: {reason}") from error


register_reader(Reader("netcdf", (".nc", ".nc4", ".cdf"), (b"CDF\x01", b"CDF\x02"), read_netcdf))
