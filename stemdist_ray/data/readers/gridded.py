"""From an xarray data set to a series; shared by NetCDF and Zarr."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import steps_per_block
from stemdist_ray.data.readers.times import to_datetime64
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

ORDER = "feature_names"
_TIME = ("time", "valid_time", "datetime", "date", "t")
_LATITUDE = ("latitude", "lat", "y")
_LONGITUDE = ("longitude", "lon", "lng", "x")
# Dimensions that are neither time nor place, as ECMWF, CMIP and WRF call them: members of an
# ensemble, lead times, heights, bounds.
_OTHER = frozenset(
    (
        *("number", "realization", "realisation", "member", "ensemble", "ens", "quantile"),
        *("step", "lead_time", "leadtime", "forecast_period", "forecast_reference_time"),
        *("level", "lev", "plev", "pressure", "pressure_level", "isobaricinhpa", "model_level"),
        *("height", "depth", "altitude", "hybrid", "soil_layer", "band", "wavelength"),
        *("bnds", "bounds", "nbnds", "nv"),
    )
)
_EXPVER = "expver"
_NUMBERS = "fiu"  # kinds of dtypes; no dates, no durations, no complex numbers


def selected(dataset: xr.Dataset, options: ReadConfig, path: Path) -> xr.Dataset:
    """Leave time and place: one entry of every other dimension.

    ``expver`` tells final from preliminary readings of ERA5 and is no choice: where the one is
    missing the other holds.

    Args:
        dataset: As it was opened.
        options: ``select`` names entries.
        path: For messages.

    Raises:
        DataError: A dimension that is neither time nor place has several entries and none is
            selected, or what is selected is not there.
    """
    for name, label in options.select.items():
        dimension = _dimension(dataset, name, path)
        dataset = dataset.isel({dimension: _entry(dataset, dimension, label, path)})
    for name in _dimensions_of_readings(dataset):
        if name.lower() == _EXPVER:
            dataset = _merged(dataset, name)
        elif _is_other(dataset, name):
            if dataset.sizes[name] > 1:
                labels = _labels(dataset, name)
                shown = ", ".join(labels[:6]) + (", ..." if len(labels) > 6 else "")
                raise DataError(
                    f"{path}: dimension {name!r} is neither time nor place and has "
                    f"{len(labels)} entries ({shown}); take one by data.read.select, e.g. "
                    f"{name}={labels[0]}"
                )
            dataset = dataset.isel({name: 0})
    return dataset


def _dimensions_of_readings(dataset: xr.Dataset) -> list[str]:
    """Dimensions of all numeric variables; bounds of cells and the like have others besides."""
    found: dict[str, None] = {}
    for name, variable in dataset.data_vars.items():
        if _is_reading(str(name), variable) and any(_is_time(dataset, d) for d in variable.dims):
            found |= dict.fromkeys(map(str, variable.dims))
    return list(found)


def _is_reading(name: str, variable: xr.DataArray) -> bool:
    bounds = name.lower().endswith(("_bnds", "_bounds", "_bound"))
    return variable.dtype.kind in _NUMBERS and not bounds


def _dimension(dataset: xr.Dataset, name: str, path: Path) -> str:
    found = {str(n).lower(): str(n) for n in dataset.sizes}
    if name.lower() not in found:
        raise DataError(
            f"{path}: data.read.select names the dimension {name!r}; there are "
            f"{', '.join(sorted(found.values()))}"
        )
    return found[name.lower()]


def _entry(dataset: xr.Dataset, name: str, label: str | float, path: Path) -> int:
    """Position of a label; numbers are compared as numbers."""
    labels = _labels(dataset, name)
    for position, own in enumerate(labels):
        if own == str(label) or _number(own) == _number(label) is not None:
            return position
    shown = ", ".join(labels[:12]) + (", ..." if len(labels) > 12 else "")
    raise DataError(f"{path}: {name} has no entry {_plain(label)}; there are {shown}")


def _plain(label: str | float) -> str:
    return label if isinstance(label, str) else f"{label:g}"


def _number(text: str | float) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _is_other(dataset: xr.Dataset, name: str) -> bool:
    """By its name, or by what the CF conventions say of a vertical axis."""
    if name.lower() in _OTHER:
        return True
    attributes = dataset[name].attrs if name in dataset.coords else {}
    return attributes.get("axis") == "Z" or "positive" in attributes


def _merged(dataset: xr.Dataset, name: str) -> xr.Dataset:
    merged = dataset.isel({name: 0}, drop=True)
    for position in range(1, dataset.sizes[name]):
        merged = merged.fillna(dataset.isel({name: position}, drop=True))
    return merged


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
        str(n) for n, v in dataset.data_vars.items() if time in v.dims and _is_reading(str(n), v)
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
        times=_times(dataset, time, path),
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
        DataError: There is none, or there are two.
    """
    stamped = [
        d for d in _dimensions_of_readings(dataset) or dataset.sizes if _has_stamps(dataset, d)
    ]
    if len(stamped) > 1:
        raise DataError(
            f"{path}: dimensions {', '.join(map(repr, stamped))} both hold time stamps; expected "
            "one that is time. Take one entry of the other by data.read.select"
        )
    if stamped:
        return str(stamped[0])
    by_name = {str(name).lower(): str(name) for name in dataset.sizes}
    for wanted in _TIME:
        if wanted in by_name:
            return by_name[wanted]
    raise DataError(
        f"{path}: no time dimension; expected one with time stamps or called one of "
        f"{', '.join(_TIME)}; found {sorted(map(str, dataset.sizes))}"
    )


def _is_time(dataset: xr.Dataset, name: Hashable) -> bool:
    return str(name).lower() in _TIME or _has_stamps(dataset, name)


def _has_stamps(dataset: xr.Dataset, name: Hashable) -> bool:
    if name not in dataset.coords or dataset[name].ndim != 1 or not dataset.sizes[name]:
        return False
    values = dataset[name].to_numpy()
    return values.dtype.kind == "M" or hasattr(values[0], "calendar")


def _times(dataset: xr.Dataset, time: str, path: Path) -> npt.NDArray[np.datetime64] | None:
    if time not in dataset.coords:
        return None
    values = dataset[time].to_numpy()
    if values.dtype.kind == "M":
        return to_datetime64(values, path)
    if hasattr(values[0], "calendar"):
        return _of_other_calendar(values, path)
    if values.dtype.kind in "SUTO":
        return to_datetime64([v.decode() if isinstance(v, bytes) else str(v) for v in values], path)
    return None


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
