"""Wide tables: a row per step and a column per location."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.features import COUNTERS, counts, is_index
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.structure import column_called, time_column
from stemdist_ray.data.readers.times import are_dates, check_unread, number_format, to_datetime64
from stemdist_ray.data.resample import one_per_time
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

_MARKS = frozenset({"missing", "undefined", "none", "void", "no data", "nodata", "null"})
Stamps = npt.NDArray[np.datetime64]


def wide_to_series(
    table: pd.DataFrame, path: Path, options: ReadConfig, part_of_more: bool = False
) -> SpatioTemporalSeries:
    """Turn a wide table (a row per step, a column per location) into a series.

    Columns of two levels are location and feature.

    Raises:
        DataError: No numeric column, or a cell that is not a number.
    """
    if isinstance(table.index, pd.DatetimeIndex):
        times: Stamps | None = to_datetime64(table.index, path, options)
        name: Hashable | None = "index"
    else:
        name = column_of_times(table, path, options)
        times = None if name is None else times_of(table[name], path, options, str(name))
        table = table[columns_of_readings(table, name, options, path)]
    if table.shape[1] == 0 or len(table) == 0:
        raise DataError(f"{path}: expected a row per step and a column per location; found none")
    return series_of(numeric(table, path), times, table.columns, name, path, options, part_of_more)


def series_of(
    values: npt.NDArray[np.float32],
    times: Stamps | None,
    columns: pd.Index,
    time_name: Hashable | None,
    path: Path,
    options: ReadConfig,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """The series of a wide table.

    Args:
        values: (T, columns) readings.
        times: (T,) or None.
        columns: Names of locations, or of locations and features.
        time_name: Column that held the times, or numbered the rows.
        path: For messages.
        options: ``duplicates``.
        part_of_more: It is a block of a longer series.

    Raises:
        DataError: Columns have other levels, or a time comes twice.
    """
    features: tuple[str, ...] = ()
    locations = tuple(str(c) for c in columns)
    layers = values[:, :, None]
    if columns.nlevels > 1:
        layers, locations, features = _of_two_levels(values, columns, path)
    if times is None:
        check_unread(options, path)
    elif options.duplicates != "error":
        layers, times = one_per_time(layers, times, options.duplicates)
    else:
        layers, times = _increasing(layers, times, path)
    return SpatioTemporalSeries(
        values=layers,
        times=times,
        location_ids=locations,
        feature_names=features,
        name=path.name,
        part_of_more=part_of_more,
        attributes=reading(
            layout="wide, transposed" if options.transpose else "wide",
            time_column=None if times is None or time_name is None else str(time_name),
            not_read=None if times is not None or time_name is None else [str(time_name)],
        ),
    )


def _increasing(
    layers: npt.NDArray[np.float32], times: Stamps, path: Path
) -> tuple[npt.NDArray[np.float32], Stamps]:
    """The rows in the order of time, where the file has them the other way round.

    Raises:
        DataError: A time comes twice.
    """
    ahead = np.diff(times).astype(np.int64)
    if len(ahead) and (ahead < 0).all():
        return layers[::-1], times[::-1]
    twice = pd.Index(times).duplicated()
    if twice.any():
        row = int(np.flatnonzero(twice)[0])
        raise DataError(
            f"{path}: time stamps must increase; data row {row + 1} has {times[row]} again. Keep "
            "the first or the mean of such rows by data.read.duplicates; if clocks go back there, "
            "say data.read.timezone"
        )
    return layers, times


def _of_two_levels(
    values: npt.NDArray[np.float32], columns: pd.Index, path: Path
) -> tuple[npt.NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    """(T, N F) by (location, feature) to (T, N, F), and the names of both."""
    if columns.nlevels != 2 or columns.duplicated().any():
        raise DataError(
            f"{path}: columns have {columns.nlevels} levels; expected location and feature, each "
            "pair once"
        )
    place, locations = pd.factorize(columns.get_level_values(0))
    kind, features = pd.factorize(columns.get_level_values(1))
    out = np.full((len(values), len(locations), len(features)), np.nan, np.float32)
    out[:, place, kind] = values
    return out, tuple(map(str, locations)), tuple(map(str, features))


def column_of_times(table: pd.DataFrame, path: Path, options: ReadConfig) -> Hashable | None:
    """The column of a wide table that holds no readings: its times, or numbers of its rows.

    Raises:
        DataError: Columns are named like times, or several may hold them.
    """
    if table.shape[1] == 0 or len(table) == 0 or table.columns.nlevels > 1:
        return None
    _check_columns_are_no_times(table, path)
    time = time_column(table, options, path)
    if time is None and not is_index(table.columns[0]):
        return None
    first: Hashable = table.columns[0] if time is None else time
    column = table[first]
    if not pd.api.types.is_numeric_dtype(column):
        return first
    if len(table) < 2:
        return None
    if options.time_column is None and str(first).strip().lower() == "t":
        # A temperature may be called so; times and row numbers do not look like one.
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        times = options.time_format is not None or number_format(numbers, "t") is not None
        return first if times or _counts(numbers) else None
    return first


def columns_of_readings(
    table: pd.DataFrame, time: Hashable | None, options: ReadConfig, path: Path
) -> pd.Index:
    """Columns of locations: those that were named, else all but times and row numbers.

    Raises:
        DataError: A column that was named is not there.
    """
    if table.columns.nlevels > 1:
        return table.columns
    if options.features:
        return pd.Index([column_called(table, name, path) for name in options.features])
    if time is None:
        return table.columns
    return pd.Index([c for c in table.columns if c != time and not _numbers_rows(table, c)])


def _numbers_rows(table: pd.DataFrame, column: Hashable) -> bool:
    """Whether a column beside the times is what is left of a data frame's index."""
    named = str(column).strip().lower() in COUNTERS
    return is_index(column) or (named and counts(table[column]))


def times_of(column: pd.Series, path: Path, options: ReadConfig, name: str) -> Stamps | None:
    """Time stamps of a column, None where it only numbers the rows.

    Raises:
        DataError: They cannot be read.
    """
    if pd.api.types.is_numeric_dtype(column) and options.time_format is None:
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        # A running number orders the rows and says nothing else.
        if number_format(numbers, name) is None and (_counts(numbers) or is_index(name)):
            return None
    return to_datetime64(column, path, options, name)


def _counts(numbers: npt.NDArray[np.float64]) -> bool:
    return bool((np.diff(numbers) == 1).all())


def _check_columns_are_no_times(table: pd.DataFrame, path: Path) -> None:
    """Stations as rows would be read as steps, and their steps as locations."""
    names = pd.Series([str(name) for name in table.columns[1:4]])
    if len(names) > 1 and are_dates(names):
        raise DataError(
            f"{path}: the columns are named like times ({names[0]}, {names[1]}, ...); expected a "
            "row per step. Read a row per location by data.read.transpose"
        )


def numeric(table: pd.DataFrame, path: Path, first_row: int = 0) -> npt.NDArray[np.float32]:
    """Convert all cells to float32; empty cells become NaN.

    Args:
        table: Columns of numbers.
        path: For messages.
        first_row: Which row of the file its first one is, from 0.

    Raises:
        DataError: Names the first column and row that is not a number.
    """
    if all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in table.dtypes):
        return table.to_numpy(np.float32)
    out = np.empty(table.shape, np.float32)
    for place, (name, column) in enumerate(table.items()):
        if column.dtype.kind in "mMc":
            raise DataError(
                f"{path}: column {str(name)!r} holds {column.dtype} values; expected numbers. If "
                "it is the time, say so by data.read.time_column"
            )
        try:
            out[:, place] = column.to_numpy(dtype=np.float32, na_value=np.nan)
        except (TypeError, ValueError) as error:
            bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
            row = int(np.flatnonzero(bad.to_numpy())[0]) if bad.any() else 0
            raise DataError(
                f"{path}: column {str(name)!r}, data row {first_row + row + 1}: expected a number, "
                f"found {column.iloc[row]!r}; {_hint(str(column.iloc[row]))}"
            ) from error
    return out


def _hint(text: str) -> str:
    """What may make a text readable."""
    if re.fullmatch(r"[-+]?[\d.,' ]*\d[\d.,' ]*", text):
        return "say how numbers are written by data.read.decimal and data.read.thousands"
    if not re.search(r"[^\W\d_]", text) or text.strip().lower() in _MARKS:
        return "if it means missing, say so by data.read.missing_text"
    return "name the columns of readings by data.read.features, or leave this one out of the file"
