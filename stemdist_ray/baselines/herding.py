"""Herding: a subset whose mean stays near that of all, element by element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.selection import chosen_by


def herded(features: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """Choose so that the mean of what is chosen follows the mean of all.

    Args:
        features: (n, D).
        count: How many, at most n.

    Returns:
        (count,) distinct positions, in the order of their choice.
    """
    points = features.astype(np.float64)
    mean, total = points.mean(axis=0), np.zeros(points.shape[1])
    # |mean - (total + p) / k|^2 less what is the same for all p.
    lengths = np.square(points).sum(axis=1)
    free = np.ones(len(points), bool)
    chosen = np.empty(count, np.int64)
    for k in range(1, count + 1):
        towards = points @ (k * mean - total)
        cost = np.where(free, lengths - 2 * towards, np.inf)
        chosen[k - 1] = best = int(cost.argmin())
        total += points[best]
        free[best] = False
    return chosen


def herded_windows(work: MethodWork) -> Made:
    """Herd locations by their train split, then windows by what these show."""
    return chosen_by(work, herded)


register_method(
    Method(
        name="herding",
        summary="locations and windows whose means follow those of all, chosen one by one",
        source="Welling, Herding Dynamical Weights to Learn, ICML 2009",
        deviations="on random projections of the readings, for want of a feature extractor",
        make=herded_windows,
    )
)
