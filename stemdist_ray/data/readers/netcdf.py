"""NetCDF 3 and 4 through xarray."""

from __future__ import annotations

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
from stemdist_ray.system.free_memory import MemoryBudget

if TYPE_CHECKING:
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
    with _opened(path, options.group) as dataset:
        from stemdist_ray.data.readers.gridded import loaded

        return loaded(dataset, path, options, budget)


def stream_netcdf(
    path: Path, options: ReadConfig, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Read a NetCDF file in blocks of steps; see :func:`read_netcdf`."""
    with _opened(path, options.group) as dataset:
        from stemdist_ray.data.readers.gridded import dataset_blocks
        from stemdist_ray.data.readers.selection import selected

        yield from dataset_blocks(selected(dataset, options, path), path, block_bytes)


@contextmanager
def _opened(path: Path, group: str | None) -> Iterator[xr.Dataset]:
    need("reading NetCDF", "formats", "xarray", "h5netcdf", "cftime")
    import xarray as xr

    from stemdist_ray.data.readers.groups import of_group

    with path.open("rb") as file:
        engine: Any = "h5netcdf" if file.read(4) == b"\x89HDF" else "scipy"
    try:
        with ExitStack() as stack:

            def tree() -> xr.DataTree:
                return stack.enter_context(xr.open_datatree(path, engine=engine, decode_cf=False))

            root = stack.enter_context(xr.open_dataset(path, engine=engine, decode_cf=False))
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
