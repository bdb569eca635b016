"""What locations are clustered by: their train windows, without ever building these.

The paper clusters each location by all its train windows. Windows overlap, so the squared distance
between two locations is a sum over time steps in which step t occurs once for every window that
covers it. Scaling step t of the *raw* series by the square root of that number gives identical
distances with L times less memory and work.

These vectors are as large as the train split. Where that is too much, locations are clustered by
random projections of them: with d directions a squared distance is kept up to a relative error of
about sqrt(2 / d), and the cost of the best clustering up to much less (Makarychev, Makarychev &
Razenshteyn, "Performance of Johnson-Lindenstrauss transform for k-means and k-medians clustering",
STOC 2019, arXiv:1811.03195). What a clustering costs, and which member of a cluster is its medoid,
is then computed exactly, from the series itself.

Axis letters: T steps, W windows, L lookback, N locations, F features, K clusters.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse

from stemdist_ray.data.mapped import read_rows
from stemdist_ray.data.series import row_blocks
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.seeding import numpy_generator

Array = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


def step_weights(starts: Positions, lookback: int) -> Positions:
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


def vector_width(windows: WindowedSeries, starts: Positions) -> int:
    """Entries of a vector of :func:`location_vectors`."""
    return (int(starts[-1]) - int(starts[0]) + windows.lookback) * windows.own_features


def vector_bytes(windows: WindowedSeries, starts: Positions) -> int:
    """Bytes of :func:`location_vectors`."""
    return 4 * windows.num_locations * vector_width(windows, starts)


def location_vectors(
    windows: WindowedSeries, starts: Positions, columns: Positions | None = None
) -> Array:
    """Feature vector of each location whose distances equal those of its flattened windows.

    A missing entry is taken as the location's own mean, so that it neither attracts nor repels.

    Args:
        windows: The scaled series.
        starts: (W,) window starts, increasing.
        columns: Increasing positions among the entries of the vectors; None = all of them.

    Returns:
        (N, (W + L - 1) * F) float32, or as many columns as were asked for.
    """
    features = windows.own_features
    wanted = np.arange(vector_width(windows, starts)) if columns is None else columns
    vectors = np.empty((windows.num_locations, len(wanted)), np.float32)
    for begin, block in vector_blocks(windows, starts):
        # Entries are ordered by step, then by feature.
        low, high = np.searchsorted(wanted, [begin * features, (begin + len(block)) * features])
        entries = block.transpose(1, 0, 2).reshape(windows.num_locations, -1)
        vectors[:, low:high] = entries[:, wanted[low:high] - begin * features]
    return vectors


def vector_blocks(windows: WindowedSeries, starts: Positions) -> Iterator[tuple[int, Array]]:
    """The same vectors a few steps at a time.

    Yields:
        The first step of a block, counted from the first that a window covers, and (t, N, F).
    """
    weights = step_weights(starts, windows.lookback)
    first, root = int(starts[0]), np.sqrt(weights).astype(np.float32)
    own = _own_means(windows, slice(first, first + len(weights)))
    shape = (len(weights), windows.num_locations, windows.own_features)
    for block in row_blocks(shape):
        rows = slice(first + block.start, first + block.stop)
        values = read_rows(windows.inputs, rows)
        if windows.input_mask is not None:
            values = np.where(read_rows(windows.input_mask, rows), values, own)
        yield block.start, values * root[block, None, None]


def _own_means(windows: WindowedSeries, rows: slice) -> Array:
    """Mean of the observed entries of each location, (N, F); zeros where none is ever missing."""
    shape = (windows.num_locations, windows.own_features)
    if windows.input_mask is None:
        return np.zeros(shape, np.float32)
    total, seen = np.zeros(shape), np.zeros(shape, np.int64)
    for block in row_blocks((rows.stop - rows.start, *shape)):
        part = slice(rows.start + block.start, rows.start + block.stop)
        total += read_rows(windows.inputs, part).sum(axis=0, dtype=np.float64)
        seen += read_rows(windows.input_mask, part).sum(axis=0)
    mean: npt.NDArray[np.float64] = total / np.maximum(seen, 1)
    return mean.astype(np.float32)


def projected_vectors(
    windows: WindowedSeries, starts: Positions, directions: int, seed: int
) -> Array:
    """Random projections of the vectors, whose distances are about the same.

    Args:
        windows: The scaled series.
        starts: (W,) window starts, increasing.
        directions: How many; the same for every location.
        seed: Of the run; the directions follow from it and from the size of the series.

    Returns:
        (N, directions) float32.
    """
    out = torch.zeros((windows.num_locations, directions), dtype=torch.float64)
    for begin, block in vector_blocks(windows, starts):
        rng = numpy_generator(seed, "projection", begin)
        width = block.shape[0] * block.shape[2]
        random = rng.standard_normal((width, directions), dtype=np.float32)
        entries = np.ascontiguousarray(block.transpose(1, 0, 2)).reshape(len(out), width)
        # torch, whose number of threads is set for every task: NumPy's products do not follow it.
        out += torch.from_numpy(entries) @ torch.from_numpy(random)
    scaled = out / np.sqrt(directions)
    return np.asarray(scaled.float().numpy())


def membership_matrix(assignment: Positions, clusters: int) -> sparse.csr_array:
    """Return the (K, N) 0/1 matrix of members, float64.

    Args:
        assignment: (N,) cluster of each location.
        clusters: K.
    """
    count = len(assignment)
    ones = np.ones(count, dtype=np.float64)
    return sparse.csr_array((ones, (assignment, np.arange(count))), shape=(clusters, count))


def distances_to_centroids(
    windows: WindowedSeries, starts: Positions, assignment: Positions
) -> npt.NDArray[np.float64]:
    """Squared distance of every location to the mean of its cluster, as the vectors have it.

    Args:
        windows: The scaled series.
        starts: (W,) window starts, increasing.
        assignment: (N,) cluster of each location; none of the K is empty.

    Returns:
        (N,) float64; their sum is the inertia, the least in a cluster is its medoid's.
    """
    size = np.bincount(assignment)
    members = membership_matrix(assignment, len(size)).astype(np.float32)
    total = np.zeros(len(assignment))
    for _, block in vector_blocks(windows, starts):
        # A squared distance is a sum over steps, so the centroid is only needed step by step.
        for step in block:
            mean = (members @ step) / size[:, None].astype(np.float32)
            total += np.square(step - mean[assignment], dtype=np.float64).sum(axis=1)
    return total
