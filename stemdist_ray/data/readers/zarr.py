"""Zarr (version 2 and 3) through xarray."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import (
    GRID_SETTINGS,
    UNREADABLE,
    Reader,
    in_a_line,
    register_reader,
)
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.dependencies import need
from stemdist_ray.system.free_memory import HELD_PER_READING, MemoryBudget

if TYPE_CHECKING:
    import xarray as xr


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr group."""
    return any((path / name).exists() for name in (".zgroup", "zarr.json", ".zmetadata"))


def read_zarr(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a Zarr group written by xarray.

    Raises:
        DataError: The group is damaged or holds no variable over time.
        DependencyError: The extra ``formats`` is not installed.
    """
    with _opened(path, options.group, budget) as dataset:
        from stemdist_ray.data.readers.gridded import loaded

        return loaded(dataset, path, options, budget)


def stream_zarr(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a Zarr group in blocks of steps; see :func:`read_zarr`."""
    with _opened(path, options.group, MemoryBudget()) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_blocks
        from stemdist_ray.data.readers.selection import selected

        yield from dataset_blocks(selected(dataset, options, path), path, block_bytes)


def _check(path: Path, budget: MemoryBudget) -> None:
    """Coordinates are loaded as soon as a store is opened.

    Raises:
        DataError: They would take too much memory.
    """
    import zarr

    arrays = (item for _, item in zarr.open_group(path, mode="r").members(max_depth=None))
    one = (a for a in arrays if isinstance(a, zarr.Array) and a.ndim == 1)
    size = sum(float(a.size) * (a.dtype.itemsize + HELD_PER_READING) for a in one)
    budget.check(path, size, "coordinates")


@contextmanager
def _opened(path: Path, group: str | None, budget: MemoryBudget) -> Iterator[xr.Dataset]:
    need("reading Zarr", "formats", "xarray", "zarr", "cftime")
    import xarray as xr
    from zarr.errors import BaseZarrError

    from stemdist_ray.data.readers.groups import of_group

    try:
        with ExitStack() as stack:
            # An array that cannot be opened would be left out.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("error", ".*not recognized as a component")
            warnings.filterwarnings("ignore", "Unable to decode time axis")
            _check(path, budget)

            def tree() -> xr.DataTree:
                opened = xr.open_datatree(
                    path, engine="zarr", consolidated=False, chunks=None, decode_timedelta=False
                )
                return stack.enter_context(opened)

            root = stack.enter_context(
                xr.open_zarr(path, consolidated=False, chunks=None, decode_timedelta=False)
            )
            dataset = of_group(root, group, tree, path)
            # Variables are listed in no particular order; make it one.
            yield dataset[sorted(map(str, dataset.data_vars))]
    except (*UNREADABLE, BaseZarrError, UserWarning) as error:
        raise DataError(f"{path}: cannot be read as Zarr: {in_a_line(error)}") from error


register_reader(
    Reader("zarr", (".zarr",), (), read_zarr, is_zarr, stream_zarr, settings=GRID_SETTINGS)
)
