"""What stands for a cluster: the mean of its members, over observed entries, or its medoid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.clustering.vectors import membership_matrix
from stemdist_ray.data.mapped import Filling, discard, read_rows
from stemdist_ray.data.windows import WindowedSeries


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
    members = membership_matrix(clustering.assignment, clustering.num_clusters)
    steps, _, features = windows.inputs.shape
    shape = (steps, clustering.num_clusters, features)
    mean = Filling(windows.inputs, shape, "<f4")
    seen = None if windows.input_mask is None else Filling(windows.inputs, shape, "|b1")
    for first in range(0, steps, block):
        rows = slice(first, first + block)
        total = _sums(members, read_rows(windows.inputs, rows))
        count = clustering.cluster_size[:, None].astype(np.float64)
        if windows.input_mask is not None and seen is not None:
            count = _sums(members, read_rows(windows.input_mask, rows))
            seen.add(count > 0)
        # Missing entries are stored as 0, so the sum holds observed entries only.
        mean.add((total / np.maximum(count, 1)).astype(np.float32))
    mask = None if seen is None else seen.done()
    if mask is not None and mask.all():
        discard(mask)
        mask = None
    base = windows.base
    if base is not None:
        base = base.average(members / clustering.cluster_size[:, None])
    graph = None if windows.graph is None else windows.graph.of_clusters(clustering.assignment)
    return replace(windows, inputs=mean.done(), input_mask=mask, base=base, graph=graph)


def _sums(members: sparse.csr_array, values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Sums over the members of every cluster: (t, N, F) to (t, K, F)."""
    return np.stack(
        [(members @ values[:, :, f].T.astype(np.float64)).T for f in range(values.shape[2])], axis=2
    )


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
