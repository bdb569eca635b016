"""k-center: no window, and no location, is far from a chosen one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.selection import chosen_by


def k_centers(features: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """Farthest-first traversal: within twice the best possible radius.

    Args:
        features: (n, D).
        count: How many, at most n.

    Returns:
        (count,) distinct positions, in the order of their choice; the first is nearest to the mean.
    """
    points = features.astype(np.float64)
    chosen = np.empty(count, np.int64)
    chosen[0] = np.square(points - points.mean(axis=0)).sum(axis=1).argmin()
    distance = np.full(len(points), np.inf)
    for k in range(count - 1):
        own = np.square(points - points[chosen[k]]).sum(axis=1)
        distance = np.minimum(distance, own)
        distance[chosen[: k + 1]] = -1.0  # of equal points each is chosen once
        chosen[k + 1] = distance.argmax()
    return chosen


def central_windows(work: MethodWork) -> Made:
    """Cover the locations by their train split, then the windows by what these show."""
    return chosen_by(work, k_centers)


register_method(
    Method(
        name="k_center",
        summary="locations and windows such that no other is far from all of them",
        source="Gonzalez 1985; Sener & Savarese, ICLR 2018, arXiv:1708.00489",
        deviations="on random projections of the readings, for want of a feature extractor",
        make=central_windows,
    )
)
