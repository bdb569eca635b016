"""Zarr (version 2 and 3) through xarray."""

from __future__ import annotations

from pathlib import Path

import xarray as xr
from zarr.errors import BaseZarrError

from stemdist_ray.data.readers.base import Reader, register_reader
from stemdist_ray.data.readers.gridded import dataset_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group."""
    return any((path / name).exists() for name in (".zgroup", "zarr.json", ".zmetadata"))


def read_zarr(path: Path) -> SpatioTemporalSeries:
    """Read a Zarr group written by xarray.

    Raises:
        DataError: The group is damaged or holds no variable over time.
    """
    try:
        with xr.open_zarr(path, consolidated=False) as dataset:
            # Variables are listed in no particular order; make it one.
            ordered = dataset[sorted(map(str, dataset.data_vars))]
            return dataset_to_series(ordered.load(), path)
    except (OSError, TypeError, ValueError, KeyError, BaseZarrError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as Zarr: {reason}") from error


register_reader(Reader("zarr", (".zarr",), (), read_zarr, is_zarr))
