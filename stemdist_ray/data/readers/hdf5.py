"""HDF5 with a pandas table, as METR-LA, PEMS-BAY and LargeST ship it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stemdist_ray.data.readers.base_class import Reader, register_reader
from stemdist_ray.data.readers.pandas_hdf import is_pandas, read_pandas
from stemdist_ray.data.readers.parquet import frame_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need


def read_hdf5(path: Path) -> SpatioTemporalSeries:
    """Read the one pandas table of an HDF5 file, in whatever group it is.

    Raises:
        DataError: The file is damaged or does not hold exactly one pandas table.
        DependencyError: The extra ``formats`` is not installed.
    """
    need("reading HDF5", "formats", "h5py")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            tables: list[str] = []

            def note(name: str, item: Any) -> None:
                if is_pandas(item):
                    tables.append(name)

            file.visititems(note)
            if len(tables) != 1:
                found = ", ".join(sorted(tables or file)) or "nothing"
                raise DataError(
                    f"{path}: expected one pandas table (as METR-LA, PEMS-BAY or LargeST ship it); "
                    f"found {len(tables)}: {found}. NetCDF files should end in .nc"
                )
            table = read_pandas(file[tables[0]], path)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: cannot be read as HDF5: {error}") from error
    return frame_to_series(table, path)


register_reader(Reader("hdf5", (".h5", ".hdf5", ".hdf"), (b"\x89HDF",), read_hdf5))
