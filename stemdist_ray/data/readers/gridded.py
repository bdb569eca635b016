"""From an xarray data set to a series; shared by NetCDF and Zarr."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import steps_per_block
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.selection import (
    TIME,
    dimensions_of_readings,
    has_stamps,
    is_reading,
    labels_of,
    taken,
    without_others,
)
from stemdist_ray.data.readers.times import number_format, to_datetime64
from stemdist_ray.data.resample import one_per_time
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import HELD_PER_READING, MemoryBudget

ORDER = "feature_names"
_LATITUDE = ("latitude", "lat", "y")
_LONGITUDE = ("longitude", "lon", "lng", "x")


def loaded(
    dataset: xr.Dataset, path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Load a lazily opened data set, if there is enough memory; see :func:`dataset_to_series`."""
    chosen = taken(dataset, options, path)
    readings = [v for n, v in chosen.data_vars.items() if is_reading(str(n), v)]
    shapes = " + ".join(" x ".join(f"{size:,}" for size in v.shape) for v in readings[:4])
    size = sum(v.size * (v.dtype.itemsize + HELD_PER_READING) for v in readings)
    budget.check(path, size, shapes)
    return dataset_to_series(without_others(chosen, path).load(), path, options)


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
    dataset: xr.Dataset,
    path: Path,
    options: ReadConfig | None = None,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """Turn variables over time into features, and all other dimensions into locations.

    xarray has unpacked packed integers and turned fill values into NaN by now.

    Raises:
        DataError: No time dimension, or variables on different grids.
    """
    time = time_dimension(dataset, path)
    names = [
        str(n) for n, v in dataset.data_vars.items() if time in v.dims and is_reading(str(n), v)
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
    steps = dataset.sizes[time]
    values = np.empty((steps, dataset[names[0]].size // max(1, steps), len(names)), np.float32)
    for layer, name in enumerate(names):
        values[:, :, layer] = dataset[name].transpose(time, *space).to_numpy().reshape(steps, -1)
    times = _times(dataset, time, path)
    if times is not None and options is not None and options.duplicates != "error":
        values, times = one_per_time(values, times, options.duplicates)
    return SpatioTemporalSeries(
        values=values,
        times=times,
        location_ids=_location_ids(dataset, space),
        coordinates=_coordinates(dataset, space),
        feature_names=tuple(names),
        units=tuple(str(dataset[n].attrs.get("units", "")) for n in names),
        name=path.name,
        part_of_more=part_of_more,
        attributes=reading(
            layout="grid",
            calendar=_other_calendar(dataset, time),
            time_dimension=time,
            location_dimensions=space,
            group=None if options is None else options.group,
            selected=None if options is None else dict(options.select) or None,
        ),
    )


def _ordered(names: list[str], dataset: xr.Dataset) -> list[str]:
    """The order that ``stemdist convert`` wrote down, else that of the file."""
    wanted = [str(n) for n in np.atleast_1d(dataset.attrs.get(ORDER, []))]
    return wanted if sorted(wanted) == sorted(names) else names


def time_dimension(dataset: xr.Dataset, path: Path) -> str:
    """Find the dimension that is time: by its time stamps, else by its name.

    Raises:
        DataError: There is none, or there are two.
    """
    stamped = [
        d for d in dimensions_of_readings(dataset) or dataset.sizes if has_stamps(dataset, d)
    ]
    if len(stamped) > 1:
        raise DataError(
            f"{path}: dimensions {', '.join(map(repr, stamped))} both hold time stamps; expected "
            "one that is time. Take one entry of the other by data.read.select"
        )
    if stamped:
        return str(stamped[0])
    by_name = {str(name).lower(): str(name) for name in dataset.sizes}
    for wanted in TIME:
        if wanted in by_name:
            return by_name[wanted]
    raise DataError(
        f"{path}: no time dimension; expected one with time stamps or called one of "
        f"{', '.join(TIME)}; found {sorted(map(str, dataset.sizes))}"
    )


def _times(dataset: xr.Dataset, time: str, path: Path) -> npt.NDArray[np.datetime64] | None:
    if time not in dataset.coords:
        return None
    values = dataset[time].to_numpy()
    if values.dtype.kind == "M":
        kind = np.dtype(dataset[time].encoding.get("dtype", "i8")).kind
        return to_datetime64(_rounded(values) if kind == "f" else values, path)
    if values.dtype.kind in "fiu":
        known = number_format(values.astype(np.float64), time) is not None
        return to_datetime64(values, path, column=time) if known else None
    if hasattr(values[0], "calendar"):
        return _of_other_calendar(values, path)
    if values.dtype.kind in "SUTO":
        return to_datetime64([v.decode() if isinstance(v, bytes) else str(v) for v in values], path)
    return None


def _rounded(stamps: npt.NDArray[Any]) -> npt.NDArray[np.datetime64]:
    """To milliseconds: 1/24 of a day is no float, and 23:59:59.999999 is another day than 0:00."""
    nanoseconds = stamps.astype("datetime64[ns]").astype(np.int64)
    if np.isnat(stamps).any() or (len(stamps) > 1 and np.diff(nanoseconds).min() < 10**8):
        return stamps
    return ((nanoseconds + 500_000) // 10**6).astype("datetime64[ms]")


def _other_calendar(dataset: xr.Dataset, time: str) -> str | None:
    """Name of a calendar that ours has no dates for."""
    if time not in dataset.coords:
        return None
    first = dataset[time].to_numpy()[:1]
    return str(first[0].calendar) if len(first) and hasattr(first[0], "calendar") else None


def _of_other_calendar(values: npt.NDArray[Any], path: Path) -> npt.NDArray[np.datetime64]:
    """Time stamps of a calendar that ours has no dates for (no leap days, months of 30 days).

    The first keeps its date, the others their distance from it: order, steps and gaps stay what
    they are, while dates may be some days off those of the file.
    """
    first = values[0]
    clock = timedelta(hours=first.hour, minutes=first.minute, seconds=first.second)
    apart = np.array([value - first for value in values], dtype="timedelta64[us]")
    if len(values) > 1 and np.median(np.diff(apart)) >= np.timedelta64(27, "D"):
        # Months and years are counted, whatever their length.
        return to_datetime64(pd.DatetimeIndex([_own_date(value) for value in values]), path)
    begin = _own_date(first).astype("datetime64[us]")
    passed = apart + np.timedelta64(clock, "us")
    return to_datetime64(pd.DatetimeIndex(begin + passed), path)


def _own_date(value: Any) -> np.datetime64:
    """The day of a time stamp of another calendar; the last of the month where ours has none."""
    month = np.datetime64(f"{value.year:04d}-{value.month:02d}", "M")
    begin = month.astype("datetime64[D]")
    last = int(((month + 1).astype("datetime64[D]") - begin).astype(np.int64))
    day: np.datetime64 = begin + np.timedelta64(min(value.day, last) - 1, "D")
    return day


def _location_ids(dataset: xr.Dataset, space: list[str]) -> tuple[str, ...]:
    if not space:
        return ("0",)
    ids = [""]
    for position, dimension in enumerate(space):
        joint = "," if position else ""
        ids = [f"{head}{joint}{tail}" for head in ids for tail in labels_of(dataset, dimension)]
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
