"""Times that a table has in several columns, as one: date and clock, or year, month, day, hour."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import pandas as pd

from stemdist_ray.data.readers.times import TIME_NAMES, are_clocks, are_dates
from stemdist_ray.errors import DataError

_PARTS = ("year", "month", "day", "hour", "minute", "second")
_SHORT = {
    **{"yr": "year", "yyyy": "year", "mo": "month", "mnth": "month"},
    **{"dy": "day", "hr": "hour", "min": "minute"},
    **{"dayofyear": "doy", "day_of_year": "doy", "yday": "doy", "julian_day": "doy"},
}
_HOURS = frozenset({"hour", "hours", "hr", "hour_of_day", "stunde", "he", "hour_ending"})


def with_clock(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table with one column of times, in front, where it had several that belong together.

    Raises:
        DataError: Year, month and day are in columns of their own and are no date.
    """
    if table.columns.nlevels > 1:
        return table
    kinds = table.dtypes
    text = list(table.columns[[not _is_number(kind) for kind in kinds]])
    clocks = [c for c in text if are_clocks(table[c].head(5))]
    dates = [c for c in text if c not in clocks and _is_date(table[c].head(5))]
    if not dates and not clocks:
        return _of_parts(table, path)
    if len(dates) == 1 and not clocks:
        return _with_hour(table, dates[0], path)
    if len(clocks) != 1 or len(dates) != 1 or not are_clocks(table[clocks[0]]):
        return table
    if not table[dates[0]].astype(str).str.fullmatch(r"[^:]*").all():
        return table  # the dates have a time of day of their own
    joined = table[dates[0]].astype(str) + " " + table[clocks[0]].astype(str)
    rest = table.drop(columns=[dates[0], clocks[0]])
    rest.insert(0, dates[0], joined)
    return rest


def _is_number(kind: Any) -> bool:
    return bool(pd.api.types.is_numeric_dtype(kind))


def _is_date(column: pd.Series) -> bool:
    return bool(pd.api.types.is_datetime64_any_dtype(column)) or are_dates(column)


def _with_hour(table: pd.DataFrame, date: Hashable, path: Path) -> pd.DataFrame:
    """Days, each of which has many rows, and their hours in a column of numbers."""
    hour = next((c for c in table.columns if str(c).strip().lower() in _HOURS), None)
    if hour is None or not pd.api.types.is_integer_dtype(table[hour]) or table[hour].isna().any():
        return table
    text = table[date].astype(str)
    whole_days = text.str.fullmatch(r"[^:]*").all() and text.duplicated().any()
    low, high = int(table[hour].min()), int(table[hour].max())
    if not whole_days or low < 0 or high > 24:
        return table
    if low > 0:
        raise DataError(
            f"{path}: columns {date!s} and {hour!s} tell the time together, but hours run from "
            f"{low} to {high}: hour 1 may begin or end at 1:00. Write both as one column of times"
        )
    joined = text + " " + table[hour].map("{:02d}:00".format)
    rest = table.drop(columns=[date, hour])
    rest.insert(0, date, joined)
    return rest


def _of_parts(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Year, month, day and hour in columns of their own, as weather stations write them."""
    named: dict[str, Hashable] = {}
    for column in table.columns:
        lower = str(column).strip().lower()
        named.setdefault(_SHORT.get(lower, lower), column)
    if any(name in named for name in TIME_NAMES - {"year"}):
        return table  # there is a column of times besides
    found = [part for part in _PARTS if part in named]
    if found == ["year"] and "doy" in named:
        found = ["year", "doy"]
    elif found not in (["year", "month"], list(_PARTS[: max(3, len(found))])):
        return table
    parts = table[[named[part] for part in found]].set_axis(found, axis=1)
    if not all(pd.api.types.is_integer_dtype(kind) for kind in parts.dtypes):
        return table
    try:
        if found == ["year", "doy"]:
            first = pd.to_datetime(parts[["year"]].assign(month=1, day=1))
            stamps = first + pd.to_timedelta(parts["doy"] - 1, unit="D")
            if (stamps.dt.year != parts["year"]).any():
                raise ValueError("days of the year beyond its end")
        else:
            stamps = pd.to_datetime(parts if len(found) > 2 else parts.assign(day=1))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: columns {', '.join(str(named[part]) for part in found)} are no times: "
            f"{' '.join(str(error).split())}; name the column of times by data.read.time_column"
        ) from error
    rest = table.drop(columns=[named[part] for part in found])
    rest.insert(0, "time", stamps)
    return rest
