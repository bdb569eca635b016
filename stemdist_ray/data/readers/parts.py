"""Tables that come in parts, so that a large one is never held as a table.

Of a part, only its numbers are kept: float32 readings, and small codes for times and locations.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.clocks import with_clock
from stemdist_ray.data.readers.long import LongRows, check_keys, rows_to_series
from stemdist_ray.data.readers.structure import LongTable, as_columns, check_plain, recognised
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.data.readers.wide import column_of_times, numeric, series_of, times_of
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget


def frames_to_series(
    frames: Iterator[pd.DataFrame], path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Turn consecutive rows of one table into a series; what its columns are, the first part tells.

    Args:
        frames: The rows, in parts of the same columns.
        path: For messages and the name.
        options: What the user says of the table.
        budget: For the readings at all steps and locations.

    Raises:
        DataError: As for the whole table.
    """
    first, second = next(frames, None), next(frames, None)
    if first is None:
        raise DataError(f"{path}: the table has no rows")
    if second is None or options.transpose:
        rest = () if second is None else (second, *frames)
        return frame_to_series(pd.concat([first, *rest]) if rest else first, path, options, budget)
    check_plain(first, path)
    ready = _Ready(first, path)
    layout = recognised(ready(first), options, path)
    parts = map(ready, chain([first, second], frames))
    if layout is None:
        return _wide(parts, ready(first), path, options)
    return _long(parts, layout, path, options, budget)


class _Ready:
    """What is done to every part before its columns are looked at."""

    def __init__(self, first: pd.DataFrame, path: Path) -> None:
        self._path = path
        self._columns = list(with_clock(as_columns(first), path).columns)

    def __call__(self, part: pd.DataFrame) -> pd.DataFrame:
        ready = with_clock(as_columns(part), self._path)
        if list(ready.columns) != self._columns:
            raise DataError(
                f"{self._path}: columns of times do not look alike in all rows; name the one that "
                "holds them by data.read.time_column"
            )
        return ready


def _wide(
    parts: Iterator[pd.DataFrame], first: pd.DataFrame, path: Path, options: ReadConfig
) -> SpatioTemporalSeries:
    time = column_of_times(first, path, options)
    columns = first.columns if time is None else first.columns.drop([time])
    if not len(columns):
        raise DataError(f"{path}: expected a row per step and a column per location; found none")
    stamps: list[pd.Series] = []
    values: list[np.ndarray] = []
    row = 0
    for part in parts:
        if time is not None:
            stamps.append(part[time])
        values.append(numeric(part[columns], path, row))
        row += len(part)
    times = None
    if time is not None:
        times = times_of(pd.concat(stamps, ignore_index=True), path, options, str(time))
    return series_of(np.concatenate(values), times, columns, time, path, options)


def _long(
    parts: Iterator[pd.DataFrame],
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget,
) -> SpatioTemporalSeries:
    times, ids = _Codes(), _Codes()
    steps: list[np.ndarray] = []
    places: list[np.ndarray] = []
    values: list[np.ndarray] = []
    row = 0
    for part in parts:
        check_keys(part, layout, path)
        steps.append(times.of(part[layout.time]))
        places.append(ids.of(part[layout.location].map(str)))
        values.append(numeric(part[list(layout.features)], path, row))
        row += len(part)
    rows = LongRows(
        times=times.entries(),
        steps=np.concatenate(steps),
        ids=tuple(ids.entries()),
        places=np.concatenate(places),
        values=np.concatenate(values),
    )
    return rows_to_series(rows, layout, path, options, budget)


class _Codes:
    """Numbers for the entries of a column, in order of appearance over all parts."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}
        self._kinds: list[Any] = []

    def of(self, column: pd.Series) -> np.ndarray:
        """(rows,) int32."""
        codes, entries = pd.factorize(column)
        self._kinds.append(entries[:0])
        own = [self._known.setdefault(entry, len(self._known)) for entry in entries]
        return np.asarray(own, np.int32)[codes]

    def entries(self) -> Any:
        """Entries by number; of the columns' own type where all parts agree on it."""
        found = list(self._known)
        kind = self._kinds[0].dtype
        if all(entries.dtype == kind for entries in self._kinds):
            return pd.Series(found, dtype=kind)
        return pd.Series(list(map(str, found)))
