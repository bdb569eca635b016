"""Numbers that describe a series."""

from __future__ import annotations

import math

import numpy as np

from stemdist_ray.data.series import SpatioTemporalSeries, row_blocks


def series_statistics(series: SpatioTemporalSeries) -> list[dict[str, float]]:
    """Mean, std, min, max and share of zeros per feature, over observed entries."""
    return [_of_feature(series, feature) for feature in range(series.num_features)]


def _of_feature(series: SpatioTemporalSeries, feature: int) -> dict[str, float]:
    """Block by block, around the first reading: squares of large numbers lose their differences."""
    count, zeros, total, squares = 0, 0, 0.0, 0.0
    low, high, shift = math.inf, -math.inf, 0.0
    for rows in row_blocks(series.values.shape):
        column = series.values[rows, :, feature]
        seen = column[~np.isnan(column)].astype(np.float64)
        if not seen.size:
            continue
        if not count:
            shift = float(seen[0])
        count += seen.size
        zeros += int(np.count_nonzero(seen == 0))
        low, high = min(low, float(seen.min())), max(high, float(seen.max()))
        seen -= shift
        total += float(seen.sum())
        squares += float(np.dot(seen, seen))
    if not count:
        return dict.fromkeys(("mean", "std", "min", "max", "zero_share"), math.nan)
    mean = total / count
    return {
        "mean": shift + mean,
        "std": math.sqrt(max(0.0, squares / count - mean**2)),
        "min": low,
        "max": high,
        "zero_share": zeros / count,
    }
