"""Which trials no other one beats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def pareto_front(values: Sequence[Sequence[float]]) -> list[int]:
    """Positions of the points that no other point dominates, smallest first value first.

    A point dominates another if it is nowhere larger and somewhere smaller. Of equal points the
    first one counts.

    Args:
        values: One row of objectives per point, all to be small.
    """
    points = np.asarray(values, dtype=np.float64)
    if points.size == 0:
        return []
    kept = [
        i
        for i, own in enumerate(points)
        if np.isfinite(own).all() and not _dominated(own, points, i)
    ]
    return sorted(kept, key=lambda i: tuple(points[i]))


def _dominated(own: npt.NDArray[np.float64], points: npt.NDArray[np.float64], index: int) -> bool:
    no_larger = (points <= own).all(axis=1)
    smaller = (points < own).any(axis=1)
    twin_before = (points[:index] == own).all(axis=1).any()
    return bool((no_larger & smaller).any() or twin_before)


def spread(front: Sequence[int], values: Sequence[Sequence[float]], wanted: int) -> list[int]:
    """Choose at most ``wanted`` points of a front, its best error first, evenly along it."""
    if len(front) <= wanted:
        return list(front)
    ordered = sorted(front, key=lambda i: tuple(values[i]))
    at = np.unique(np.round(np.linspace(0, len(ordered) - 1, wanted)).astype(int))
    return [ordered[int(i)] for i in at]
