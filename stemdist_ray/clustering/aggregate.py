"""What stands for a cluster: the mean of its members, over observed entries, or its medoid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.data.windows import WindowedSeries


def membership_matrix(clustering: Clustering) -> sparse.csr_array:
    """Return the (K, N) 0/1 matrix of members."""
    count = len(clustering.assignment)
    ones = np.ones(count, dtype=np.float64)
    shape = (clustering.num_clusters, count)
    return sparse.csr_array((ones, (clustering.assignment, np.arange(count))), shape=shape)


def cluster_series(
    windows: WindowedSeries, clustering: Clustering, block: int = 1024
) -> WindowedSeries:
    """Average the locations of each cluster.

    Args:
        windows: Scaled series of N locations.
        clustering: Assignment of the N locations to K clusters.
        block: Steps averaged at a time; bounds the memory.

    Returns:
        Scaled series of K locations, with the mean of the members' base, and of their edges where
        a graph was given; an entry is observed when any member was.
    """
    members = membership_matrix(clustering)
    steps, _, features = windows.inputs.shape
    shape = (steps, clustering.num_clusters, features)
    mean = np.empty(shape, np.float32)
    seen = None if windows.input_mask is None else np.empty(shape, np.bool_)
    for first in range(0, steps, block):
        rows = slice(first, first + block)
        for feature in range(features):
            total = members @ windows.inputs[rows, :, feature].T.astype(np.float64)
            if windows.input_mask is None or seen is None:
                count: npt.NDArray[np.float64] = clustering.cluster_size[:, None].astype(float)
            else:
                count = members @ windows.input_mask[rows, :, feature].T.astype(np.float64)
                seen[rows, :, feature] = (count > 0).T
            # Missing entries are stored as 0, so the sum holds observed entries only.
            mean[rows, :, feature] = (total / np.maximum(count, 1)).T
    if seen is not None and seen.all():
        seen = None
    base = windows.base
    if base is not None:
        base = base.average(members / clustering.cluster_size[:, None])
    graph = None if windows.graph is None else windows.graph.of_clusters(clustering.assignment)
    return replace(windows, inputs=mean, input_mask=seen, base=base, graph=graph)


def interpolated(windows: WindowedSeries) -> WindowedSeries:
    """Fill missing entries by linear interpolation in time, at the ends by the nearest reading.

    Synthetic data have no mask: a gap left at 0 would be learned as a reading.
    """
    if windows.input_mask is None:
        return windows
    filled = windows.inputs.copy()
    for feature in range(windows.own_features):
        column = pd.DataFrame(windows.inputs[:, :, feature])
        column = column.where(windows.input_mask[:, :, feature])
        # A cluster that was never observed stays at 0, the train mean.
        whole = column.interpolate(limit_direction="both").fillna(0.0)
        filled[:, :, feature] = whole.to_numpy(np.float32)
    return replace(windows, inputs=filled, input_mask=None)
