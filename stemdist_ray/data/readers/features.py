"""What the columns of a long table hold besides times and locations."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng", "long")
_SOME = 10_000
COUNTERS = frozenset({"id", "index", "idx", "no", "nr", "row"})


def features_of(table: pd.DataFrame, time: Hashable, location: Hashable) -> tuple[Hashable, ...]:
    """Columns of readings."""
    rest = [
        c for c in table.columns if c not in (time, location) and not _counts_rows(table, time, c)
    ]
    # What is the same for a location at all times describes it and is no reading: its other
    # names, its coordinates. Words are none either; a number with a typing error is no word.
    varying = [c for c in rest if not _describes(table, location, c) and not is_wordy(table[c])]
    return tuple(varying or [c for c in rest if is_number(table[c])])


def is_wordy(column: pd.Series) -> bool:
    """Whether a column holds text of which none is a number."""
    if is_number(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    some = column.dropna().head(_SOME).astype(str)
    return bool(len(some) and pd.to_numeric(some, errors="coerce").isna().all())


def coordinate_columns(
    table: pd.DataFrame, location: Hashable, features: tuple[Hashable, ...]
) -> tuple[Hashable, ...]:
    """Columns of latitude and longitude, where a location has one of each; else none."""
    lower = {str(c).strip().lower(): c for c in table.columns if c not in features}
    found = [
        next((lower[n] for n in names if n in lower), None) for names in (_LATITUDE, _LONGITUDE)
    ]
    pair = tuple(c for c in found if c is not None and is_number(table[c]))
    if len(pair) < 2 or not all(_describes(table, location, c) for c in pair):
        return ()
    return pair


def _describes(table: pd.DataFrame, location: Hashable, column: Hashable) -> bool:
    different = table[location].nunique()
    if different == len(table):
        return False
    return len(table[[location, column]].drop_duplicates()) == different


def _counts_rows(table: pd.DataFrame, time: Hashable, column: Hashable) -> bool:
    """Whether a column numbers the rows, as databases and data frames do."""
    # Times that were put together from several columns stand in front of it.
    first = next(c for c in table.columns if c != time)
    numbered = column in (table.columns[0], first) or str(column).strip().lower() in COUNTERS
    return is_index(column) or (numbered and counts(table[column]))


def counts(column: pd.Series) -> bool:
    """Whether whole numbers go up by one from row to row."""
    if len(column) < 3 or not pd.api.types.is_integer_dtype(column):
        return False
    # It may begin anew: tables of several files, one after the other.
    following = (column.diff() == 1) | (column == column.iloc[0])
    return bool(following.fillna(False).all() and (column.diff() == 1).sum() >= 0.5 * len(column))


def is_index(column: Hashable) -> bool:
    """Whether pandas named a column so that had no name: the index of a data frame."""
    return str(column).startswith("Unnamed: 0")


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers."""
    return bool(pd.api.types.is_numeric_dtype(column))
