"""HDF5 with a pandas table, as METR-LA, PEMS-BAY and LargeST ship it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stemdist_ray.data.readers.base_class import Reader, register_reader, table_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need


def read_hdf5(path: Path) -> SpatioTemporalSeries:
    """Read the one pandas table of an HDF5 file (a row per step, a column per location).

    Raises:
        DataError: The file is damaged or does not hold exactly one pandas table.
        DependencyError: The extra ``formats`` is not installed.
    """
    need("reading HDF5", "formats", "h5py", "tables")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            keys = [name for name, item in file.items() if "pandas_type" in item.attrs]
            found = sorted(file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read as HDF5: {error}") from error
    if len(keys) != 1:
        raise DataError(
            f"{path}: expected one pandas table (as METR-LA, PEMS-BAY or LargeST ship it); found "
            f"{len(keys)} among {found}. NetCDF files should end in .nc"
        )
    try:
        table = pd.read_hdf(path, keys[0])
    except (OSError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}: table {keys[0]!r} cannot be read: {error}") from error
    if not isinstance(table, pd.DataFrame):
        raise DataError(f"{path}: {keys[0]!r} is a {type(table).__name__}, expected a table")
    return table_to_series(table, path, path.name)


register_reader(Reader("hdf5", (".h5", ".hdf5", ".hdf"), (b"\x89HDF",), read_hdf5))
