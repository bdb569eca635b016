"""Numbers that describe a series."""

from __future__ import annotations

import numpy as np

from stemdist_ray.data.series import SpatioTemporalSeries


def series_statistics(series: SpatioTemporalSeries) -> list[dict[str, float]]:
    """Mean, std, min, max and share of zeros per feature, over observed entries."""
    numbers = []
    for feature in range(series.num_features):
        column = series.values[:, :, feature]
        seen = column[~np.isnan(column)].astype(np.float64)
        if seen.size == 0:
            numbers.append(dict.fromkeys(("mean", "std", "min", "max", "zero_share"), float("nan")))
            continue
        numbers.append(
            {
                "mean": float(seen.mean()),
                "std": float(seen.std()),
                "min": float(seen.min()),
                "max": float(seen.max()),
                "zero_share": float((seen == 0).mean()),
            }
        )
    return numbers
