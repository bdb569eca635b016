"""NetCDF 3 and 4 through xarray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import GRID_SETTINGS, Reader, register_reader
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need

if TYPE_CHECKING:
    import xarray as xr


def read_netcdf(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read a NetCDF file; packed integers and fill values are honoured.

    Raises:
        DataError: The file is damaged or holds no variable over time.
        DependencyError: The extra ``formats`` is not installed.
    """
    with _opened(path) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_to_series, selected

        return dataset_to_series(selected(dataset, options, path).load(), path)


def stream_netcdf(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a NetCDF file in blocks of steps; see :func:`read_netcdf`."""
    with _opened(path) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_blocks, selected

        yield from dataset_blocks(selected(dataset, options, path), path, block_bytes)


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    need("reading NetCDF", "formats", "xarray", "h5netcdf", "cftime")
    import xarray as xr

    with path.open("rb") as file:
        engine = "h5netcdf" if file.read(4) == b"\x89HDF" else "scipy"
    try:
        with xr.open_dataset(path, engine=engine, decode_timedelta=False) as dataset:
            yield dataset
    except (OSError, TypeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as NetCDF: {reason}") from error


register_reader(
    Reader(
        "netcdf",
        (".nc", ".nc4", ".cdf"),
        (b"CDF\x01", b"CDF\x02"),
        read_netcdf,
        stream=stream_netcdf,
        settings=GRID_SETTINGS,
    )
)
