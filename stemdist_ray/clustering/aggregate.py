"""What stands for a cluster: the mean of its members, over observed entries, or its medoid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.data.mapped import filled, read_rows
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

    def counts(rows: slice) -> npt.NDArray[np.float64]:
        """Observed members, (t, K, F) or what broadcasts to it."""
        if windows.input_mask is None:
            return clustering.cluster_size[None, :, None].astype(np.float64)
        return _sums(members, read_rows(windows.input_mask, rows))

    def means() -> Iterator[npt.NDArray[np.float32]]:
        for first in range(0, steps, block):
            rows = slice(first, first + block)
            # Missing entries are stored as 0, so the sum holds observed entries only.
            total = _sums(members, read_rows(windows.inputs, rows))
            yield (total / np.maximum(counts(rows), 1)).astype(np.float32)

    mean = filled(windows.inputs, shape, "<f4", means())
    seen = None
    if windows.input_mask is not None:
        blocks = (counts(slice(first, first + block)) > 0 for first in range(0, steps, block))
        seen = filled(windows.inputs, shape, "|b1", blocks)
        if seen.all():
            seen = None
    base = windows.base
    if base is not None:
        base = base.average(members / clustering.cluster_size[:, None])
    graph = None if windows.graph is None else windows.graph.of_clusters(clustering.assignment)
    return replace(windows, inputs=mean, input_mask=seen, base=base, graph=graph)


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
