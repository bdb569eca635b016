"""Tables with a row per series: ``start`` and a list ``target``, as GluonTS and Monash ship them.

Axis letters: T steps, N locations (rows), F features.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.times import to_datetime64
from stemdist_ray.data.series import OWN_START, OWN_STEP, SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

_START, _TARGET, _NAME, _STEP = "start", "target", "item_id", "freq"
_LISTS = (list, tuple, np.ndarray)
# Names of steps in pandas of all ages: "T" and "min" are minutes, "M" and "ME" ends of months.
_FIXED = {
    **dict.fromkeys(("n", "ns"), 1),
    **dict.fromkeys(("us", "u"), 10**3),
    **dict.fromkeys(("ms", "l"), 10**6),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 10**9),
    **dict.fromkeys(("t", "min", "minute", "minutes", "minutely"), 60 * 10**9),
    **dict.fromkeys(("h", "hour", "hours", "hourly"), 3600 * 10**9),
    **dict.fromkeys(("d", "day", "days", "daily"), 86_400 * 10**9),
    **dict.fromkeys(("w", "week", "weeks", "weekly"), 7 * 86_400 * 10**9),
}  # nanoseconds
_MONTHS = {
    **dict.fromkeys(("m", "me", "ms", "month", "months", "monthly"), 1),
    **dict.fromkeys(("q", "qe", "qs", "quarter", "quarters", "quarterly"), 3),
    **dict.fromkeys(("y", "ye", "ys", "a", "as", "year", "years", "yearly", "annual"), 12),
}


class _Step(NamedTuple):
    """Either of the two is above zero."""

    nanoseconds: int
    months: int


def has_series_rows(table: pd.DataFrame, options: ReadConfig) -> bool:
    """Whether a table has a row per series, by its columns ``start`` and ``target``."""
    if options.layout != "auto" or not {_START, _TARGET} <= set(table.columns):
        return False
    return table[_TARGET].dtype == object and any(isinstance(v, _LISTS) for v in table[_TARGET])


def series_rows_to_series(
    table: pd.DataFrame, path: Path, options: ReadConfig, budget: MemoryBudget | None = None
) -> SpatioTemporalSeries:
    """Turn a table of a row per series into a series on one grid.

    Reading k of a row is that of ``start + k * freq``; steps that a row does not reach are missing.
    Lists of lists are one list per feature. Other columns (static and dynamic features) are left
    out. Without ``freq`` (or ``data.sampling_step``) and with one start for all there are no time
    stamps.

    Args:
        table: Columns ``start`` and ``target``, and ``item_id`` and ``freq`` where they are there.
        path: For messages and the name.
        options: ``time_format`` and ``dayfirst`` of the starts, ``step``.
        budget: For the readings; None = the default.

    Raises:
        DataError: The rows lie on no common grid, or a list holds something else than numbers.
    """
    targets = [_target(value, row, path) for row, value in enumerate(table[_TARGET])]
    counts = {len(target) for target in targets}
    if len(counts) > 1:
        raise DataError(
            f"{path}: rows have from {min(counts)} to {max(counts)} lists in {_TARGET}; expected "
            "one per feature, as many in each row"
        )
    starts = to_datetime64(_stamps(table[_START]), path, options, _START)
    named = _declared_step(table, path)
    said = options.step if named is None else named
    step = None if said is None else _parsed(said, path)
    places = _places(starts, step, path)
    lengths = np.array([target.shape[1] for target in targets])
    shape = (int((places + lengths).max()), len(targets), counts.pop())
    _check_filling(int(lengths.sum()), shape, path)
    (budget or MemoryBudget()).check_readings(path, shape)
    values = np.full(shape, np.nan, np.float32)
    for row, (target, place) in enumerate(zip(targets, places, strict=True)):
        values[place : place + target.shape[1], row] = target.T
    times = None if step is None else _stamps_of(starts.min(), step, shape[0], path)
    own = {OWN_START: _shown(starts.min())} if said is None else {OWN_STEP: said}
    return SpatioTemporalSeries(
        values=values,
        times=times,
        location_ids=_ids(table, path),
        name=path.name,
        attributes={**own, **reading(layout="a row per series", frequency=said)},
    )


def _target(value: Any, row: int, path: Path) -> npt.NDArray[np.float32]:
    """(F, T) readings of a row."""
    where = f"{path}: {_TARGET} of data row {row + 1}"
    if not isinstance(value, _LISTS) or not len(value):
        found = "none" if value is None else repr(value)[:40]
        raise DataError(f"{where}: expected a list of readings; found {found}")
    lists = list(value) if isinstance(value[0], _LISTS) else [value]
    try:
        if len({len(item) for item in lists}) > 1:
            raise ValueError("its lists have different lengths")
        readings = np.array([_plain(item) for item in lists])
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: expected numbers: {error}") from error
    if readings.ndim != 2 or not readings.shape[1] or readings.dtype.kind not in "fiu":
        raise DataError(
            f"{where}: expected a list of numbers, or one per feature; found {readings.dtype} of "
            f"shape {readings.shape}"
        )
    with np.errstate(over="ignore"):  # an infinite reading is told of by the series
        return readings.astype(np.float32)


def _plain(item: Any) -> Any:
    """Readings of one feature, NaN where there is none."""
    if isinstance(item, np.ndarray) and item.dtype != object:
        return item
    return [np.nan if v is None else v for v in item]


def _stamps(starts: pd.Series) -> pd.Series:
    """Starts, which GluonTS also keeps as periods."""
    first = next((v for v in starts if v is not None), None)
    if isinstance(first, pd.Period):
        return starts.map(lambda p: p.start_time if isinstance(p, pd.Period) else pd.NaT)
    return starts


def _ids(table: pd.DataFrame, path: Path) -> tuple[str, ...]:
    if _NAME not in table.columns:
        return ()
    if table[_NAME].isna().any():
        row = int(np.flatnonzero(table[_NAME].isna())[0])
        raise DataError(f"{path}: data row {row + 1} has no {_NAME}")
    return tuple(map(str, table[_NAME]))


def _declared_step(table: pd.DataFrame, path: Path) -> str | None:
    if _STEP not in table.columns:
        return None
    found = table[_STEP].dropna().astype(str).unique()
    if len(found) > 1:
        raise DataError(
            f"{path}: {_STEP} is {found[0]} in some rows and {found[1]} in others; expected one "
            "step for all"
        )
    return str(found[0]) if len(found) else None


def _parsed(text: str, path: Path) -> _Step:
    """A step as pandas and GluonTS write it: 5min, 30T, H, D, W-SUN, M, Q, A-DEC."""
    match = re.fullmatch(r"\s*(\d*)\s*([A-Za-z]+)(-[A-Za-z]+)?\s*", text)
    if match is not None:
        count, unit = int(match[1] or 1), match[2].lower()
        # "MS" is the start of a month, "ms" a thousandth of a second.
        if unit in _FIXED and match[2] != "MS" and match[2] != "M" and count:
            return _Step(count * _FIXED[unit], 0)
        # "m" is a minute to some and a month to others.
        if unit in _MONTHS and match[2] != "m" and count:
            return _Step(0, count * _MONTHS[unit])
    raise DataError(
        f"{path}: {text!r} is no step between readings that is known here; expected e.g. 5min, h, "
        "D, W, M, Q or Y"
    )


def _places(starts: npt.NDArray[np.datetime64], step: _Step | None, path: Path) -> Any:
    """(N,) steps by which each row begins after the first."""
    first = starts.min()
    if step is None:
        other = int(np.argmax(starts))
        if starts[other] != first:
            raise DataError(
                f"{path}: rows start from {_shown(first)} to {_shown(starts[other])}, and no "
                f"column {_STEP} says how far apart their readings are; say so by "
                "data.sampling_step"
            )
        return np.zeros(len(starts), np.int64)
    if step.months:
        months = starts.astype("datetime64[M]").astype(np.int64)
        place, rest = np.divmod(months - months.min(), step.months)
        in_month = starts - starts.astype("datetime64[M]")
        last = (starts.astype("datetime64[M]") + 1).astype("datetime64[D]") - starts
        at_end = (last == last[0]) & (last <= np.timedelta64(1, "D"))
        on_grid = (rest == 0) & ((in_month == in_month[0]) | at_end)
    else:
        if int(starts.max().astype(np.int64)) - int(first.astype(np.int64)) >= 2**63:
            raise DataError(
                f"{path}: rows start from {_shown(first)} to {_shown(starts.max())}, centuries "
                "apart"
            )
        place, rest = np.divmod((starts - first).astype(np.int64), step.nanoseconds)
        on_grid = rest == 0
    if not on_grid.all():
        row = int(np.flatnonzero(~on_grid)[0])
        raise DataError(
            f"{path}: data row {row + 1} starts at {_shown(starts[row])}, which lies between two "
            f"steps of the grid from {_shown(first)} on; bring the rows to common steps first"
        )
    return place


def _shown(stamp: np.datetime64) -> str:
    return str(pd.Timestamp(stamp))


def _stamps_of(
    first: np.datetime64, step: _Step, count: int, path: Path
) -> npt.NDArray[np.datetime64]:
    """(T,) time stamps of the grid; months that are too short for a day have their last."""
    try:
        if not step.months:
            ahead = pd.to_timedelta(np.arange(count) * step.nanoseconds, unit="ns")
            return np.asarray((pd.Timestamp(first).as_unit("ns") + ahead).to_numpy())
        start = pd.Timestamp(first)
        months = pd.period_range(start, periods=count * step.months, freq="M")[:: step.months]
        day = (
            months.days_in_month
            if start.is_month_end
            else np.minimum(start.day, months.days_in_month)
        )
        clock = start - start.normalize()
        stamps = months.to_timestamp() + pd.to_timedelta(np.asarray(day) - 1, unit="D") + clock
        return np.asarray(stamps.as_unit("ns").to_numpy())
    except (OverflowError, ValueError) as error:
        raise DataError(
            f"{path}: {count:,} steps from {_shown(first)} on lead out of all calendars"
        ) from error


def _check_filling(readings: int, shape: tuple[int, int, int], path: Path) -> None:
    """Rows that begin ages apart would make a huge table of gaps."""
    steps, rows, _ = shape
    if readings < _LEAST_FILLED * steps * rows and 4 * math.prod(shape) > _LARGE:
        raise DataError(
            f"{path}: {readings:,} readings would fill {100 * readings / (steps * rows):.2g} % of "
            f"{steps:,} steps x {rows:,} locations: the rows hardly overlap in time. Take those of "
            "one span of time"
        )


_LEAST_FILLED = 0.02
_LARGE = 2**27  # bytes; smaller ones do no harm
