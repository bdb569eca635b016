"""Atomic files of LibCity: readings in ``.dyna`` or ``.grid``, locations in ``.geo`` beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.base_class import UNREADABLE, Reader, in_a_line, register_reader
from stemdist_ray.data.readers.long import long_to_series
from stemdist_ray.data.readers.structure import LongTable
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

_READ = {".dyna": ("entity_id",), ".grid": ("row_id", "column_id")}
_NOT_READ = {
    ".od": "flows from place to place, which are no readings at locations",
    ".gridod": "flows from cell to cell, which are no readings at locations",
    ".ext": "readings without a place, such as the weather of a city",
    ".geo": "locations, whose readings are in a .dyna or .grid file",
    ".rel": "relations of locations, whose readings are in a .dyna or .grid file",
}
_HELD_PER_FIELD = 60  # bytes: as text, and as a reading
_NO_READINGS = frozenset({"dyna_id", "type", "time"})


def is_libcity(path: Path) -> bool:
    """Whether a folder holds readings in an atomic file, of whatever kind."""
    kinds = {*_READ, ".od", ".gridod", ".ext"}
    return any(p.is_file() and p.suffix.lower() in kinds for p in path.iterdir())


def read_libcity_folder(
    path: Path, options: ReadConfig, budget: MemoryBudget
) -> SpatioTemporalSeries:
    """Read the one ``.dyna`` or ``.grid`` file of a folder; see :func:`read_libcity`.

    Raises:
        DataError: There is none, or there are several.
    """
    files = sorted(p for p in path.iterdir() if p.is_file())
    found = [p for p in files if p.suffix.lower() in _READ]
    if not found:
        other = next(p for p in files if p.suffix.lower() in _NOT_READ)
        raise DataError(f"{other}: holds {_NOT_READ[other.suffix.lower()]}; {_EXPECTED}")
    if len(found) > 1:
        shown = ", ".join(p.name for p in found)
        raise DataError(f"{path}: holds {shown}; give the path of the one that is meant")
    return read_libcity(found[0], options, budget)


def read_libcity(path: Path, options: ReadConfig, budget: MemoryBudget) -> SpatioTemporalSeries:
    """Read a ``.dyna`` or ``.grid`` file.

    Locations stand in the order of the ``.geo`` file where there is one, those without a row left
    out; a cell of a grid is called "row,column". Coordinates are latitude and longitude, those of
    an area the mean of its corners.

    Args:
        path: The file.
        options: ``features`` names columns of readings; all by default.
        budget: For the table and the readings.

    Raises:
        DataError: It is damaged, of trajectories, or names locations that ``.geo`` does not.
    """
    suffix = path.suffix.lower()
    if suffix not in _READ:
        raise DataError(f"{path}: holds {_NOT_READ[suffix]}; {_EXPECTED}")
    place = _READ[suffix]
    header = _header(path, ("time", *place))
    features = _features(header, place, options, path)
    budget.check_readings(path, (_count_rows(path), 1, len(header)), _HELD_PER_FIELD)
    text = ("time", "type", *place)
    table = _table(path, header, text, [*(n for n in text if n in header), *features])
    if "type" in table and (table["type"] == "trajectory").any():
        raise DataError(f"{path}: holds trajectories, which are no readings at locations")
    table["location"] = _joined(table, place)
    layout = LongTable("time", "location", features)
    series = long_to_series(table, layout, path, options, budget)
    geo = _geo_of(path)
    return series if geo is None else _in_order(series, geo, place)


_EXPECTED = "expected a .dyna or .grid file"


def _count_rows(path: Path) -> int:
    """Lines of a file, without taking it into memory."""
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))


def _header(path: Path, needed: tuple[str, ...]) -> list[str]:
    """Names of the columns.

    Raises:
        DataError: One is missing or occurs twice.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            names = [name.strip().strip('"') for name in file.readline().rstrip("\n").split(",")]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as an atomic file: {error}") from error
    lacking = [name for name in needed if name not in names]
    if lacking:
        shown = ", ".join(names[:8])[:200]
        raise DataError(f"{path}: there is no column {lacking[0]!r}; found {shown!r}")
    if len(set(names)) < len(names):
        raise DataError(f"{path}: two columns have one name; found {', '.join(names)}")
    return names


def _features(
    header: list[str], place: tuple[str, ...], options: ReadConfig, path: Path
) -> tuple[str, ...]:
    readings = [name for name in header if name not in _NO_READINGS and name not in place]
    unknown = [name for name in options.features if name not in readings]
    if unknown:
        raise DataError(
            f"{path}: there is no column of readings {unknown[0]!r}; found {', '.join(readings)}"
        )
    return options.features or tuple(readings)


def _table(path: Path, header: list[str], text: tuple[str, ...], wanted: list[str]) -> pd.DataFrame:
    """Columns of a file; rows of another length are refused."""
    try:
        table = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=header, skip_rows=1),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in text if name in header},
                include_columns=wanted,
                strings_can_be_null=True,
                null_values=["", "NA", "N/A", "NaN", "nan", "null", "None"],
            ),
        )
    except UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as an atomic file: {in_a_line(error)}") from error
    if not len(table):
        raise DataError(f"{path}: the table has no rows")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _joined(table: pd.DataFrame, place: tuple[str, ...]) -> pd.Series:
    """Ids of locations: an id, or row and column; missing where one of them is."""
    ids: pd.Series = table[place[0]]
    for name in place[1:]:
        ids = ids + "," + table[name]
    return ids


def _geo_of(path: Path) -> Path | None:
    """The file of the same name, else the only one of the folder."""
    own = path.with_suffix(".geo")
    if own.is_file():
        return own
    others = [p for p in sorted(path.absolute().parent.iterdir()) if p.suffix.lower() == ".geo"]
    return others[0] if len(others) == 1 else None


def _in_order(
    series: SpatioTemporalSeries, geo: Path, place: tuple[str, ...]
) -> SpatioTemporalSeries:
    """The series with its locations in the order of ``.geo``, and their coordinates."""
    columns = place if len(place) > 1 else ("geo_id",)
    header = _header(geo, columns)
    wanted = [*columns, *(["coordinates"] if "coordinates" in header else [])]
    table = _table(geo, header, tuple(header), wanted)
    ids = list(_joined(table, columns))
    rows = {name: row for row, name in enumerate(ids)}
    if len(rows) < len(ids):
        twice = next(name for row, name in enumerate(ids) if rows[name] != row)
        raise DataError(f"{geo}: location {twice!r} has two rows")
    lacking = [name for name in series.location_ids if name not in rows]
    if lacking:
        raise DataError(
            f"{geo}: lacks {len(lacking)} of {series.num_locations} locations, e.g. {lacking[0]!r}"
        )
    at = np.array([rows[name] for name in series.location_ids])
    order = np.argsort(at)
    coordinates = None
    if "coordinates" in table:
        found = [_coordinates(table["coordinates"].iloc[row], geo, row) for row in at[order]]
        coordinates = _all_or_none(found, geo)
    return series.with_changes(
        values=series.values[:, order],
        mask=None,
        location_ids=tuple(series.location_ids[i] for i in order),
        coordinates=coordinates,
    )


def _all_or_none(
    found: list[tuple[float, float] | None], geo: Path
) -> npt.NDArray[np.float64] | None:
    known = [pair for pair in found if pair is not None]
    if not known:
        return None
    if len(known) < len(found):
        raise DataError(
            f"{geo}: {len(found) - len(known)} of {len(found)} locations have no coordinates; "
            "give them to all or to none"
        )
    return np.array(known, np.float64)


def _coordinates(text: Any, geo: Path, row: int) -> tuple[float, float] | None:
    """Latitude and longitude of a GeoJSON position, or of the mean of those of a shape."""
    if not isinstance(text, str):
        return None
    try:
        points = _positions(json.loads(text))
        if len(points) > 2 and points[0] == points[-1]:
            points = points[:-1]  # rings end where they begin
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(
            f"{geo}, data row {row + 1}: expected coordinates such as [longitude, latitude]; found "
            f"{text[:60]!r}"
        ) from error
    if not points:
        return None
    longitude, latitude = np.mean(points, axis=0)
    return float(latitude), float(longitude)


def _positions(tree: Any) -> list[tuple[float, float]]:
    """All (longitude, latitude) of a GeoJSON array of whatever depth."""
    if not isinstance(tree, list):
        raise ValueError("no list")
    if tree and not isinstance(tree[0], list):
        pair = (float(tree[0]), float(tree[1])) if len(tree) in (2, 3) else (np.nan, np.nan)
        if not np.isfinite(pair).all():
            raise ValueError("no position")
        return [pair]
    return [pair for branch in tree for pair in _positions(branch)]


register_reader(
    Reader(
        "libcity",
        (*_READ, *_NOT_READ),
        (),
        read_libcity,
        settings=frozenset({"features", "timezone", "duplicates"}),
    )
)
register_reader(
    Reader(
        "libcity_folder",
        (),
        (),
        read_libcity_folder,
        is_libcity,
        settings=frozenset({"features", "timezone", "duplicates"}),
    )
)
