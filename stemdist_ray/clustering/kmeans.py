"""k-means over locations (paper: spatial compression)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from stemdist_ray.clustering.vectors import (
    distances_to_centroids,
    location_vectors,
    projected_vectors,
    vector_bytes,
)
from stemdist_ray.config import ClusteringConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.seeding import derive_seed

_STARTS = 4  # of k-means on projections, at least


@dataclass(frozen=True)
class Clustering:
    """Which location belongs to which cluster.

    Args:
        assignment: (N,) int64, cluster of each location, in [0, K).
        cluster_size: (K,) int64, members per cluster, all at least 1.
        inertia: Sum of squared distances to the centroids, in scaled units.
        medoids: (K,) int64, the member nearest to the centroid of each cluster; None where it is
            not known.
        weights: (K,) float64, how much each cluster counts in a loss; None = as its members are.
    """

    assignment: npt.NDArray[np.int64]
    cluster_size: npt.NDArray[np.int64]
    inertia: float
    medoids: npt.NDArray[np.int64] | None = None
    weights: npt.NDArray[np.float64] | None = None

    @property
    def loss_weights(self) -> npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """(K,) weights in a loss, of any scale."""
        return self.cluster_size if self.weights is None else self.weights

    @property
    def num_clusters(self) -> int:
        """K, the number of synthetic locations."""
        return len(self.cluster_size)


def cluster_windows(
    windows: WindowedSeries,
    starts: npt.NDArray[np.int64],
    num_clusters: int,
    config: ClusteringConfig,
    seed: int,
) -> Clustering:
    """Cluster locations by their windows: exactly where the vectors fit, else by projections.

    Which it is follows from the size of the series and the settings alone, not from the machine.

    Args:
        windows: The scaled series of N locations.
        starts: (W,) window starts, increasing.
        num_clusters: K, 1 to N.
        config: Memory of the vectors, projections, and how k-means runs.
        seed: Seed of the run.
    """
    if vector_bytes(windows, starts) <= config.memory_budget:
        return cluster_locations(location_vectors(windows, starts), num_clusters, config, seed)
    projected = projected_vectors(windows, starts, config.projections, seed)
    # On short vectors several starts take less time than one on long ones, and the best of them
    # makes up for what projecting costs.
    several = config.model_copy(update={"restarts": max(config.restarts, _STARTS)})
    found = cluster_locations(projected, num_clusters, several, seed)
    distance = distances_to_centroids(windows, starts, found.assignment)
    # Sorted by cluster, then by distance: the first of every cluster is its medoid.
    order = np.lexsort((distance, found.assignment))
    first = np.concatenate([[0], np.cumsum(found.cluster_size)[:-1]])
    return replace(found, inertia=float(distance.sum()), medoids=order[first].astype(np.int64))


def cluster_locations(
    vectors: npt.NDArray[np.float32],
    num_clusters: int,
    config: ClusteringConfig,
    seed: int,
    init: npt.NDArray[np.float32] | None = None,
) -> Clustering:
    """Run k-means++ and make sure that no cluster is empty.

    Args:
        vectors: (N, D) float32, from
            :func:`stemdist_ray.clustering.vectors.location_vectors` or projections of them.
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
