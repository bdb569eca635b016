"""Several files as one series: monthly grids, parts of a table, a file per station or variable.

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

_LEAST_FILLED = 0.05  # of the steps, locations and features that several files have together


def merged(
    parts: Sequence[SpatioTemporalSeries],
    name: str,
    budget: MemoryBudget,
    duplicates: str = "error",
) -> SpatioTemporalSeries:
    """Put parts of a series together, by their time stamps, location ids and feature names.

    Parts without time stamps follow each other in the order given.

    Args:
        parts: In natural order of their files.
        name: Of the series.
        budget: For all readings.
        duplicates: What becomes of an entry that several parts have: ``error`` refuses different
            readings, ``first`` keeps the first, ``mean`` takes the mean.

    Raises:
        DataError: Parts do not fit together, or have different readings of one entry.
    """
    if len(parts) == 1:
        return parts[0].with_changes(name=name)
    stamped = [part for part in parts if part.times is not None]
    if stamped and len(stamped) < len(parts):
        bare = next(part.name for part in parts if part.times is None)
        raise DataError(
            f"{name}: {stamped[0].name} has time stamps and {bare} has none; expected the same of "
            "all files"
        )
    if not stamped:
        return _in_a_row(parts, name, budget)
    return _by_stamps(parts, name, budget, duplicates)


def _in_a_row(
    parts: Sequence[SpatioTemporalSeries], name: str, budget: MemoryBudget
) -> SpatioTemporalSeries:
    first = parts[0]
    for part in parts[1:]:
        if (part.location_ids, part.feature_names) != (first.location_ids, first.feature_names):
            raise DataError(
                f"{name}: {part.name} has other locations or features than {first.name}, and "
                "without time stamps files can only follow each other"
            )
    steps = sum(part.num_steps for part in parts)
    budget.check_readings(name, (steps, first.num_locations, first.num_features))
    return first.with_changes(
        values=np.concatenate([part.values for part in parts]), mask=None, name=name
    )


def _by_stamps(
    parts: Sequence[SpatioTemporalSeries], name: str, budget: MemoryBudget, duplicates: str
) -> SpatioTemporalSeries:
    times = np.unique(np.concatenate([_stamps(part) for part in parts]))
    ids = list(dict.fromkeys(i for part in parts for i in part.location_ids))
    features = list(dict.fromkeys(f for part in parts for f in part.feature_names))
    shape = (len(times), len(ids), len(features))
    budget.check_readings(name, shape)
    held = sum(part.values.size for part in parts)
    if held < _LEAST_FILLED * np.prod(shape, dtype=float):
        raise DataError(
            f"{name}: {len(parts)} files hold {held:,} entries of {shape[0]:,} steps x "
            f"{shape[1]:,} locations x {shape[2]:,} features: they have hardly anything in common. "
            "Expected parts of one series"
        )
    values = np.full(shape, np.nan, np.float32)
    count = np.ones(shape, np.uint16) if duplicates == "mean" else None
    for part in parts:
        at = np.ix_(
            np.searchsorted(times, _stamps(part)),
            pd.Index(ids).get_indexer(pd.Index(part.location_ids)),
            pd.Index(features).get_indexer(pd.Index(part.feature_names)),
        )
        values[at] = _joined(values[at], part, at, count, name, duplicates)
    if count is not None:
        values /= count
    return SpatioTemporalSeries(
        values=values,
        times=times,
        location_ids=tuple(ids),
        feature_names=tuple(features),
        units=_units(parts, features),
        coordinates=_coordinates(parts, ids),
        name=name,
        attributes=dict(parts[0].attributes),
    )


def _stamps(part: SpatioTemporalSeries) -> npt.NDArray[np.datetime64]:
    assert part.times is not None
    return part.times


def _joined(
    held: npt.NDArray[np.float32],
    part: SpatioTemporalSeries,
    at: Any,
    count: npt.NDArray[np.uint16] | None,
    name: str,
    duplicates: str,
) -> npt.NDArray[np.float32]:
    """What is held, with the readings of one more part."""
    own = part.values
    both = ~np.isnan(held) & ~np.isnan(own)
    if count is not None:
        count[at] += both
        return np.where(np.isnan(held), own, np.where(both, held + own, held))
    different = both & (held != own)
    if duplicates == "error" and different.any():
        step, place, kind = (int(i) for i in np.argwhere(different)[0])
        raise DataError(
            f"{name}: {part.name} has {own[step, place, kind]:g} and an earlier file has "
            f"{held[step, place, kind]:g} for {part.feature_names[kind]} at "
            f"{part.location_ids[place]}, {_stamps(part)[step]}; keep the first or the mean by "
            "data.read.duplicates"
        )
    return np.where(np.isnan(held), own, held)


def _units(parts: Sequence[SpatioTemporalSeries], features: Sequence[str]) -> tuple[str, ...]:
    known: dict[str, str] = {}
    for part in parts:
        for feature, unit in zip(part.feature_names, part.units, strict=True):
            known[feature] = known.get(feature) or unit
    return tuple(known[feature] for feature in features)


def _coordinates(
    parts: Sequence[SpatioTemporalSeries], ids: Sequence[str]
) -> npt.NDArray[np.float64] | None:
    known: dict[str, npt.NDArray[np.float64]] = {}
    for part in parts:
        if part.coordinates is None:
            return None
        known |= dict(zip(part.location_ids, part.coordinates, strict=True))
    return np.stack([known[name] for name in ids])
