"""Regular steps: where whole rows are missing, windows must not jump over the gap.

A window is some consecutive *rows*. Where a file leaves rows out, its readings of an hour may span
a night. So all steps of the grid get a row, and those that the file lacks are missing. Axis
letters: T steps, N locations, F features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

FILLED = "filled_steps"
"""Attribute of a series: steps for which its source has no row."""

_MONTH = np.timedelta64(27, "D").astype("timedelta64[ns]")
_DAY = np.timedelta64(1, "D").astype("timedelta64[ns]")
_DAYS_OF_A_MONTH = 30.44
_CLOCK_CHANGE = 2 * 3600 * 10**9  # nanoseconds
# A file with fewer of its steps than this is no table of regular steps.
_LEAST_PRESENT = 0.05


def regular(
    series: SpatioTemporalSeries,
    budget: MemoryBudget | None = None,
    step: np.timedelta64 | None = None,
) -> SpatioTemporalSeries:
    """The series on the grid of its sampling step; as it is where no step is missing.

    Args:
        series: Its times increase.
        budget: For the readings at all steps; None = the default.
        step: Where it is known; None = the commonest distance between times. Months and years
            count as steps, too.

    Raises:
        DataError: A time lies between two steps of the grid, or nearly all steps are missing.
    """
    if series.times is None or (step is None and series.num_steps < 3):
        return series
    place = _places(series.times, _common_step(series.times) if step is None else step, series.name)
    shape = (int(place[-1]) + 1, series.num_locations, series.num_features)
    (budget or MemoryBudget()).check_readings(series.name, shape)
    return _on_grid(series, place)


def regular_blocks(blocks: Iterator[SpatioTemporalSeries]) -> Iterator[SpatioTemporalSeries]:
    """:func:`regular` for consecutive blocks of one series.

    Raises:
        DataError: As for the whole series, by the step of the first block.
    """
    step: np.timedelta64 | None = None
    last: np.datetime64 | None = None
    for block in _first_of_some_steps(blocks):
        if block.times is None or (step is None and block.num_steps < 3):
            yield block
            continue
        if step is None:
            step = _common_step(block.times)
        stamps = block.times if last is None else np.concatenate([[last], block.times])
        place = _places(stamps, step, block.name)
        if last is not None:
            yield from _between(block, last, stamps[1], int(place[1]) - 1)
            place = place[1:] - place[1]
        last = block.times[-1]
        yield _on_grid(block, place)


def _first_of_some_steps(blocks: Iterator[SpatioTemporalSeries]) -> Iterator[SpatioTemporalSeries]:
    """The blocks, the first of which has the three steps that tell how long steps are."""
    first = next(blocks, None)
    while first is not None and first.num_steps < 3:
        more = next(blocks, None)
        if more is None:
            break
        times = None
        if first.times is not None and more.times is not None:
            times = np.concatenate([first.times, more.times])
        first = more.with_changes(
            values=np.concatenate([first.values, more.values]), mask=None, times=times
        )
    if first is not None:
        yield first
    yield from blocks


def _between(
    like: SpatioTemporalSeries, last: np.datetime64, following: np.datetime64, count: int
) -> Iterator[SpatioTemporalSeries]:
    """A block of missing rows between two blocks."""
    if count:
        values = np.full((count, like.num_locations, like.num_features), np.nan, np.float32)
        times = _filled(np.array([last, following]), np.array([0, count + 1]))[1:-1]
        yield like.with_changes(
            values=values, mask=None, times=times, part_of_more=True, attributes={FILLED: count}
        )


def _common_step(times: npt.NDArray[np.datetime64]) -> np.timedelta64:
    found, count = np.unique(np.diff(times), return_counts=True)
    step: np.timedelta64 = found[np.argmax(count)]
    return step


def _places(
    times: npt.NDArray[np.datetime64], step: np.timedelta64, name: str
) -> npt.NDArray[np.int64]:
    """(T,) position of each time on the grid that begins with the first."""
    ahead = (times - times[0]).astype("timedelta64[ns]").astype(np.int64)
    size = int(step.astype("timedelta64[ns]").astype(np.int64))
    place, rest = np.divmod(ahead, size)
    if rest.any() and step >= _MONTH:
        return _months(times, step, name)
    if rest.any():
        near: npt.NDArray[np.int64] = np.rint(ahead / size).astype(np.int64)
        # Clocks jitter, and days of local time are an hour shorter or longer twice a year.
        most = max(size // 10, _CLOCK_CHANGE if step >= _DAY else 0)
        if (np.abs(ahead - near * size) <= most).all() and (np.diff(near) > 0).all():
            return near
        apart = np.diff(ahead)
        if step >= _DAY and 0.5 * size <= apart.min() and apart.max() <= 1.5 * size:
            # Nothing is missing: thirds of a month, composites that begin anew with every year.
            return np.arange(len(times))
        row = int(np.flatnonzero(rest)[0])
        raise DataError(
            f"{name}: steps are {pd.Timedelta(size)} apart, but step {row} ({times[row]}) lies "
            "between two of them; bring the readings to common steps, e.g. by data.read.resample: "
            "[mean, 1h]"
        )
    return np.asarray(place, np.int64)


def _months(
    times: npt.NDArray[np.datetime64], step: np.timedelta64, name: str
) -> npt.NDArray[np.int64]:
    """Positions by the calendar: months, quarters and years are not equally long."""
    stamps = pd.DatetimeIndex(times)
    months = (stamps.year * 12 + stamps.month).to_numpy()
    apart = np.diff(months)
    if (apart <= 0).any():
        row = int(np.flatnonzero(apart <= 0)[0])
        raise DataError(f"{name}: steps {row} and {row + 1} are of one month; expected one each")
    # Of the whole series, not of these times: a block may have no two months in a row.
    size = max(1, round(float(step / _DAY) / _DAYS_OF_A_MONTH))
    if (apart % size).any():
        row = int(np.flatnonzero(apart % size)[0]) + 1
        raise DataError(
            f"{name}: steps are {size} months apart, but step {row} ({times[row]}) lies between "
            "two of them"
        )
    return np.asarray((months - months[0]) // size, np.int64)


def _on_grid(series: SpatioTemporalSeries, place: npt.NDArray[np.int64]) -> SpatioTemporalSeries:
    steps = int(place[-1]) + 1
    if steps == series.num_steps:
        return series
    if series.num_steps < _LEAST_PRESENT * steps:
        raise DataError(
            f"{series.name}: {series.num_steps:,} rows would be {steps:,} steps of equal length; "
            "bring the readings to common (or longer) steps, e.g. by data.read.resample: [mean, 1h]"
        )
    values = np.full((steps, series.num_locations, series.num_features), np.nan, np.float32)
    values[place] = series.values
    assert series.times is not None
    return series.with_changes(
        values=values,
        mask=None,
        times=_filled(series.times, place),
        attributes={**series.attributes, FILLED: steps - series.num_steps},
    )


def _filled(
    times: npt.NDArray[np.datetime64], place: npt.NDArray[np.int64]
) -> npt.NDArray[np.datetime64]:
    """Time stamps of all places; those between two known ones divide their distance."""
    stamps = times.astype("datetime64[ns]").astype(np.int64)
    everywhere = np.arange(int(place[-1]) + 1)
    before = np.searchsorted(place, everywhere, side="right") - 1
    after = np.minimum(before + 1, len(place) - 1)
    width = np.maximum(place[after] - place[before], 1)
    share = everywhere - place[before]
    filled = stamps[before] + (stamps[after] - stamps[before]) // width * share
    return np.asarray(filled.astype("datetime64[ns]"))
