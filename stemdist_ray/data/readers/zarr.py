"""Zarr (version 2 and 3) through xarray."""

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


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group."""
    return any((path / name).exists() for name in (".zgroup", "zarr.json", ".zmetadata"))


def read_zarr(path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Read a Zarr group written by xarray.

    Raises:
        DataError: The group is damaged or holds no variable over time.
        DependencyError: The extra ``formats`` is not installed.
    """
    with _opened(path) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_to_series, selected

        return dataset_to_series(selected(dataset, options, path).load(), path)


def stream_zarr(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a Zarr group in blocks of steps; see :func:`read_zarr`."""
    with _opened(path) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_blocks, selected

        yield from dataset_blocks(selected(dataset, options, path), path, block_bytes)


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    need("reading Zarr", "formats", "xarray", "zarr", "cftime")
    import xarray as xr
    from zarr.errors import BaseZarrError

    try:
        with xr.open_zarr(path, consolidated=False, chunks=None, decode_timedelta=False) as dataset:
            # Variables are listed in no particular order; make it one.
            yield dataset[sorted(map(str, dataset.data_vars))]
    except (OSError, TypeError, ValueError, KeyError, BaseZarrError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as Zarr: {reason}") from error


register_reader(
    Reader("zarr", (".zarr",), (), read_zarr, is_zarr, stream_zarr, settings=GRID_SETTINGS)
)
