"""Coordinates of locations from a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stemdist_ray.data.readers.structure import LOCATION_NAMES
from stemdist_ray.data.readers.text import commonest_separator
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

_LATITUDE = ("latitude", "lat", "y_m", "y")
_LONGITUDE = ("longitude", "lng", "lon", "x_m", "x")


def with_coordinates(series: SpatioTemporalSeries, path: Path) -> SpatioTemporalSeries:
    """Take the locations' coordinates from a CSV: an id and two numbers per row.

    The ids are in the column in which those of the series are found, compared as text; leading
    zeros do not count. Columns called latitude and longitude (lat, lng, lon) are found wherever
    they are, else the first two of numbers after the ids are taken. A header row may be missing.

    Raises:
        DataError: The file cannot be read or lacks a location.
    """
    table = _read(path, series.location_ids)
    wanted = [plain_id(name) for name in series.location_ids]
    column = _ids(table, wanted, series, path)
    rows = pd.Series(range(len(table)), index=[plain_id(name) for name in table[column]])
    at = rows[~rows.index.duplicated()].loc[wanted].to_numpy()
    lower = {str(c).strip().lower(): c for c in table.columns if c != column}
    following = table.columns[list(table.columns).index(column) + 1 :]
    numbers = [c for c in following if _holds_numbers(table[c])]
    first = next((lower[n] for n in _LATITUDE if n in lower), None)
    second = next((lower[n] for n in _LONGITUDE if n in lower), None)
    if first is None or second is None:
        if len(numbers) < 2:
            raise DataError(
                f"{path}: expected two coordinates after the ids in {str(column)!r}; found "
                f"{len(numbers)} columns of numbers"
            )
        first, second = numbers[:2]
    try:
        pair = table[[first, second]].iloc[at].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path}: coordinates must be numbers: {error}") from error
    return series.with_changes(coordinates=pair)


def _read(path: Path, ids: Sequence[str]) -> pd.DataFrame:
    try:
        with path.open(encoding="utf-8-sig") as file:
            separator = commonest_separator(file.readline())
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", sep=separator)
        if {plain_id(str(name)) for name in table.columns} & {plain_id(name) for name in ids}:
            # Its first row is a location.
            table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", sep=separator, header=None)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as CSV: {' '.join(str(error).split())}") from error
    if table.shape[1] < 3:
        raise DataError(f"{path}: expected an id and two coordinates per row; found {table.shape}")
    return table


def _ids(table: pd.DataFrame, wanted: list[str], series: SpatioTemporalSeries, path: Path) -> Any:
    """The column that holds most of the ids, all of them if the file is right."""
    found = {c: set(map(plain_id, table[c])) for c in table.columns}
    held = {c: sum(name in names for name in wanted) for c, names in found.items()}
    best = max(held, key=held.__getitem__)
    whole = [c for c in table.columns if held[c] == len(wanted)]
    if any(not table[c].map(plain_id).equals(table[best].map(plain_id)) for c in whole):
        named = [c for c in whole if str(c).strip().lower() in LOCATION_NAMES]
        if len(named) != 1:
            raise DataError(
                f"{path}: columns {', '.join(map(str, whole))} all hold the ids of the "
                "locations, in different order; keep one of them"
            )
        best = named[0]
    if held[best] < len(wanted):
        lacking = [
            name
            for name, plain in zip(series.location_ids, wanted, strict=True)
            if plain not in found[best]
        ]
        raise DataError(
            f"{path}: lacks {len(lacking)} of {series.num_locations} locations, e.g. {lacking[0]!r}"
        )
    return best


def plain_id(name: object) -> str:
    """An id without leading zeros, as ids are compared."""
    text = str(name).strip()
    return text.lstrip("0") or text[:1]


def _holds_numbers(column: pd.Series) -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().any())
