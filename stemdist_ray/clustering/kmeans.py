"""k-means over locations (paper: spatial compression), without ever building the windows.

The paper clusters each location by all its train windows. Windows overlap, so the squared distance
between two locations is a sum over time steps in which step t occurs once for every window that
covers it. Scaling step t of the *raw* series by the square root of that number gives identical
distances with L times less memory and work.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from stemdist_ray.config import ClusteringConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.seeding import derive_seed

_STEPS_PER_BLOCK = 1024


@dataclass(frozen=True)
class Clustering:
    """Which location belongs to which cluster.

    Args:
        assignment: (N,) int64, cluster of each location, in [0, K).
        cluster_size: (K,) int64, members per cluster, all at least 1.
        inertia: Sum of squared distances to the centroids, in scaled units.
        medoids: (K,) int64, the member nearest to the centroid of each cluster; None where it is
            not known.
    """

    assignment: npt.NDArray[np.int64]
    cluster_size: npt.NDArray[np.int64]
    inertia: float
    medoids: npt.NDArray[np.int64] | None = None

    @property
    def num_clusters(self) -> int:
        """K, the number of synthetic locations."""
        return len(self.cluster_size)


def step_weights(starts: npt.NDArray[np.int64], lookback: int) -> npt.NDArray[np.int64]:
    """Number of windows whose lookback covers each step, from the first step of ``starts`` on.

    Args:
        starts: (W,) window starts, increasing.
        lookback: L.

    Returns:
        Counts up to min(W, L), one per step from the first to the last that a window covers.
    """
    count = len(starts)
    if int(starts[-1]) - int(starts[0]) + 1 != count:
        begins = np.zeros(int(starts[-1]) - int(starts[0]) + 1, np.int64)
        begins[starts - starts[0]] = 1
        return np.convolve(begins, np.ones(lookback, np.int64))
    step = np.arange(count + lookback - 1)
    rising, falling = step + 1, count + lookback - 1 - step
    return np.minimum(np.minimum(rising, falling), min(count, lookback))


def location_vectors(
    windows: WindowedSeries, starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Feature vector of each location whose distances equal those of its flattened windows.

    A missing entry is taken as the location's own mean, so that it neither attracts nor repels.

    Returns:
        (N, (W + L - 1) * F) float32.
    """
    weights = step_weights(starts, windows.lookback)
    first, root = int(starts[0]), np.sqrt(weights).astype(np.float32)[:, None]
    vectors = np.empty((windows.num_locations, len(weights), windows.own_features), np.float32)
    for feature in range(windows.own_features):
        own = _own_mean(windows, slice(first, first + len(weights)), feature)
        # In blocks: the vectors themselves are all that is held beside the series.
        for begin in range(0, len(weights), _STEPS_PER_BLOCK):
            block = slice(begin, begin + _STEPS_PER_BLOCK)
            rows = slice(first + begin, first + min(begin + _STEPS_PER_BLOCK, len(weights)))
            values = windows.inputs[rows, :, feature]
            if windows.input_mask is not None:
                values = np.where(windows.input_mask[rows, :, feature], values, own)
            vectors[:, block, feature] = (values * root[block]).T
    return vectors.reshape(windows.num_locations, -1)


def _own_mean(windows: WindowedSeries, rows: slice, feature: int) -> npt.NDArray[np.float32]:
    """Mean of the observed entries of each location, (N,); zeros where none is ever missing."""
    if windows.input_mask is None:
        return np.zeros(windows.num_locations, np.float32)
    total = windows.inputs[rows, :, feature].sum(axis=0, dtype=np.float64)
    seen = windows.input_mask[rows, :, feature].sum(axis=0)
    mean: npt.NDArray[np.float64] = total / np.maximum(seen, 1)
    return mean.astype(np.float32)


def cluster_locations(
    vectors: npt.NDArray[np.float32],
    num_clusters: int,
    config: ClusteringConfig,
    seed: int,
    init: npt.NDArray[np.float32] | None = None,
) -> Clustering:
    """Run k-means++ and make sure that no cluster is empty.

    Args:
        vectors: (N, D) float32, from :func:`location_vectors`.
        num_clusters: K, 1 to N.
        config: Restarts, iterations, tolerance.
        seed: Seed of the run.
        init: (K, D) starting centres; k-means++ when None.
    """
    model = KMeans(
        n_clusters=num_clusters,
        init="k-means++" if init is None else init,
        n_init=config.restarts if init is None else 1,
        max_iter=config.max_iterations,
        tol=config.tolerance,
        random_state=derive_seed(seed, "kmeans") % 2**32,
        copy_x=False,
    )
    # One thread: the sums of parallel chunks would otherwise differ from machine to machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Fewer distinct points than clusters is repaired below.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(vectors)
    assignment = repair_empty_clusters(
        vectors, model.labels_.astype(np.int64), model.cluster_centers_
    )
    size = np.bincount(assignment, minlength=num_clusters).astype(np.int64)
    return Clustering(assignment, size, float(model.inertia_), _medoids(vectors, assignment, size))


def _medoids(
    vectors: npt.NDArray[np.float32],
    assignment: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The member nearest to the centroid of each cluster: (K,) positions.

    A mean of series is smoother than any real one; a medoid is real, with its noise and its peaks.
    """
    chosen = np.empty(len(size), np.int64)
    for cluster in range(len(size)):
        members = np.flatnonzero(assignment == cluster)
        own = vectors[members]
        distance = np.square(own - own.mean(axis=0, dtype=np.float64)).sum(axis=1)
        chosen[cluster] = members[distance.argmin()]
    return chosen


def repair_empty_clusters(
    vectors: npt.NDArray[np.float32],
    assignment: npt.NDArray[np.int64],
    centers: npt.NDArray[np.float32],
) -> npt.NDArray[np.int64]:
    """Move the farthest member of the largest cluster into each empty cluster.

    Args:
        vectors: (N, D).
        assignment: (N,) cluster per location.
        centers: (K, D), K at most N.

    Returns:
        (N,) an assignment in which each of the K clusters has a member.
    """
    fixed = assignment.copy()
    size = np.bincount(fixed, minlength=len(centers))
    for empty in np.flatnonzero(size == 0):
        largest = int(size.argmax())
        members = np.flatnonzero(fixed == largest)
        distance = ((vectors[members] - centers[largest]) ** 2).sum(axis=1)
        fixed[members[distance.argmax()]] = empty
        size[largest] -= 1
        size[empty] = 1
    return fixed
