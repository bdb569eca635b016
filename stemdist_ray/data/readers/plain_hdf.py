"""HDF5 files of plain arrays: flows on a grid (TaxiBJ, BikeNYC), or one array of readings.

Axis letters: T steps, N locations, F features; H rows and W columns of a grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import check_settings
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.structure import is_time_name
from stemdist_ray.data.readers.times import are_dates, number_format, to_datetime64
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import HELD_PER_READING, MemoryBudget

if TYPE_CHECKING:
    import h5py

_FLOWS = ("inflow", "outflow")
_HEEDED = frozenset({"key", "time_format"})


def read_plain(
    file: h5py.File, path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Read an HDF5 file without a pandas table.

    Either ``data`` (T, 2, H, W) and ``date`` (T,), in- and outflow of the cells of a city, dates
    as b"2013070101" (day and number of its half hour or hour, from 1 on) or b"201307010030"; or
    one numeric data set (T, N) or (T, N, F), and times (T,) where there are some.

    Args:
        file: Open for reading.
        path: For messages.
        options: ``key`` names the data set, ``time_format`` says how times are written.
        budget: For the readings.

    Raises:
        DataError: It is neither, or several data sets may be the readings.
    """
    check_settings(options, _HEEDED, path, "arrays (and there is no pandas table)")
    found = _data_sets(file)
    if _is_flow(found, options):
        _check_size(found["data"], path, budget)
        return _flows(found["data"], found["date"], path)
    name = _readings(found, file, path, options)
    data = found[name]
    _check_size(data, path, budget)
    stamps = _times(found, name, data.shape[0], path, options)
    return SpatioTemporalSeries(
        _numbers(data, path),
        times=stamps,
        name=path.name,
        attributes=reading(layout="array", array=name),
    )


def _check_size(data: h5py.Dataset, path: Path, budget: MemoryBudget) -> None:
    held = HELD_PER_READING + data.dtype.itemsize
    words = " x ".join(f"{size:,}" for size in data.shape)
    budget.check(path, float(count_readings(data)) * held, words)


def count_readings(data: h5py.Dataset) -> int:
    """T x N x F from the header of a data set."""
    return int(np.prod(data.shape, dtype=object))


def _data_sets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """All data sets by their paths."""
    found: dict[str, h5py.Dataset] = {}

    def note(name: str, item: Any) -> None:
        if hasattr(item, "dtype") and hasattr(item, "shape"):
            found[name] = item

    file.visititems(note)
    return {name: data for name, data in found.items() if data.shape is not None}


def _is_flow(found: dict[str, h5py.Dataset], options: ReadConfig) -> bool:
    if options.key not in (None, "data") or not {"data", "date"} <= set(found):
        return False
    return bool(found["data"].ndim == 4 and found["date"].ndim == 1)


def _flows(data: h5py.Dataset, dates: h5py.Dataset, path: Path) -> SpatioTemporalSeries:
    steps, kinds, rows, columns = data.shape
    if kinds != len(_FLOWS) or dates.shape != (steps,) or data.dtype.kind not in "fiu":
        raise DataError(
            f"{path}: expected data of shape (steps, 2, rows, columns) and a date per step; found "
            f"{data.dtype} of shape {data.shape} and {dates.shape}"
        )
    values = _numbers(data, path).reshape(steps, kinds, rows * columns).transpose(0, 2, 1)
    return SpatioTemporalSeries(
        values=values,
        times=slot_times(_text(dates[()]), path),
        location_ids=tuple(f"{row},{column}" for row in range(rows) for column in range(columns)),
        feature_names=_FLOWS,
        name=path.name,
        attributes=reading(layout="flows of a grid", array="data", time_array="date"),
    )


def slot_times(dates: list[str], path: Path) -> npt.NDArray[np.datetime64]:
    """Time stamps of "2013070101": the day, then the number of its half hour or hour, from 1 on.

    Which of the two follows from the largest number. Twelve digits are a date and a time of day.

    Args:
        dates: T texts.
        path: For messages.

    Returns:
        (T,) datetime64[ns].

    Raises:
        DataError: One of them is neither, or the numbers fit no day.
    """
    digits = {len(text) for text in dates}
    wrong = next((t for t in dates if not (t.isascii() and t.isdigit())), None)
    if wrong is not None or digits not in ({10}, {12}):
        shown = wrong or " and ".join(next(t for t in dates if len(t) == n) for n in sorted(digits))
        raise DataError(
            f"{path}: dates must be like 2013070101 (the day and the number of its slot) or "
            f"201307010030; found {shown[:60]!r}"
        )
    text = pd.Series(dates)
    if digits == {12}:
        return to_datetime64(text, path, ReadConfig(time_format="%Y%m%d%H%M"), "date")
    slots = text.str[8:].astype(int).to_numpy()
    low, high = int(slots.min()), int(slots.max())
    if low < 1 or high > 48:
        raise DataError(
            f"{path}: slots of the day run from {low} to {high}; expected 1 to 24 (hours) or 1 to "
            "48 (half hours)"
        )
    minutes = 30 if high > 24 else 60
    days = to_datetime64(text.str[:8], path, ReadConfig(time_format="%Y%m%d"), "date")
    return days + (slots - 1) * np.timedelta64(minutes, "m")


def _readings(
    found: dict[str, h5py.Dataset], file: h5py.File, path: Path, options: ReadConfig
) -> str:
    """Name of the data set that holds the readings."""
    fits = [n for n, data in found.items() if data.ndim in (2, 3) and data.dtype.kind in "fiu"]
    shown = ", ".join(f"{n} {data.shape}" for n, data in list(found.items())[:12])
    if options.key is not None:
        name = options.key.strip("/")
        if name not in fits:
            raise DataError(
                f"{path}: holds no data set {options.key!r} of numbers (steps, locations) or "
                f"(steps, locations, features); found {shown or 'none'}"
            )
        return name
    if "_NCProperties" in file.attrs or not fits:
        raise DataError(
            f"{path}: expected a pandas table (as METR-LA, PEMS-BAY or LargeST ship it), data and "
            "date (as TaxiBJ ships them) or an array (steps, locations[, features]); found "
            f"{shown or 'nothing'}. NetCDF files should end in .nc"
        )
    if len(fits) > 1:
        raise DataError(
            f"{path}: any of the data sets {', '.join(fits)} may hold the readings; say which one "
            "by data.read.key"
        )
    return fits[0]


def _times(
    found: dict[str, h5py.Dataset], readings: str, steps: int, path: Path, options: ReadConfig
) -> npt.NDArray[np.datetime64] | None:
    """Time stamps of the only data set (T,) that is called like times or holds dates."""
    stamps: dict[str, Any] = {}
    for name, data in found.items():
        if name == readings or data.shape != (steps,):
            continue
        is_text = data.dtype.kind == "S" or data.dtype.hasobject
        values = _text(data[()]) if is_text else None
        named = is_time_name(name.rsplit("/", 1)[-1])
        if values is not None and (named or are_dates(pd.Series(values[:5]))):
            stamps[name] = values
        elif values is None and named and data.dtype.kind in "fiu":
            stamps[name] = data[()]
    if len(stamps) > 1:
        raise DataError(
            f"{path}: any of the data sets {', '.join(stamps)} may hold the times; leave one"
        )
    for name, given in stamps.items():
        numbered = not isinstance(given, list) and bool((np.diff(given) == 1).all())
        if numbered and options.time_format is None and number_format(given, name) is None:
            return None  # a running number says nothing of times
        return to_datetime64(given, path, options, name)
    return None


def _text(values: npt.NDArray[Any]) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]


def _numbers(data: h5py.Dataset, path: Path) -> npt.NDArray[np.float32]:
    if not count_readings(data):
        raise DataError(f"{path}: data set {data.name.lstrip('/')!r} is empty: {data.shape}")
    with np.errstate(over="ignore"):  # an infinite reading is told of by the series
        return np.asarray(data[()], np.float32)
