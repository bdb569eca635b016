"""What methods share that select real windows of real locations.

They select twice: locations by their whole train split, then windows by what those locations show
in them. Both are described by random projections (:mod:`stemdist_ray.clustering.vectors`), whose
distances and means are about those of the readings themselves. Axis letters: M real windows,
W windows, L lookback, H horizon, N locations, K synthetic locations, F features, D directions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.baselines.method import Made, MethodWork
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.clustering.vectors import (
    distances_to_centroids,
    location_vectors,
    projected_vectors,
    vector_width,
)
from stemdist_ray.distillation.start import unlearned
from stemdist_ray.distillation.task import RealData
from stemdist_ray.evaluation.predict import batches
from stemdist_ray.seeding import numpy_generator

Array = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]

Chooser = Callable[[Array, int], Positions]
"""(n, D) points and a count to so many distinct positions."""

DIRECTIONS = 256
_AT_A_TIME = 2**22  # readings of windows that are gathered together


def location_features(work: MethodWork) -> Array:
    """What locations are told apart by: (N, D) float32."""
    real = work.real
    if vector_width(real.windows, real.starts) <= DIRECTIONS:
        return location_vectors(real.windows, real.starts)
    return projected_vectors(real.windows, real.starts, DIRECTIONS, work.config.seed)


def window_features(work: MethodWork, locations: Positions) -> Array:
    """What train windows are told apart by, inputs and targets: (M, D) float32.

    Args:
        work: Series and seed.
        locations: (K,) those that count.
    """
    real = work.real
    windows = replace(real.windows, base=None, calendar=None)
    width = len(locations) * (windows.lookback * windows.own_features + windows.horizon)
    rng = numpy_generator(work.config.seed, "window projection")
    random = torch.from_numpy(rng.standard_normal((width, DIRECTIONS), dtype=np.float32))
    pieces = []
    for starts in batches(real.starts, max(1, _AT_A_TIME // width)):
        batch = windows.batch(starts, locations)
        both = torch.cat([batch.x.flatten(1), batch.y.flatten(1)], dim=1)
        pieces.append(both @ random)
    return np.asarray((torch.cat(pieces) / np.sqrt(DIRECTIONS)).numpy())


def nearest(features: Array, chosen: Positions) -> Positions:
    """Which of the chosen points each point is nearest to, itself where it is one: (N,).

    Args:
        features: (N, D).
        chosen: (K,) positions.
    """
    points = torch.from_numpy(features)
    centers = points[torch.from_numpy(chosen)]
    found = [torch.cdist(some, centers).argmin(dim=1) for some in torch.split(points, 4096)]
    out = torch.cat(found).numpy().astype(np.int64)
    out[chosen] = np.arange(len(chosen))  # of equal points each stands for itself
    return out


def chosen_by(work: MethodWork, choose: Chooser) -> Made:
    """Choose locations by their train split, then windows by what these show; all count the same.

    Args:
        work: The series.
        choose: Picks so many points, by what they are told apart by.
    """
    features = location_features(work)
    locations = np.sort(choose(features, work.num_locations))
    windows = np.sort(choose(window_features(work, locations), work.num_windows))
    assignment = nearest(features, locations)
    return selected(work, work.real.starts[windows], locations, assignment, even=True)


def selected(
    work: MethodWork, starts: Positions, locations: Positions, assignment: Positions, even: bool
) -> Made:
    """The data set of some real windows of some real locations.

    Args:
        work: The series.
        starts: (W,) first steps of the windows, increasing.
        locations: (K,) positions.
        assignment: (N,) which of these stands for each location.
        even: Whether all of them count the same; else each counts for those it stands for.
    """
    real = work.real
    clustering = Clustering(
        assignment=assignment,
        cluster_size=np.bincount(assignment, minlength=len(locations)).astype(np.int64),
        inertia=inertia_of(real, assignment),
        medoids=locations,
        weights=np.ones(len(locations)) if even else None,
    )
    return Made(clustering, *unlearned(real.windows.select(locations), starts))


def inertia_of(real: RealData, assignment: Positions) -> float:
    """What a grouping of the locations costs, as k-means counts it."""
    return float(distances_to_centroids(real.windows, real.starts, assignment).sum())
