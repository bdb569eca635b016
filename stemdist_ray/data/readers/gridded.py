"""From an xarray data set to a series; shared by NetCDF and Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from stemdist_ray.data.readers.base_class import steps_per_block
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

ORDER = "feature_names"
_TIME = ("time", "valid_time", "datetime", "date", "t")
_LATITUDE = ("latitude", "lat", "y")
_LONGITUDE = ("longitude", "lon", "lng", "x")


def dataset_blocks(
    dataset: xr.Dataset, path: Path, block_bytes: int
) -> Iterator[SpatioTemporalSeries]:
    """Load a lazily opened data set in blocks of steps; see :func:`dataset_to_series`."""
    time = time_dimension(dataset, path)
    numbers_per_step = sum(v[{time: 0}].size for v in dataset.data_vars.values() if time in v.dims)
    steps = steps_per_block(block_bytes, max(1, numbers_per_step), 1)
    for first in range(0, dataset.sizes[time], steps):
        block = dataset.isel({time: slice(first, first + steps)}).load()
        yield dataset_to_series(block, path, part_of_more=True)


def dataset_to_series(
    dataset: xr.Dataset, path: Path, part_of_more: bool = False
) -> SpatioTemporalSeries:
    """Turn variables over time into features, and all other dimensions into locations.

    xarray has unpacked packed integers and turned fill values into NaN by now.

    Raises:
        DataError: No time dimension, or variables on different grids.
    """
    time = time_dimension(dataset, path)
    names = [
        str(n)
        for n, v in dataset.data_vars.items()
        if time in v.dims and np.issubdtype(v.dtype, np.number)
    ]
    if not names:
        raise DataError(
            f"{path}: no numeric variable has the dimension {time!r}; found "
            f"{sorted(map(str, dataset.data_vars))}"
        )
    names = _ordered(names, dataset)
    space = [str(d) for d in dataset[names[0]].dims if d != time]
    for name in names:
        others = [str(d) for d in dataset[name].dims if d != time]
        if set(others) != set(space):
            raise DataError(
                f"{path}: variables {names[0]!r} and {name!r} lie on different grids ({space}, "
                f"{others}); keep variables of one grid in the file"
            )
    layers = [dataset[n].transpose(time, *space).to_numpy() for n in names]
    steps = layers[0].shape[0]
    values = np.stack([a.reshape(steps, -1) for a in layers], axis=2).astype(np.float32)
    return SpatioTemporalSeries(
        values=values,
        times=_times(dataset, time),
        location_ids=_location_ids(dataset, space),
        coordinates=_coordinates(dataset, space),
        feature_names=tuple(names),
        units=tuple(str(dataset[n].attrs.get("units", "")) for n in names),
        name=path.name,
        part_of_more=part_of_more,
    )


def _ordered(names: list[str], dataset: xr.Dataset) -> list[str]:
    """The order that ``stemdist convert`` wrote down, else that of the file."""
    wanted = [str(n) for n in np.atleast_1d(dataset.attrs.get(ORDER, []))]
    return wanted if sorted(wanted) == sorted(names) else names


def time_dimension(dataset: xr.Dataset, path: Path) -> str:
    """Find the dimension that is time: by its time stamps, else by its name.

    Raises:
        DataError: There is none.
    """
    for name in dataset.sizes:
        if name in dataset.coords and np.issubdtype(dataset[name].dtype, np.datetime64):
            return str(name)
    for wanted in _TIME:
        if wanted in dataset.sizes:
            return wanted
    raise DataError(
        f"{path}: no time dimension; expected one with time stamps or called one of "
        f"{', '.join(_TIME)}; found {sorted(map(str, dataset.sizes))}"
    )


def _times(dataset: xr.Dataset, time: str) -> npt.NDArray[np.datetime64] | None:
    if time in dataset.coords and np.issubdtype(dataset[time].dtype, np.datetime64):
        return np.asarray(dataset[time].to_numpy()).astype("datetime64[ns]")
    return None


def _labels(dataset: xr.Dataset, dimension: str) -> list[str]:
    if dimension not in dataset.coords:
        return [str(i) for i in range(dataset.sizes[dimension])]
    values = dataset[dimension].to_numpy()
    if np.issubdtype(values.dtype, np.floating):
        return [f"{v:g}" if float(f"{v:g}") == v else repr(float(v)) for v in values]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]


def _location_ids(dataset: xr.Dataset, space: list[str]) -> tuple[str, ...]:
    if not space:
        return ("0",)
    ids = [""]
    for position, dimension in enumerate(space):
        joint = "," if position else ""
        ids = [f"{head}{joint}{tail}" for head in ids for tail in _labels(dataset, dimension)]
    return tuple(ids)


def _coordinates(dataset: xr.Dataset, space: list[str]) -> npt.NDArray[np.float64] | None:
    """(N, 2) latitude and longitude (or y and x), broadcast over the grid."""
    pair = []
    for wanted in (_LATITUDE, _LONGITUDE):
        name = next((n for n in dataset.coords if str(n).lower() in wanted), None)
        if name is None or not set(map(str, dataset[name].dims)) <= set(space) or not space:
            return None
        template = xr.DataArray(np.zeros([dataset.sizes[d] for d in space]), dims=space)
        values = np.array(dataset[name].variable.values, dtype=np.float64)
        plain = xr.DataArray(values, dims=dataset[name].dims)
        pair.append((template + plain).transpose(*space).to_numpy().ravel())
    return np.stack(pair, axis=1)
