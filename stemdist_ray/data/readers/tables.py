"""From tables to series: wide ones (a column per location) and long ones (a row per entry)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.columns import plain_columns
from stemdist_ray.data.readers.long import long_to_series
from stemdist_ray.data.readers.series_rows import has_series_rows, series_rows_to_series
from stemdist_ray.data.readers.structure import check_plain, recognised
from stemdist_ray.data.readers.times import to_datetime64
from stemdist_ray.data.readers.wide import wide_to_series
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

TABLE_SETTINGS = frozenset(
    (
        *("layout", "time_column", "location_column", "features", "transpose"),
        *("time_format", "dayfirst", "timezone", "duplicates"),
    )
)


def frame_to_series(
    table: pd.DataFrame, path: Path, options: ReadConfig, budget: MemoryBudget | None = None
) -> SpatioTemporalSeries:
    """Turn a table of either layout into a series.

    Args:
        table: With its index, which may hold times, or times and locations.
        path: Of the file, for messages and the name.
        options: What the user says of it.
        budget: For the readings at all steps and locations; None = the default.

    Raises:
        DataError: It is neither, or can be read in two ways.
    """
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise DataError(f"{path}: two columns are called {twice[0]!r}; expected each name once")
    if has_series_rows(table, options):
        return series_rows_to_series(table, path, options, budget)
    check_plain(table, path)
    table = _with_dated_index(table, path, options)
    table = transposed(table, path) if options.transpose else plain_columns(table, path, options)
    layout = recognised(table, options, path)
    if layout is None:
        return wide_to_series(table, path, options)
    return long_to_series(table, layout, path, options, budget)


def _with_dated_index(table: pd.DataFrame, path: Path, options: ReadConfig) -> pd.DataFrame:
    """Times in the index of columns of two levels, which no column can hold."""
    index = table.index
    if table.columns.nlevels == 1 or isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return table
    if pd.api.types.is_numeric_dtype(index.dtype) and options.time_format is None:
        return table.reset_index(drop=True)
    return table.set_axis(pd.DatetimeIndex(to_datetime64(index, path, options, "index")))


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
    if "time" in map(str, table.index):
        raise DataError(f"{path}: a location is called 'time', as times are; give it another name")
    turned = table.T.reset_index(names="time")
    turned.columns = [str(name) for name in turned.columns]
    # Names such as d_1, d_2, ... are numbers of days; dates keep their looks.
    names = turned["time"].astype(str)
    numbered = names.str.extract(r"^(\D*)(\d+)$")
    same = numbered.notna().all(axis=None) and numbered[0].nunique() == 1
    numbers = pd.to_numeric(numbered[1] if same else names, errors="coerce")
    return turned if numbers.isna().any() else turned.assign(time=numbers)
