"""Known inputs that follow from the time stamps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

_DAY = np.timedelta64(1, "D")


def time_of_day(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    """Share of the day that has passed, in [0, 1), per time stamp."""
    return np.asarray((times - times.astype("datetime64[D]")) / _DAY, dtype=np.float64)


def day_of_week(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Day of the week per time stamp, Monday = 0."""
    # 1970-01-01 was a Thursday.
    return (times.astype("datetime64[D]").astype(np.int64) + 3) % 7


def append_covariates(
    series: SpatioTemporalSeries, covariates: Sequence[str]
) -> SpatioTemporalSeries:
    """Append covariates as features, the same for every location.

    Raises:
        DataError: The series has no time stamps, or has such a feature already.
    """
    if not covariates:
        return series
    if series.times is None:
        raise DataError(
            f"{series.name}: covariates {list(covariates)} need time stamps and there are none; "
            "give data.start and data.sampling_step, or leave data.covariates empty"
        )
    taken = sorted(set(covariates) & set(series.feature_names))
    if taken:
        raise DataError(f"{series.name}: has a feature {taken[0]!r} already; drop the covariate")
    columns = {
        "time_of_day": time_of_day(series.times),
        "day_of_week": day_of_week(series.times) / 7.0,
    }
    shape = (series.num_steps, series.num_locations)
    extra = [np.broadcast_to(columns[name][:, None], shape) for name in covariates]
    values = np.concatenate([series.values, np.stack(extra, axis=2)], axis=2, dtype=np.float32)
    mask = series.mask
    if mask is not None:
        mask = np.concatenate([mask, np.ones((*shape, len(extra)), bool)], axis=2)
    return series.with_changes(
        values=values,
        mask=mask,
        feature_names=(*series.feature_names, *covariates),
        units=(*series.units, *[""] * len(covariates)),
    )
