"""NetCDF 3 and 4 through xarray."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    import h5py
    import xarray as xr

# The defaults of the NetCDF library, for variables that name none; bytes have none.
_DEFAULT_FILL = {
    "f4": 9.969209968386869e36,
    "f8": 9.969209968386869e36,
    "i2": -32_767,
    "i4": -2_147_483_647,
    "i8": -9_223_372_036_854_775_806,
}


def read_netcdf(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a NetCDF file; packed integers and fill values are honoured.

    Raises:
        DataError: The file is damaged or holds no variable over time.
        DependencyError: The extra ``formats`` is not installed.
    """
    with _opened(path, options.group, budget) as dataset:
        from stemdist_ray.data.readers.gridded import loaded

        return loaded(dataset, path, options, budget)


def stream_netcdf(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a NetCDF file in blocks of steps; see :func:`read_netcdf`."""
    with _opened(path, options.group, MemoryBudget()) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_blocks
        from stemdist_ray.data.readers.selection import selected

        yield from dataset_blocks(selected(dataset, options, path), path, block_bytes)


def _check(file: h5py.File, path: Path, budget: MemoryBudget) -> None:
    """Make sure that a file can be opened: coordinates are loaded as soon as it is.

    Raises:
        DataError: They would take too much memory.
    """
    file.attrs.get("_nc3_strict")  # h5netcdf asks for it, and is left half open where that fails
    sizes: list[int] = []

    def note(_: str, item: Any) -> None:
        if len(getattr(item, "shape", None) or ()) == 1:
            sizes.append(item.size * (item.dtype.itemsize + HELD_PER_READING))

    file.visititems(note)
    budget.check(path, sum(sizes), "coordinates")


@contextmanager
def _opened(path: Path, group: str | None, budget: MemoryBudget) -> Iterator[xr.Dataset]:
    need("reading NetCDF", "formats", "xarray", "h5netcdf", "h5py", "cftime")
    import h5py
    import xarray as xr

    from stemdist_ray.data.readers.groups import of_group

    with path.open("rb") as file:
        engine: Any = "h5netcdf" if file.read(4) == b"\x89HDF" else "scipy"
    try:
        with ExitStack() as stack:
            how: dict[str, Any] = {"engine": engine, "decode_cf": False}
            if engine == "h5netcdf":
                _check(stack.enter_context(h5py.File(path, "r")), path, budget)
                how["phony_dims"] = "access"  # its default, which it warns about
            # Times beyond those of nanoseconds are refused when they are read.
            stack.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "Unable to decode time axis")

            def tree() -> xr.DataTree:
                return stack.enter_context(xr.open_datatree(path, **how))

            root = stack.enter_context(xr.open_dataset(path, **how))
            raw = of_group(root, group, tree if engine == "h5netcdf" else None, path)
            yield xr.decode_cf(_with_default_fill(raw), decode_timedelta=False)
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as NetCDF: {in_a_line(error)}") from error


def _with_default_fill(dataset: xr.Dataset) -> xr.Dataset:
    """Entries that were never written hold a value that the file need not name."""
    for variable in dataset.data_vars.values():
        default = _DEFAULT_FILL.get(variable.dtype.str[1:])
        if default is not None and not {"_FillValue", "missing_value"} & variable.attrs.keys():
            variable.attrs["_FillValue"] = variable.dtype.type(default)
    return dataset


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
