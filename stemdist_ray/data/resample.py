"""Bringing readings to common steps: each sensor on its own seconds, every minute to every hour.

A step is named by its beginning and holds what was observed from there on to the next. Steps are
counted from midnight before the first reading, so that those of an hour begin on the hour. Axis
letters: T steps, N locations, F features.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

Stamps = npt.NDArray[np.datetime64]
Resampling = tuple[str, str]
"""Method (mean, last or sum) and step, as the setting ``data.read.resample`` has them."""


def resampled(series: SpatioTemporalSeries, how: Resampling) -> SpatioTemporalSeries:
    """The series at the steps in which it has readings.

    Args:
        series: With time stamps.
        how: Mean, last or sum of what was observed in a step, and the step.

    Raises:
        DataError: It has no time stamps, or the step is none.
    """
    if series.times is None:
        raise DataError(
            f"{series.name}: has no time stamps, which data.read.resample needs; give data.start "
            "and data.sampling_step"
        )
    steps = beginnings(series.times, how[1], series.name)
    first = np.flatnonzero(np.concatenate([[True], steps[1:] != steps[:-1]]))
    if len(first) == len(steps) and (steps == series.times).all():
        return series
    reduce = _last if how[0] == "last" else _sum if how[0] == "sum" else _mean
    return series.with_changes(values=reduce(series.values, first), mask=None, times=steps[first])


def resampled_rows(
    table: pd.DataFrame, keys: Sequence[Hashable], features: Sequence[Hashable], method: str
) -> pd.DataFrame:
    """The rows of a long table that have the same step and location as one.

    Args:
        table: Columns of step and location, and of numbers.
        keys: Names of the first two.
        features: Names of the others.
        method: mean, last, sum or first.
    """
    groups = table.groupby(list(keys), sort=False, dropna=False)[list(features)]
    if method == "sum":
        # Nothing observed is not zero.
        return groups.sum(min_count=1).reset_index()
    return groups.agg(method).reset_index()


def one_per_time(
    values: npt.NDArray[np.float32], times: Stamps, how: str
) -> tuple[npt.NDArray[np.float32], Stamps]:
    """The first row of each time, or the mean of its rows; in the order of the first ones.

    Args:
        values: (T, N, F).
        times: (T,), of which some may be equal.
        how: first or mean.
    """
    codes, different = pd.factorize(times)
    if len(different) == len(times):
        return values, times
    order = np.argsort(codes, kind="stable")
    first = np.flatnonzero(np.concatenate([[True], np.diff(codes[order]) > 0]))
    if how == "first":
        return values[order[first]], np.asarray(different)
    return _mean(values[order], first), np.asarray(different)


def beginnings(times: Stamps, step: str, name: str) -> Stamps:
    """(T,) beginning of the step in which each time lies.

    Raises:
        DataError: The step is no length of time, or one that differs from month to month.
    """
    size = int(length_of_step(step, name).value)
    stamps = times.astype("datetime64[ns]").astype(np.int64)
    day = np.datetime64(times.min(), "D").astype("datetime64[ns]").astype(np.int64)
    return np.asarray((day + (stamps - day) // size * size).astype("datetime64[ns]"))


def length_of_step(step: str, name: str) -> pd.Timedelta:
    """A step as ``data.read.resample`` has it, above zero.

    Raises:
        DataError: It is none, or one that differs from month to month.
    """
    text = step.strip()
    try:
        length = pd.Timedelta(text if text[:1].isdigit() else f"1{text}")
        # Numbers alone would be nanoseconds, which nobody means.
        if text[-1:].isalpha() and length > pd.Timedelta(0):
            return length
    except ValueError:
        pass
    raise DataError(
        f"{name}: data.read.resample: {step!r} is no length of a step; expected e.g. 5min, 1h or 1D"
    )


def _observed_sum(
    values: npt.NDArray[np.float32], first: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Sums of what was observed in each step, and how many that were."""
    total = np.add.reduceat(np.nan_to_num(values, nan=0.0), first, axis=0, dtype=np.float64)
    return total, np.add.reduceat(~np.isnan(values), first, axis=0, dtype=np.int64)


def _mean(values: npt.NDArray[np.float32], first: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    total, count = _observed_sum(values, first)
    mean = np.full(total.shape, np.nan, np.float32)
    np.divide(total, count, out=mean, where=count > 0, casting="same_kind")
    return mean


def _sum(values: npt.NDArray[np.float32], first: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    total, count = _observed_sum(values, first)
    return np.where(count > 0, total, np.nan).astype(np.float32)


def _last(values: npt.NDArray[np.float32], first: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    rows = np.arange(len(values), dtype=np.int64)[:, None, None]
    latest = np.maximum.reduceat(np.where(np.isnan(values), -1, rows), first, axis=0)
    # A step in which nothing was observed takes its own first row, which is missing.
    latest = np.where(latest < 0, first[:, None, None], latest)
    return np.take_along_axis(values, latest, axis=0)
