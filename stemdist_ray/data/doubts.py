"""What looks wrong about a series that was read: shown by ``stemdist describe``, decided by nobody.

Axis letters: T steps, N locations, F features.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.readers.reading import READING
from stemdist_ray.data.readers.structure import LOCATION_NAMES, PARTS_OF_TIMES
from stemdist_ray.data.series import OWN_START, OWN_STEP, SpatioTemporalSeries, row_blocks

_FAR_OFF = 1000.0  # times the usual size of readings
_MOSTLY_MISSING = 0.9
_SAMPLE = 10**6
_SENTINELS = frozenset((1.0, 9.0, 99.0, 99.9, 999.0, 999.9, 9999.0, 9999.9, 99999.0, 999999.0))


def doubts(series: SpatioTemporalSeries, season: Mapping[str, Any]) -> list[str]:
    """Lines about what may be read wrongly, or is of little use.

    Args:
        series: As it is trained on: on regular steps.
        season: What :func:`stemdist_ray.data.season.describe_season` says of it.
    """
    reading = series.attributes.get(READING, {})
    lines = [
        *_about_times(series, reading),
        *_about_ids(series.location_ids, reading),
        *_about_shape(series, reading),
        *_about_readings(series),
    ]
    if season["unit"] == "none" and season["proposed_period"] is not None:
        lines.append(
            f"a period of {season['proposed_period']} steps was found, and none is known; if it is "
            f"the season, set data.season: {season['proposed_period']}"
        )
    return lines


def _about_times(series: SpatioTemporalSeries, reading: Mapping[str, Any]) -> Iterator[str]:
    if series.times is None:
        columns = reading.get("not_read", [])
        if columns:
            yield (
                f"column {columns[0]!r} only numbers the rows; there are no time stamps. If it "
                "holds times, say how they are written by data.read.time_format"
            )
        elif "layout" in reading:
            known = {OWN_START: "data.sampling_step", OWN_STEP: "data.start"}
            wanted = next((known[n] for n in known if n in series.attributes), None)
            wanted = wanted or "data.start and data.sampling_step"
            yield f"there are no time stamps; if you know them: {wanted}"
        return
    if "calendar" in reading:
        yield (
            f"the calendar is {reading['calendar']}, which ours has no dates for: times count from "
            "the first one, and later dates are some days off those of the file"
        )
    if series.num_steps < 3:
        return
    apart = np.diff(series.times).astype(np.int64)
    usual = float(np.median(apart))
    if apart.min() < 0.99 * usual or apart.max() > 1.01 * usual:
        low, high = (pd.Timedelta(int(v), "ns") for v in (apart.min(), apart.max()))
        yield f"steps are not equally long: {low} to {high}"


def _about_ids(ids: Sequence[str], reading: Mapping[str, Any]) -> Iterator[str]:
    parts = [name for name in ids if name.strip().lower() in PARTS_OF_TIMES]
    if parts:
        yield (
            f"locations are called {', '.join(parts[:4])}: parts of a time? Leave these columns "
            "out, or name the column of times by data.read.time_column"
        )
    column = reading.get("location_column")
    named = column is None or column.strip().lower() in LOCATION_NAMES
    named = named or "location_column" in reading.get("settings", {})
    if not named and all(name.lstrip("-").isdecimal() for name in ids):
        yield (
            f"the whole numbers in {column!r} are taken for {len(ids):,} location ids; if they "
            "are readings, say data.read.location_column"
        )
    numbers = Counter(name.lstrip("0") or "0" for name in ids if name.isdecimal())
    same = [name for name, count in numbers.items() if count > 1]
    if same:
        twice = [name for name in ids if (name.lstrip("0") or "0") == same[0]]
        yield f"location ids {' and '.join(twice[:2])} are the same number"


def _about_shape(series: SpatioTemporalSeries, reading: Mapping[str, Any]) -> Iterator[str]:
    if series.num_locations > series.num_steps:
        # Rows with time stamps are no locations, and grids name their dimensions.
        turned = series.times is None and reading.get("layout") == "wide"
        hint = "; if rows are locations, say data.read.transpose" if turned else ""
        yield (
            f"there are more locations ({series.num_locations:,}) than steps "
            f"({series.num_steps:,}){hint}"
        )
    if series.missing_share > _MOSTLY_MISSING:
        yield f"{100 * series.missing_share:.1f} % of the entries are missing"


def _about_readings(series: SpatioTemporalSeries) -> Iterator[str]:
    for feature, name in enumerate(series.feature_names):
        size, low, high = _of_locations(series, feature)
        seen = ~np.isnan(size)
        where = f" of {name!r}" if series.num_features > 1 else ""
        if not seen.all() and seen.any():
            yield f"{_some(series, ~seen)} never observed{where}"
        constant = seen & (low == high)
        if constant.any() and not constant[seen].all():
            yield f"{_some(series, constant)} the same at all times{where}"
        positive = size[seen & (size > 0)]
        if len(positive) < 3:
            continue
        usual = float(np.median(positive))
        yield from _sentinels(series, feature, where)
        off = seen & ((size > _FAR_OFF * usual) | ((size > 0) & (size * _FAR_OFF < usual)))
        if off.any():
            at = int(np.flatnonzero(off)[0])
            yield (
                f"{_some(series, off)} {_FAR_OFF:g} times off the others{where}: on average "
                f"{size[at]:.3g} where {usual:.3g} is usual. Another unit, or no location?"
            )


def _sentinels(series: SpatioTemporalSeries, feature: int, where: str) -> Iterator[str]:
    """A value that comes often at the very end of the scale, far from all others."""
    sample = series.values[:: max(1, series.values.size // _SAMPLE), :, feature]
    seen = sample[~np.isnan(sample)].astype(np.float64)
    if len(seen) < 20:
        return
    for extreme, sign in ((seen.min(), 1.0), (seen.max(), -1.0)):
        count = int(np.count_nonzero(seen == extreme))
        others = seen[seen != extreme]
        if count < 3 or not len(others):
            continue
        low, high = np.quantile(sign * others, (0.0, 0.99))
        known = abs(extreme) in _SENTINELS
        if low - sign * extreme > (0.2 if known else 3.0) * (high - low):
            yield (
                f"{extreme:g} comes {count:,} times{where}, far from all other readings; if it "
                f"means missing, say data.missing_values: {extreme:g}"
            )


def _of_locations(
    series: SpatioTemporalSeries, feature: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(N,) mean absolute reading, smallest and largest one; NaN where nothing was observed."""
    total = np.zeros(series.num_locations)
    count = np.zeros(series.num_locations, np.int64)
    low = np.full(series.num_locations, np.inf, np.float32)
    high = np.full(series.num_locations, -np.inf, np.float32)
    for rows in row_blocks(series.values.shape):
        values = series.values[rows, :, feature]
        seen = ~np.isnan(values)
        total += np.abs(np.where(seen, values, 0)).sum(axis=0, dtype=np.float64)
        count += seen.sum(axis=0)
        low = np.minimum(low, np.where(seen, values, np.inf).min(axis=0))
        high = np.maximum(high, np.where(seen, values, -np.inf).max(axis=0))
    size = np.full(series.num_locations, np.nan)
    np.divide(total, count, out=size, where=count > 0)
    return size, low, high


def _some(series: SpatioTemporalSeries, chosen: npt.NDArray[np.bool_]) -> str:
    places = np.flatnonzero(chosen)
    names = ", ".join(series.location_ids[i] for i in places[:3])
    if len(places) == 1:
        return f"location {names} is"
    return f"{len(places):,} locations ({names}{', ...' if len(places) > 3 else ''}) are"
