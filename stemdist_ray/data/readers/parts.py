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
from stemdist_ray.data.readers.columns import plain_columns
from stemdist_ray.data.readers.long import (
    LongRows,
    check_keys,
    coordinates_of,
    rows_to_series,
)
from stemdist_ray.data.readers.structure import LongTable, check_plain, recognised
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.data.readers.wide import (
    column_of_times,
    columns_of_readings,
    numeric,
    series_of,
    times_of,
)
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget


def frames_to_series(
    frames: Iterator[pd.DataFrame],
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget,
    rows: int = 0,
) -> SpatioTemporalSeries:
    """Turn consecutive rows of one table into a series; what its columns are, the first part tells.

    Args:
        frames: The rows, in parts of the same columns.
        path: For messages and the name.
        options: What the user says of the table.
        budget: For the readings at all steps and locations.
        rows: How many there are in all parts, as far as that is known; saves memory.

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
    ready = _Ready(first, path, options)
    layout = recognised(ready(first), options, path)
    parts = map(ready, chain([first, second], frames))
    if layout is None:
        return _wide(parts, ready(first), path, options, rows)
    return _long(parts, layout, path, options, budget, rows)


class _Ready:
    """What is done to every part before its columns are looked at."""

    def __init__(self, first: pd.DataFrame, path: Path, options: ReadConfig) -> None:
        self._path, self._options = path, options
        self._columns = list(plain_columns(first, path, options).columns)

    def __call__(self, part: pd.DataFrame) -> pd.DataFrame:
        ready = plain_columns(part, self._path, self._options)
        if list(ready.columns) != self._columns:
            raise DataError(
                f"{self._path}: columns of times do not look alike in all rows; name the one that "
                "holds them by data.read.time_column"
            )
        return ready


def _wide(
    parts: Iterator[pd.DataFrame],
    first: pd.DataFrame,
    path: Path,
    options: ReadConfig,
    rows: int,
) -> SpatioTemporalSeries:
    time = column_of_times(first, path, options)
    columns = columns_of_readings(first, time, options, path)
    if not len(columns):
        raise DataError(f"{path}: expected a row per step and a column per location; found none")
    stamps: list[pd.Series] = []
    values = _Rows((len(columns),), np.float32, rows)
    for part in parts:
        if time is not None:
            stamps.append(part[time])
        values.add(numeric(part[columns], path, values.count))
    times = None
    if time is not None:
        times = times_of(pd.concat(stamps, ignore_index=True), path, options, str(time))
    return series_of(values.all(), times, columns, time, path, options)


def _long(
    parts: Iterator[pd.DataFrame],
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget,
    rows: int,
) -> SpatioTemporalSeries:
    times, ids = _Codes(), _Codes(as_text=True)
    steps, places = (_Rows((), np.int32, rows) for _ in range(2))
    values = _Rows((len(layout.features),), np.float32, rows)
    pairs: dict[str, tuple[float, float]] = {}
    for part in parts:
        check_keys(part, layout, path)
        pairs = {str(name): pair for name, pair in coordinates_of(part, layout).items()} | pairs
        steps.add(times.of(part[layout.time]))
        places.add(ids.of(part[layout.location]))
        values.add(numeric(part[list(layout.features)], path, values.count))
    names = tuple(ids.entries())
    found = np.array([pairs[name] for name in names]) if pairs else None
    entries = LongRows(times.entries(), steps.all(), names, places.all(), values.all(), found)
    return rows_to_series(entries, layout, path, options, budget)


class _Codes:
    """Numbers for the entries of a column, in order of appearance over all parts."""

    def __init__(self, as_text: bool = False) -> None:
        self._as_text = as_text
        self._known: dict[Hashable, int] = {}
        self._kinds: list[Any] = []

    def of(self, column: pd.Series) -> np.ndarray:
        """(rows,) int32."""
        codes, entries = pd.factorize(column)
        entries = pd.Index(entries)
        self._kinds.append(entries[:0])
        entries = entries.map(str) if self._as_text else entries
        own = [self._known.setdefault(entry, len(self._known)) for entry in entries]
        return np.asarray(own, np.int32)[codes]

    def entries(self) -> Any:
        """Entries by number; of the columns' own type where all parts agree on it."""
        found = list(self._known)
        kind = self._kinds[0].dtype
        if all(entries.dtype == kind for entries in self._kinds):
            return pd.Series(found, dtype=kind)
        return pd.Series(list(map(str, found)))


class _Rows:
    """An array that is filled part by part; pieces to be joined later would be held twice."""

    def __init__(self, shape: tuple[int, ...], kind: type[np.generic], expected: int) -> None:
        self._held = np.empty((expected, *shape), kind)
        self.count = 0

    def add(self, rows: np.ndarray) -> None:
        """Take further rows."""
        end = self.count + len(rows)
        if end > len(self._held):
            more = np.empty((max(end, 3 * len(self._held) // 2), *rows.shape[1:]), self._held.dtype)
            more[: self.count] = self._held[: self.count]
            self._held = more
        self._held[self.count : end] = rows
        self.count = end

    def all(self) -> np.ndarray:
        """Those that were taken."""
        return self._held[: self.count]
