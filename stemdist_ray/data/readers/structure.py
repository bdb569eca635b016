"""Whether a table is wide or long, and what its columns are: by structure, not by a list of names.

Wide: a row per step, a column per location. Long: a row per step *and* location, so that times
repeat and another column tells the rows of one time apart. Names decide only where structure leaves
a choice.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.features import (
    coordinate_columns,
    counts,
    features_of,
    is_index,
    is_number,
)
from stemdist_ray.data.readers.times import TIME_NAMES, are_dates, stamps_of_numbers
from stemdist_ray.errors import DataError

LOCATION_NAMES = (
    *("location", "location_id", "sensor", "sensor_id", "station", "station_id", "node", "node_id"),
    *("unique_id", "item_id", "series_id", "site", "site_id", "detector", "detector_id", "stop_id"),
    *("zone", "zone_id", "id"),
)
PARTS_OF_TIMES = frozenset(
    (
        *("year", "month", "day", "hour", "minute", "second", "weekday", "dayofweek", "week"),
        *("day_of_week", "time_of_day", "hour_of_day", "time", "date", "timestamp", "datetime"),
        *("month_of_year", "day_of_month", "day_of_year", "holiday", "is_weekend", "quarter"),
        *("hr", "he", "hour_ending", "settlement_period", "period", "interval", "slot", "doy"),
    )
)
_DAY = 86_400 * 10**9  # nanoseconds
_SEVERAL = "say which one holds the locations by data.read.location_column"


@dataclass(frozen=True)
class LongTable:
    """What the columns of a long table are.

    Args:
        time: Column of times.
        location: Column of location ids.
        features: Columns of readings.
        coordinates: Columns of latitude and longitude, where a location has one of each.
        left_out: Columns that are none of these.
    """

    time: Hashable
    location: Hashable
    features: tuple[Hashable, ...]
    coordinates: tuple[Hashable, ...] = ()
    left_out: tuple[Hashable, ...] = ()


def recognised(table: pd.DataFrame, options: ReadConfig, path: Path) -> LongTable | None:
    """The columns of a long table, None for a wide one.

    Args:
        table: All or the first rows of it, its index as columns.
        options: What the user says of it; that wins.
        path: For messages.

    Raises:
        DataError: A column that was named does not exist, or it can be read in two ways.
    """
    for name in (options.time_column, options.location_column, *options.features):
        if name is not None:
            column_called(table, name, path)
    layout = _recognised(table, options, path)
    if layout is None and options.location_column is not None:
        raise DataError(
            f"{path}: data.read.location_column says nothing about a wide table, as which this one "
            "is read; leave it out, or say data.read.layout: long"
        )
    if layout is None and options.layout == "long":
        raise DataError(
            f"{path}: data.read.layout says long, but no time has several rows and no column tells "
            "which location a row is of; name it by data.read.location_column"
        )
    return layout


def _recognised(table: pd.DataFrame, options: ReadConfig, path: Path) -> LongTable | None:
    if options.layout == "wide" or table.columns.nlevels > 1 or not len(table):
        return None
    time = time_column(table, options, path)
    if time is None:
        asked = options.layout == "long" or options.location_column is not None
        if asked or _comes_back(table, _by_name(table, None)):
            raise DataError(
                f"{path}: no column of a long table looks like a time; say which one is it by "
                "data.read.time_column, or that the table is wide by data.read.layout"
            )
        return None
    location = _location(table, time, options, path)
    if location is None:
        return None
    if options.location_column is None:
        _check_is_no_time(table, time, location, path)
    named = tuple(column_called(table, name, path) for name in options.features)
    features = named or features_of(table, time, location)
    pair = coordinate_columns(table, location, features)
    used = {time, location, *features, *pair}
    rest = tuple(c for c in table.columns if c not in used)
    return LongTable(time, location, features, pair, rest)


def check_plain(table: pd.DataFrame, path: Path) -> None:
    """Make sure that a table holds numbers, text and dates.

    Raises:
        DataError: A column holds bytes, lists or other objects.
    """
    if table.columns.nlevels > 1:
        return
    for name in table.columns:
        if table[name].dtype != object:
            continue
        first = next((v for v in table[name] if v is not None), None)
        if isinstance(first, bytes | list | tuple | set | dict | np.ndarray):
            raise DataError(
                f"{path}: column {name!s} holds values of the type {type(first).__name__}; "
                "expected numbers, text or dates"
            )


def column_called(table: pd.DataFrame, name: str, path: Path) -> Hashable:
    """The column of a name.

    Raises:
        DataError: There is none.
    """
    found = [c for c in table.columns if str(c) == name]
    if not found:
        shown = ", ".join(map(str, list(table.columns)[:8]))
        raise DataError(f"{path}: there is no column {name!r}; found {shown}")
    return found[0]


def time_column(table: pd.DataFrame, options: ReadConfig, path: Path) -> Hashable | None:
    """The column that holds the times, wherever it is; None where there is none.

    Raises:
        DataError: There are several, and no name tells which one is meant.
    """
    if options.time_column is not None:
        return column_called(table, options.time_column, path)
    others = [c for c, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    found = [c for c in others if _is_dated(table[c]) or are_dates(table[c].head(5))]
    found += [
        c
        for place, c in enumerate(table.columns)
        # A temperature may be called t; numbers are times there in front only.
        if c not in found and is_time_name(c) and (place == 0 or str(c).strip().lower() != "t")
    ]
    found = found or _epochs(table)
    named = [c for c in found if is_time_name(c)]
    if len(named or found) > 1 and len(named) != 1:
        first, second = (named or found)[:2]
        raise DataError(
            f"{path}: either of the columns {first!s} and {second!s} may hold the times; say which "
            "one by data.read.time_column"
        )
    return next(iter([*named, *found]), None)


def _epochs(table: pd.DataFrame) -> list[Hashable]:
    """Columns of whole numbers that are times by their looks, whatever they are called."""
    found: list[Hashable] = []
    for column, kind in table.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) or not _may_name(table[column]):
            continue  # whole numbers may be written as 1704067200.0
        if table[column].isna().any():
            continue
        stamps = stamps_of_numbers(np.unique(table[column].to_numpy(np.float64)), str(column))
        ahead = np.diff([] if stamps is None else stamps)
        if len(ahead) < 2:
            continue
        even = not (ahead % ahead.min()).any() and (ahead == ahead.min()).mean() >= 0.5
        # Readings of that size hardly lie at equal distances, or whole days apart as months do.
        if even or not (ahead % _DAY).any():
            found.append(column)
    return found


def is_time_name(column: Hashable) -> bool:
    """Whether a column is called like times."""
    return str(column).strip().lower().lstrip("_") in TIME_NAMES


def _is_dated(column: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column))


def _by_name(table: pd.DataFrame, time: Hashable | None) -> Hashable | None:
    """A column that is called like locations and holds no readings."""
    lower = {str(c).strip().lower(): c for c in table.columns if c != time}
    known = [lower[name] for name in LOCATION_NAMES if name in lower]
    return next((c for c in known if _may_name(table[c])), None)


def _comes_back(table: pd.DataFrame, column: Hashable | None) -> bool:
    """Whether the values of a column are those of few things, which have many rows."""
    if column is None:
        return False
    different = table[column].nunique()
    return bool(2 * different <= len(table) or different == 1 < len(table))


def _may_name(column: pd.Series) -> bool:
    """Whether a column's entries may be names: text, or whole numbers."""
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    if not pd.api.types.is_float_dtype(column):
        return True
    return bool((column == column.round()).all())


def _location(
    table: pd.DataFrame, time: Hashable, options: ReadConfig, path: Path
) -> Hashable | None:
    """The column of locations, None where the table is wide."""
    if options.location_column is not None:
        chosen = column_called(table, options.location_column, path)
        if chosen == time:
            raise DataError(f"{path}: column {chosen!s} cannot hold both times and locations")
        return chosen
    rows = table[time].value_counts(sort=False)
    # In a long table most rows share their time with others. A few that do are mistakes of a wide
    # one, such as the hour that comes twice in autumn.
    crowded = bool(rows[rows > 1].sum() >= 0.5 * len(table))
    named = _by_name(table, time)
    if named is not None and (
        _comes_back(table, named) or len(rows) == 1 or (crowded and not is_number(table[named]))
    ):
        return named  # where it repeats at one time, this is told when the table is read
    if not crowded:
        return None
    candidates = [
        c
        for c in table.columns
        if c != time and not is_index(c) and _may_name(table[c]) and _tells(table, time, c)
    ]
    # Readings that happen to differ at all times have far more values than there are locations.
    few = 3 * float(rows.median())
    candidates = [
        c
        for c in candidates
        if not is_number(table[c])
        or (table[c].nunique() <= few and len(table) >= 0.5 * len(rows) * table[c].nunique())
    ]
    if not candidates:
        raise DataError(
            f"{path}: times repeat in {time!s}, and no column tells the rows of one time apart; "
            f"for a long table {_SEVERAL}"
        )
    others = [c for c in candidates[1:] if not _same_groups(table, candidates[0], c)]
    text = [c for c in candidates if not is_number(table[c])]
    if others and len(text) != 1:
        raise DataError(
            f"{path}: either of the columns {candidates[0]!s} and {others[0]!s} may hold the "
            f"locations; {_SEVERAL}"
        )
    return text[0] if others else candidates[0]


def _check_is_no_time(table: pd.DataFrame, time: Hashable, location: Hashable, path: Path) -> None:
    """Hours and the like repeat with every day, as locations do with every time."""
    if str(location).strip().lower() in PARTS_OF_TIMES and is_number(table[location]):
        raise DataError(
            f"{path}: columns {time!s} and {location!s} seem to tell the time together; write them "
            f"as one column, or say that {location!s} holds locations by data.read.location_column"
        )


def _tells(table: pd.DataFrame, time: Hashable, column: Hashable) -> bool:
    """Whether a column tells rows of one time apart, by values that come back at other times."""
    if table[column].isna().any() or not _comes_back(table, column):
        return False
    return not table.duplicated([time, column]).any()


def _same_groups(table: pd.DataFrame, one: Hashable, other: Hashable) -> bool:
    """Whether two columns are two names of the same things."""
    pairs = len(table[[one, other]].drop_duplicates())
    return bool(pairs == table[one].nunique() == table[other].nunique())


def as_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with what its index says as columns in front; an index that counts is dropped."""
    index: Any = table.index
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
        table = table.set_axis(index)
    if isinstance(index, pd.DatetimeIndex) and table.columns.nlevels > 1:
        return table
    if index.nlevels == 1 and is_number(index.to_series()):
        numbered = index.name is None or counts(pd.Series(index))
        if numbered and not is_time_name(index.name):
            return table
    names: list[str] = []
    for level, name in enumerate(index.names):
        plain = "time" if isinstance(index, pd.DatetimeIndex) else f"index_{level}"
        wanted = str(name) if name is not None else plain
        taken = [*map(str, table.columns), *names]
        names.append(wanted if wanted not in taken else f"index_{level}")
    return table.reset_index(names=names)
