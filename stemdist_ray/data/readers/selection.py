"""What of a grid is read: one entry of every dimension that is neither time nor place."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stemdist_ray.config import ReadConfig
from stemdist_ray.errors import DataError

if TYPE_CHECKING:
    import xarray as xr

TIME = ("time", "valid_time", "datetime", "date", "t")
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
    return without_others(taken(dataset, options, path), path)


def taken(dataset: xr.Dataset, options: ReadConfig, path: Path) -> xr.Dataset:
    """The entries that the user selected."""
    for name, label in options.select.items():
        dimension = _dimension(dataset, name, path)
        dataset = dataset.isel({dimension: _entry(dataset, dimension, label, path)})
    return dataset


def without_others(dataset: xr.Dataset, path: Path) -> xr.Dataset:
    """Time and place alone; see :func:`selected`."""
    for name in dimensions_of_readings(dataset):
        if name.lower() == _EXPVER:
            dataset = _merged(dataset, name)
        elif _is_other(dataset, name):
            if dataset.sizes[name] > 1:
                labels = labels_of(dataset, name)
                shown = ", ".join(labels[:6]) + (", ..." if len(labels) > 6 else "")
                raise DataError(
                    f"{path}: dimension {name!r} is neither time nor place and has "
                    f"{len(labels)} entries ({shown}); take one by data.read.select, e.g. "
                    f"{name}={labels[0]}"
                )
            dataset = dataset.isel({name: 0})
    return dataset


def dimensions_of_readings(dataset: xr.Dataset) -> list[str]:
    """Dimensions of all numeric variables; bounds of cells and the like have others besides."""
    found: dict[str, None] = {}
    for name, variable in dataset.data_vars.items():
        if is_reading(str(name), variable) and any(_is_time(dataset, d) for d in variable.dims):
            found |= dict.fromkeys(map(str, variable.dims))
    return list(found)


def is_reading(name: str, variable: xr.DataArray) -> bool:
    """Whether a variable holds readings: numbers that are no bounds of cells."""
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
    labels = labels_of(dataset, name)
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


def _is_time(dataset: xr.Dataset, name: Hashable) -> bool:
    return str(name).lower() in TIME or has_stamps(dataset, name)


def has_stamps(dataset: xr.Dataset, name: Hashable) -> bool:
    """Whether a dimension has time stamps, of any calendar."""
    if name not in dataset.coords or dataset[name].ndim != 1 or not dataset.sizes[name]:
        return False
    values = dataset[name].to_numpy()
    return values.dtype.kind == "M" or hasattr(values[0], "calendar")


def labels_of(dataset: xr.Dataset, dimension: str) -> list[str]:
    """Entries of a dimension as text; their positions where it has none."""
    if dimension not in dataset.coords:
        return [str(i) for i in range(dataset.sizes[dimension])]
    values = dataset[dimension].to_numpy()
    if np.issubdtype(values.dtype, np.floating):
        return [f"{v:g}" if float(f"{v:g}") == v else repr(float(v)) for v in values]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values]
