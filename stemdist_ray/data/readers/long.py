"""Long tables: a row per step and location. Axis letters: T steps, N locations, F features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.features import is_index
from stemdist_ray.data.readers.reading import reading
from stemdist_ray.data.readers.structure import LongTable
from stemdist_ray.data.readers.times import check_unread, number_format, read_times
from stemdist_ray.data.readers.wide import numeric
from stemdist_ray.data.readers.zones import of_local_clocks
from stemdist_ray.data.resample import beginnings, resampled_rows
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget, in_words

_LEAST_FILLED = 0.02
_LEAST_PRESENT = 0.05  # of steps that are numbered
_LARGE = 2**27  # bytes; smaller ones do no harm


@dataclass(frozen=True)
class LongRows:
    """The rows of a long table as numbers.

    Args:
        times: Entries of the column of times that differ, in order of appearance.
        steps: (rows,) which of them.
        ids: Location ids that differ, in order of appearance.
        places: (rows,) which of them.
        values: (rows, F) readings.
        coordinates: (N, 2) latitude and longitude, or None.
    """

    times: Any
    steps: npt.NDArray[np.int64]
    ids: tuple[str, ...]
    places: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    coordinates: npt.NDArray[np.float64] | None = None


def long_to_series(
    table: pd.DataFrame,
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget | None = None,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """Turn a long table (a row per step and location) into a series.

    Raises:
        DataError: No readings, a step and location occur twice, or a cell is not a number.
    """
    check_keys(table, layout, path)
    if options.duplicates == "error" and options.resample is None:
        _check_kinds(table, layout, path)
    steps, times = pd.factorize(table[layout.time])
    places, ids = pd.factorize(table[layout.location])
    values = numeric(table[list(layout.features)], path)
    pairs = coordinates_of(table, layout)
    found = np.array([pairs[name] for name in ids]) if pairs else None
    rows = LongRows(times, steps, tuple(str(i) for i in ids), places, values, found)
    return rows_to_series(rows, layout, path, options, budget or MemoryBudget(), part_of_more)


def _check_kinds(table: pd.DataFrame, layout: LongTable, path: Path) -> None:
    """Rows of one time and location may be of different kinds, whose mean says nothing.

    Raises:
        DataError: Names the column that tells them apart.
    """
    keys = [layout.time, layout.location]
    if not table.duplicated(keys).any():
        return
    for name in table.columns:
        if name in keys or name in layout.features or is_index(name):
            continue
        if table[name].nunique() * 2 <= len(table) and not table.duplicated([*keys, name]).any():
            raise DataError(
                f"{path}: several rows have the same {layout.time} and {layout.location}, and "
                f"column {name!s} tells them apart ({table[name].iloc[0]}, ...); keep one kind in "
                f"the file, or say data.read.location_column: {layout.location},{name}"
            )


def coordinates_of(table: pd.DataFrame, layout: LongTable) -> dict[Any, tuple[float, float]]:
    """Latitude and longitude of each location, by its id; empty where the table has none."""
    if not layout.coordinates:
        return {}
    first = table.drop_duplicates(layout.location)
    pair = (first[name].to_numpy(np.float64, na_value=np.nan) for name in layout.coordinates)
    return dict(zip(first[layout.location], zip(*pair, strict=True), strict=True))


def check_keys(table: pd.DataFrame, layout: LongTable, path: Path) -> None:
    """Make sure that rows say when and where, and what was read there.

    Raises:
        DataError: They do not.
    """
    if not layout.features:
        raise DataError(
            f"{path}: a long table needs a value column beside {layout.time} and {layout.location}"
        )
    if table[[layout.time, layout.location]].isna().to_numpy().any():
        raise DataError(
            f"{path}: {layout.time} and {layout.location} must not be empty in a long table"
        )


def rows_to_series(
    rows: LongRows,
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget,
    part_of_more: bool = False,
) -> SpatioTemporalSeries:
    """The series of a long table's rows.

    Args:
        rows: The rows.
        layout: Names of their columns.
        path: For messages and the name.
        options: How times are written, what becomes of entries that come twice.
        budget: For the readings at all steps and locations.
        part_of_more: It is a block of a longer series.

    Raises:
        DataError: Times cannot be read, a step and location occur twice, or there is not enough
            memory.
    """
    times, steps, known = _stamps(rows, layout, path, options)
    rows = _one_row_each(rows, times, steps, known, layout, path, options, budget)
    times, steps = rows.times, rows.steps
    if not known:
        times, steps = _with_left_out(times, steps, layout, path)
    shape = (len(times), len(rows.ids), len(layout.features))
    budget.check_readings(path, shape)
    values = np.full(shape, np.nan, np.float32)
    values[steps, rows.places] = rows.values
    return SpatioTemporalSeries(
        values=values,
        times=times if known else None,
        location_ids=rows.ids,
        coordinates=rows.coordinates,
        feature_names=tuple(str(f) for f in layout.features),
        name=path.name,
        part_of_more=part_of_more,
        attributes=reading(
            layout="long",
            time_column=str(layout.time) if known else None,
            not_read=None if known else [str(layout.time)],
            location_column=str(layout.location),
            feature_columns=[str(f) for f in layout.features],
            left_out=[str(c) for c in layout.left_out] or None,
            coordinate_columns=[str(c) for c in layout.coordinates] or None,
        ),
    )


def _stamps(
    rows: LongRows, layout: LongTable, path: Path, options: ReadConfig
) -> tuple[Any, npt.NDArray[np.int64], bool]:
    """Times that differ, which of them each row has, and whether they are time stamps."""
    raw = pd.Series(rows.times)
    numbers = pd.api.types.is_numeric_dtype(raw)
    if numbers and options.time_format is None:
        floats = raw.to_numpy(np.float64, na_value=np.nan)
        if number_format(floats, str(layout.time)) is None:
            check_unread(options, path)
            return np.asarray(rows.times), rows.steps, False
    stamps, in_utc = read_times(raw, path, options, str(layout.time))
    if options.timezone is None:
        return stamps, rows.steps, True
    where = f"{path}: column {str(layout.time)!r}"
    own = of_local_clocks(stamps[rows.steps], in_utc, options.timezone, rows.places, where)
    times, steps = np.unique(own, return_inverse=True)
    return times, steps, True


def _one_row_each(
    rows: LongRows,
    times: Any,
    steps: npt.NDArray[np.int64],
    known: bool,
    layout: LongTable,
    path: Path,
    options: ReadConfig,
    budget: MemoryBudget,
) -> LongRows:
    """Rows of which no two have the same step and location; steps in order of time."""
    method: str | None = None if options.duplicates == "error" else options.duplicates
    if options.resample is not None:
        if not known:
            raise DataError(
                f"{path}: {layout.time!s} holds no time stamps, which data.read.resample needs"
            )
        method, step = options.resample
        order = np.argsort(times[steps], kind="stable")  # for the last one of a step
        times = beginnings(times, step, path.name)
        steps = steps[order]
        rows = replace(rows, places=rows.places[order], values=rows.values[order])
    # Two texts of one time are one step.
    times, again = np.unique(np.asarray(times), return_inverse=True)
    steps = again[steps]
    shape = (len(times), len(rows.ids), len(layout.features))
    _check_filling(len(steps), shape, path)
    budget.check_readings(path, shape)
    where = steps.astype(np.int64) * len(rows.ids) + rows.places
    seen = np.zeros(shape[0] * shape[1], bool)
    seen[where] = True
    if np.count_nonzero(seen) == len(where):
        return replace(rows, times=times, steps=steps)
    twice = pd.Series(where).duplicated().to_numpy()
    if method is None:
        row = int(np.flatnonzero(twice)[0])
        raise DataError(
            f"{path}: row {row + 1} repeats {layout.time} {times[steps[row]]} and "
            f"{layout.location} {rows.ids[rows.places[row]]}; a long table has one row per step "
            "and location. Keep one of them or their mean by data.read.duplicates: first or mean, "
            "or bring all to common steps by data.read.resample"
        )
    table = pd.DataFrame(rows.values).assign(step=steps, place=rows.places)
    features = list(range(rows.values.shape[1]))
    if method == "first":
        table = table[~twice]
    else:
        table = resampled_rows(table, ["step", "place"], features, method)
    return replace(
        rows,
        times=times,
        steps=table["step"].to_numpy(np.int64),
        places=table["place"].to_numpy(np.int64),
        values=table[features].to_numpy(np.float32),
    )


def _with_left_out(
    numbers: Any, steps: npt.NDArray[np.int64], layout: LongTable, path: Path
) -> tuple[Any, npt.NDArray[np.int64]]:
    """Steps that are only numbered, with those that the table leaves out.

    Windows take steps that follow each other; without these they would jump over the gap.
    """
    ahead = np.diff(np.asarray(numbers, np.float64))
    if not len(ahead) or (ahead == ahead[0]).all():
        return numbers, steps
    sizes, count = np.unique(ahead, return_counts=True)
    place, rest = np.divmod(
        np.asarray(numbers, np.float64) - float(numbers[0]), sizes[count.argmax()]
    )
    length = int(place[-1]) + 1
    if rest.any() or len(numbers) < _LEAST_PRESENT * length:
        raise DataError(
            f"{path}: {layout.time} holds numbers ({numbers[0]:g}, {numbers[1]:g}, ...) that are "
            "no known time stamps and no steps of equal length; say how they are to be read by "
            "data.read.time_format"
        )
    return np.arange(length), place.astype(np.int64)[steps]


def _check_filling(rows: int, shape: tuple[int, int, int], path: Path) -> None:
    """Locations that each have times of their own would make a huge table of gaps."""
    share, size = rows / (shape[0] * shape[1]), 4 * shape[0] * shape[1] * shape[2]
    if share < _LEAST_FILLED and size > _LARGE:
        raise DataError(
            f"{path}: {rows:,} rows would fill {100 * share:.2g} % of {shape[0]:,} steps x "
            f"{shape[1]:,} locations ({in_words(size)}): every location has times of its "
            "own. Bring them to common steps, e.g. by data.read.resample: [mean, 1h]"
        )
