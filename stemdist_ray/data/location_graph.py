"""A given graph between locations: weights of directed edges, for any subset of the locations.

Axis letters: N locations, n some of them, K clusters, E edges.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

Direction = Literal["forward", "backward", "both"]

SMALLEST_WEIGHT = 0.1  # of the Gaussian kernel (Li et al. 2018); smaller ones are no edges


@dataclass(frozen=True, eq=False)
class LocationGraph:
    """Weights of edges between N locations.

    Args:
        weights: (N, N) sparse rows, float32, none negative; entry (i, j) is the edge from i to j.
            Entries that are not stored are no edges.
        about: Where they come from, in a few words.
    """

    weights: sparse.csr_array
    about: str = ""

    @classmethod
    def of(cls, weights: Any, about: str = "") -> LocationGraph:
        """A graph of any (N, N) matrix, dense or sparse; zeros are no edges."""
        rows = sparse.csr_array(weights, dtype=np.float32, copy=True)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        return cls(rows, about)

    @property
    def num_locations(self) -> int:
        """N."""
        return int(self.weights.shape[0])

    @property
    def num_edges(self) -> int:
        """E; edges of a location to itself count."""
        return int(self.weights.nnz)

    def take(self, locations: npt.NDArray[np.int64]) -> LocationGraph:
        """The graph between some of the locations, (n,) positions, in their order."""
        return LocationGraph.of(self.weights[locations][:, locations], self.about)

    def of_clusters(self, assignment: npt.NDArray[np.int64]) -> LocationGraph:
        """The graph between clusters of the locations.

        An edge is the mean weight over all pairs of a member here and a member there, pairs
        without an edge included; that of a cluster to itself is the mean over its own pairs.

        Args:
            assignment: (N,) cluster of each location; K is one more than the largest.
        """
        sizes = np.bincount(assignment)
        shape = (len(sizes), self.num_locations)
        shares = 1.0 / sizes[assignment]
        mean = sparse.csr_array((shares, (assignment, np.arange(len(assignment)))), shape=shape)
        return LocationGraph.of(mean @ self.weights.astype(np.float64) @ mean.T, self.about)

    def transitions(self, direction: Direction) -> sparse.csr_array:
        """The weights of a random walk: (N, N), rows sum to 1, or to 0 where there is no edge.

        Source: Li et al., "Diffusion Convolutional Recurrent Neural Network", ICLR 2018
        (arXiv:1707.01926), section 2.2.

        Args:
            direction: Along the edges, against them, or both ways as in an undirected graph.
        """
        weights = self.weights.astype(np.float64)
        if direction == "backward":
            weights = weights.T.tocsr()
        elif direction == "both":
            weights = (weights + weights.T).tocsr()
        return _divided(weights, np.asarray(weights.sum(axis=1)).ravel())

    def strengths(self) -> sparse.csr_array:
        """The weights relative to the strongest edge of the same location: (N, N), at most 1."""
        weights = self.weights.astype(np.float64)
        return _divided(weights, weights.max(axis=1).toarray().ravel())

    def digest(self) -> str:
        """Of all edges and weights."""
        parts = (self.weights.indptr, self.weights.indices, self.weights.data)
        digest = hashlib.blake2b(str(self.num_locations).encode(), digest_size=16)
        for part, kind in zip(parts, (np.int64, np.int64, np.float32), strict=True):
            digest.update(np.ascontiguousarray(part, kind).tobytes())
        return digest.hexdigest()


def gaussian_weights(distances: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """Weights of distances by a Gaussian kernel as wide as they vary.

    exp(-(d / sigma)^2) with sigma their standard deviation; weights below 0.1 become 0.
    Source: Li et al., ICLR 2018 (arXiv:1707.01926), appendix E.1 (eq. 10).

    Args:
        distances: (E,), finite and not negative.

    Returns:
        (E,) weights, and sigma; all weights are 0 where sigma is.
    """
    sigma = float(distances.std()) if len(distances) else 0.0
    if sigma == 0.0:
        return np.zeros_like(distances), sigma
    weights = np.exp(-np.square(distances / sigma))
    return np.where(weights < SMALLEST_WEIGHT, 0.0, weights), sigma


def _divided(weights: sparse.csr_array, by: npt.NDArray[np.float64]) -> sparse.csr_array:
    """Rows divided by numbers (N,), those by 0 left as they are."""
    factor = np.divide(1.0, by, out=np.zeros_like(by), where=by > 0)
    return sparse.csr_array(sparse.diags_array(factor) @ weights)
