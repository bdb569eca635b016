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
}


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


def _of_parts(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Year, month, day and hour in columns of their own, as weather stations write them."""
    named: dict[str, Hashable] = {}
    for column in table.columns:
        lower = str(column).strip().lower()
        named.setdefault(_SHORT.get(lower, lower), column)
    found = [part for part in _PARTS if part in named]
    if found[:3] != list(_PARTS[:3]) or found != list(_PARTS[: len(found)]):
        return table
    if any(name in named for name in TIME_NAMES - {"year"}):
        return table  # there is a column of times besides
    parts = table[[named[part] for part in found]].set_axis(found, axis=1)
    try:
        stamps = pd.to_datetime(parts)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: columns {', '.join(str(named[part]) for part in found)} are no times: "
            f"{' '.join(str(error).split())}; name the column of times by data.read.time_column"
        ) from error
    rest = table.drop(columns=[named[part] for part in found])
    rest.insert(0, "time", stamps)
    return rest
