"""HDF5 with a pandas table, as METR-LA, PEMS-BAY and LargeST ship it, or with plain arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import UNREADABLE, Reader, in_a_line, register_reader
from stemdist_ray.data.readers.pandas_hdf import declared_size, is_pandas, read_pandas
from stemdist_ray.data.readers.parts import frames_to_series
from stemdist_ray.data.readers.plain_hdf import read_plain
from stemdist_ray.data.readers.tables import TABLE_SETTINGS
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need
from stemdist_ray.system.free_memory import MemoryBudget

if TYPE_CHECKING:
    import h5py

_HELD = 3  # times the bytes of a table: as stored, in pandas, and as readings


def read_hdf5(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a pandas table of an HDF5 file, in whatever group it is; without one, an array.

    Args:
        path: The file.
        options: ``key`` names the table or the array where there are several.
        budget: For either.

    Raises:
        DataError: The file is damaged, or which table is meant is not clear.
        DependencyError: The extra ``formats`` is not installed.
    """
    with _opened(path) as (file, tables):
        if not tables:
            return read_plain(file, path, options, budget)
    return frames_to_series(hdf5_frames(path, options, budget), path, options, budget)


def hdf5_frames(path: Path, options: ReadConfig, budget: MemoryBudget) -> Iterator[pd.DataFrame]:
    """A pandas table of an HDF5 file, nothing where it has none."""
    with _opened(path) as (file, tables):
        if not tables:
            return
        group = file[_chosen(tables, options.key, path)]
        budget.check(path, _HELD * declared_size(group))
        table = read_pandas(group, path)
    yield table


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.File, list[str]]]:
    """The file, and the names of its pandas tables."""
    need("reading HDF5", "formats", "h5py")
    import h5py

    try:
        with h5py.File(path, "r") as file:
            tables: list[str] = []

            def note(name: str, item: Any) -> None:
                if is_pandas(item) and "/meta/" not in f"/{name}/":
                    tables.append(name)

            file.visititems(note)
            yield file, tables
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as HDF5: {in_a_line(error)}") from error


def _chosen(tables: list[str], key: str | None, path: Path) -> str:
    """Name of the table that is meant."""
    if key is not None and key.strip("/") not in tables:
        raise DataError(f"{path}: holds no table {key!r}; found {', '.join(sorted(tables))}")
    if key is None and len(tables) > 1:
        raise DataError(
            f"{path}: holds {len(tables)} tables: {', '.join(sorted(tables))}; say which one by "
            "data.read.key"
        )
    return tables[0] if key is None else key.strip("/")


register_reader(
    Reader(
        "hdf5",
        (".h5", ".hdf5", ".hdf"),
        (b"\x89HDF",),
        read_hdf5,
        settings=TABLE_SETTINGS | {"key"},
        frames=hdf5_frames,
    )
)
