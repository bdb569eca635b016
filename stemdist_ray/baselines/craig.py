"""CRAIG: windows, and locations, that all others are near to, each weighted by how many those are.

Axis letters: n points, D what they are told apart by.
"""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.selection import (
    location_features,
    nearest,
    selected,
    window_features,
)
from stemdist_ray.data.windows import evenly_spaced

CANDIDATES = 8192  # of more points evenly spaced ones may be chosen; all of them are covered
_AT_A_TIME = 2**24  # distances that are computed together


def facilities(features: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
    """Choose so that points are near to a chosen one, by lazy greedy facility location.

    A gain can only shrink as more is chosen (submodularity), so one that was computed before is a
    bound: only what heads the queue is computed again.

    Args:
        features: (n, D).
        count: How many, at most n.

    Returns:
        (count,) distinct positions, in the order of their choice.
    """
    points = torch.from_numpy(features.astype(np.float32))
    points = points - points.mean(dim=0)
    candidates = evenly_spaced(len(points), max(count, CANDIDATES))
    # A facility that is farther than any point: what nothing is chosen for costs that much.
    cost = torch.full((len(points),), 2 * float(points.norm(dim=1).max()))
    queue: list[tuple[float, int]] = []
    for some in np.array_split(candidates, 1 + len(points) * len(candidates) // _AT_A_TIME):
        gains = _gains(points, cost, some)
        queue += [(-float(gain), int(at)) for gain, at in zip(gains, some, strict=True)]
    heapq.heapify(queue)
    chosen: list[int] = []
    while len(chosen) < count:
        _, at = heapq.heappop(queue)
        gain = float(_gains(points, cost, np.array([at]))[0])
        # Ties go to the first position, as in a queue that was computed anew.
        if queue and (-gain, at) > queue[0]:
            heapq.heappush(queue, (-gain, at))
            continue
        chosen.append(at)
        cost = torch.minimum(cost, _distances(points, np.array([at]))[:, 0])
    return np.array(chosen, np.int64)


def _distances(points: torch.Tensor, some: npt.NDArray[np.int64]) -> torch.Tensor:
    # By differences: by products, points would be far from themselves by rounding.
    return torch.cdist(
        points, points[torch.from_numpy(some)], compute_mode="donot_use_mm_for_euclid_dist"
    )


def _gains(
    points: torch.Tensor, cost: torch.Tensor, some: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """By how much the summed cost falls with each of some candidates."""
    saved = (cost[:, None] - _distances(points, some)).clamp(min=0)
    return np.asarray(saved.sum(dim=0, dtype=torch.float64).numpy())


def weighted_windows(work: MethodWork) -> Made:
    """Cover the locations by their train split, then the windows by what these show."""
    features = location_features(work)
    locations = np.sort(facilities(features, work.num_locations))
    shown = window_features(work, locations)
    windows = np.sort(facilities(shown, work.num_windows))
    stand_for = np.bincount(nearest(shown, windows), minlength=len(windows))
    assignment = nearest(features, locations)
    made = selected(work, work.real.starts[windows], locations, assignment, even=False)
    weights = stand_for / stand_for.mean()
    return replace(made, known=replace(made.known, weights=weights))


register_method(
    Method(
        name="craig",
        summary="locations and windows that all others are near to, weighted by how many those are",
        source="Mirzasoleiman et al., ICML 2020, arXiv:1906.01827",
        deviations="distances of random projections of the readings, not of gradients; of more "
        "than 8,192 windows evenly spaced ones are candidates",
        make=weighted_windows,
    )
)
