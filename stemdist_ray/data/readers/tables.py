"""From tables to series: wide ones (a column per location) and long ones (a row per entry)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.series_rows import has_series_rows, series_rows_to_series
from stemdist_ray.data.readers.structure import (
    LongTable,
    as_columns,
    check_plain,
    is_index,
    recognised,
    time_column,
)
from stemdist_ray.data.readers.times import (
    are_clocks,
    are_dates,
    number_format,
    to_datetime64,
)
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

TABLE_SETTINGS = frozenset(
    {"layout", "time_column", "location_column", "features", "transpose", "time_format", "dayfirst"}
)


def frame_to_series(table: pd.DataFrame, path: Path, options: ReadConfig) -> SpatioTemporalSeries:
    """Turn a table of either layout into a series.

    Args:
        table: With its index, which may hold times, or times and locations.
        path: Of the file, for messages and the name.
        options: What the user says of it.

    Raises:
        DataError: It is neither, or can be read in two ways.
    """
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise DataError(f"{path}: two columns are called {twice[0]!r}; expected each name once")
    if has_series_rows(table, options):
        return series_rows_to_series(table, path, options)
    check_plain(table, path)
    table = transposed(table, path) if options.transpose else with_clock(as_columns(table))
    layout = recognised(table, options, path)
    if layout is None:
        return wide_to_series(table, path, options)
    return long_to_series(table, layout, path, options)


def wide_to_series(
    table: pd.DataFrame, path: Path, options: ReadConfig, part_of_more: bool = False
) -> SpatioTemporalSeries:
    """Turn a wide table (a row per step, a column per location) into a series.

    Columns of two levels are location and feature.

    Raises:
        DataError: No numeric column, or a cell that is not a number.
    """
    table, times = split_off_times(table, path, options)
    if table.shape[1] == 0 or len(table) == 0:
        raise DataError(f"{path}: expected a row per step and a column per location; found none")
    values = numeric(table, path)[:, :, None]
    features: tuple[str, ...] = ()
    locations = tuple(str(c) for c in table.columns)
    if table.columns.nlevels > 1:
        values, locations, features = _of_two_levels(values[:, :, 0], table.columns, path)
    return SpatioTemporalSeries(
        values=values,
        times=times,
        location_ids=locations,
        feature_names=features,
        name=path.name,
        part_of_more=part_of_more,
    )


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


def transposed(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A table of a row per location as one of a row per step; its first column names locations.

    Raises:
        DataError: A location is named twice.
    """
    if table.columns.nlevels > 1:
        raise DataError(f"{path}: columns of two levels cannot be transposed")
    if isinstance(table.index, pd.RangeIndex):
        table = table.set_index(table.columns[0])
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise DataError(f"{path}: location {str(twice[0])!r} has two rows")
    turned = table.T.reset_index(names="time")
    turned.columns = [str(name) for name in turned.columns]
    numbers = pd.to_numeric(turned["time"], errors="coerce")
    return turned if numbers.isna().any() else turned.assign(time=numbers)


def with_clock(table: pd.DataFrame) -> pd.DataFrame:
    """A date and a time of day in two columns as one column of times."""
    if table.columns.nlevels > 1:
        return table
    text = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    clocks = [c for c in text if are_clocks(table[c].head(5))]
    dates = [c for c in text if c not in clocks and are_dates(table[c].head(5))]
    if len(clocks) != 1 or len(dates) != 1 or not are_clocks(table[clocks[0]]):
        return table
    if not table[dates[0]].astype(str).str.fullmatch(r"[^:]*").all():
        return table  # the dates have a time of day of their own
    joined = table[dates[0]].astype(str) + " " + table[clocks[0]].astype(str)
    rest = table.drop(columns=[dates[0], clocks[0]])
    rest.insert(0, dates[0], joined)
    return rest


def numeric(table: pd.DataFrame, path: Path) -> npt.NDArray[np.float32]:
    """Convert all cells to float32; empty cells become NaN.

    Raises:
        DataError: Names the first column and row that is not a number.
    """
    columns = []
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "mMc":
            raise DataError(
                f"{path}: column {str(name)!r} holds {column.dtype} values; expected numbers. If "
                "it is the time, say so by data.read.time_column"
            )
        try:
            columns.append(column.to_numpy(dtype=np.float32, na_value=np.nan))
        except (TypeError, ValueError) as error:
            bad = pd.to_numeric(column, errors="coerce").isna() & column.notna()
            row = int(np.flatnonzero(bad.to_numpy())[0]) if bad.any() else 0
            raise DataError(
                f"{path}: column {str(name)!r}, data row {row + 1}: expected a number, found "
                f"{column.iloc[row]!r}"
            ) from error
    return np.stack(columns, axis=1)


def split_off_times(
    table: pd.DataFrame, path: Path, options: ReadConfig
) -> tuple[pd.DataFrame, npt.NDArray[np.datetime64] | None]:
    """Separate the time stamps from the locations.

    Raises:
        DataError: They cannot be read, or the columns are times, not locations.
    """
    if isinstance(table.index, pd.DatetimeIndex):
        return table, to_datetime64(table.index, path, options)
    if table.shape[1] == 0 or len(table) == 0 or table.columns.nlevels > 1:
        return table, None
    _check_columns_are_no_times(table, path)
    time = time_column(table, options, path)
    first = table.columns[0] if time is None else time
    if time is None and not is_index(first):
        return table, None
    column = table[first]
    if not pd.api.types.is_numeric_dtype(column):
        return table.drop(columns=first), to_datetime64(column, path, options, str(first))
    if len(table) < 2:
        return table, None
    numbers = column.to_numpy(np.float64, na_value=np.nan)
    if options.time_format is None and number_format(numbers, str(first)) is None:
        ahead = np.diff(numbers)
        if (ahead == 1).all() or is_index(first):
            # A running number: it orders the rows and says nothing else.
            return table.drop(columns=first), None
        if str(first).strip().lower() == "t":
            return table, None  # a temperature, say
    return table.drop(columns=first), to_datetime64(column, path, options, str(first))


def _check_columns_are_no_times(table: pd.DataFrame, path: Path) -> None:
    """Stations as rows would be read as steps, and their steps as locations."""
    names = pd.Series([str(name) for name in table.columns[1:4]])
    if len(names) > 1 and are_dates(names):
        raise DataError(
            f"{path}: the columns are named like times ({names[0]}, {names[1]}, ...); expected a "
            "row per step. Read a row per location by data.read.transpose"
        )


def long_to_series(
    table: pd.DataFrame,
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """Turn a long table (a row per step and location) into a series.

    Raises:
        DataError: No readings, a step and location occur twice, or a cell is not a number.
    """
    time, location, features = layout.time, layout.location, list(layout.features)
    if not features:
        raise DataError(f"{path}: a long table needs a value column beside {time} and {location}")
    keys = table[[time, location]]
    if keys.isna().to_numpy().any():
        raise DataError(f"{path}: {time} and {location} must not be empty in a long table")
    twice = keys.duplicated()
    if twice.any():
        row = int(np.flatnonzero(twice.to_numpy())[0])
        raise DataError(
            f"{path}: row {row + 1} repeats {time} {table[time].iloc[row]} and {location} "
            f"{table[location].iloc[row]}; a long table has one row per step and location"
        )
    steps, stamps = pd.factorize(table[time])
    known = options.time_format is not None or not pd.api.types.is_numeric_dtype(table[time])
    known = known or number_format(np.asarray(stamps, np.float64), str(time)) is not None
    # Parsed before they are sorted: the order of texts is not that of the times they stand for.
    times = to_datetime64(stamps, path, options, str(time)) if known else np.asarray(stamps)
    order = np.argsort(times, kind="stable")
    steps, times = np.argsort(order)[steps], times[order]
    places, ids = pd.factorize(table[location])
    _check_filling(len(table), (len(times), len(ids), len(features)), path)
    values = np.full((len(times), len(ids), len(features)), np.nan, np.float32)
    values[steps, places] = numeric(table[features], path)
    return SpatioTemporalSeries(
        values=values,
        times=times if known else None,
        location_ids=tuple(str(i) for i in ids),
        feature_names=tuple(str(f) for f in features),
        name=path.name,
        part_of_more=part_of_more,
    )


def _check_filling(rows: int, shape: tuple[int, int, int], path: Path) -> None:
    """Locations that each have times of their own would make a huge table of gaps."""
    share, size = rows / (shape[0] * shape[1]), 4 * shape[0] * shape[1] * shape[2]
    if share < _LEAST_FILLED and size > _LARGE:
        raise DataError(
            f"{path}: {rows:,} rows would fill {100 * share:.2g} % of {shape[0]:,} steps x "
            f"{shape[1]:,} locations ({size / 2**30:.1f} GiB): every location has times of its "
            "own. Bring them to common steps first, e.g. by the mean of every hour"
        )


_LEAST_FILLED = 0.02
_LARGE = 2**27  # bytes; smaller ones do no harm
