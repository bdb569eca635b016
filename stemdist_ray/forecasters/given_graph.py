"""A graph that the user gives, as forecasters use it, beside the one that they learn.

Up to some thousand locations its matrices are full, beyond that sparse.
Axis letters: N locations, R embedding, D everything that is propagated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from stemdist_ray.data.location_graph import Direction, LocationGraph
from stemdist_ray.forecasters import adaptive
from stemdist_ray.forecasters.adaptive import AdaptiveGraph
from stemdist_ray.forecasters.graph import Prior, csr
from stemdist_ray.system.arrays import tensor_of


@dataclass(frozen=True)
class Support:
    """A given (N, N) matrix of a random walk, to multiply from the left.

    Args:
        rows: The matrix; rows sum to 1, or to 0 where a location has no edge.
        like: Tells type and device.
    """

    rows: sparse.csr_array
    like: Tensor

    @classmethod
    def of(cls, graph: LocationGraph, direction: Direction, like: Tensor) -> Support:
        """The transitions of a graph in the type and on the device of ``like``."""
        return cls(graph.transitions(direction), like)

    @cached_property
    def matrix(self) -> Tensor:
        """The matrix in full, (N, N)."""
        return _tensor(self.rows.toarray(), self.like)

    @cached_property
    def has_edges(self) -> Tensor:
        """1 where a location has an edge, else 0: (N,)."""
        return _tensor(np.diff(self.rows.indptr) > 0, self.like)

    def propagate(self, x: Tensor) -> Tensor:
        """The matrix times (N, ...), in the same shape."""
        flat = x.flatten(1)
        if len(x) <= adaptive.WHOLE_UP_TO:
            return (self.matrix @ flat).view_as(x)
        with torch.autocast(x.device.type, enabled=False):  # sparse products gain nothing by it
            exact = flat.to(self.like.dtype)
            product: Tensor = _SparseProduct.apply(exact, *self._sparse)  # type: ignore[no-untyped-call]
        return product.to(x.dtype).view_as(x)

    @cached_property
    def _sparse(self) -> tuple[Tensor, Tensor]:
        """The matrix and its transpose, sparse."""
        return tuple(_sparse_tensor(m, self.like) for m in (self.rows, self.rows.T.tocsr()))  # type: ignore[return-value]


class _SparseProduct(torch.autograd.Function):
    """A constant sparse matrix times (N, D), with gradients of any order."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.pair = (transposed, matrix)
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        return _SparseProduct.apply(gradient, *ctx.pair), None, None  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class MixedGraph(AdaptiveGraph):
    """A mixture of the adaptive graph and a given one.

    Locations without an edge of their own listen to the adaptive graph alone, so that rows always
    sum to 1.

    Args:
        given: The transitions of the given graph.
        share: Of the given graph, a number from 0 to 1.
    """

    given: Support
    share: Tensor

    @cached_property
    def matrix(self) -> Tensor:
        """The mixture, (N, N)."""
        own = AdaptiveGraph(self.first, self.second).matrix
        return own + self._shares[:, None] * (self.given.matrix - own)

    def propagate(self, x: Tensor) -> Tensor:
        """The mixture times (N, ...), in the same shape."""
        own = super().propagate(x)
        if len(x) <= adaptive.WHOLE_UP_TO:
            return own  # by the matrix above
        flat = own.flatten(1)
        given = self.given.propagate(x).flatten(1)
        return (flat + self._shares[:, None] * (given - flat)).view_as(x)

    @property
    def _shares(self) -> Tensor:
        return self.share * self.given.has_edges


@dataclass(frozen=True)
class DiffusionGraph(AdaptiveGraph):
    """The adaptive graph with given transitions beside it.

    Source: Wu et al., IJCAI 2019 (arXiv:1906.00121), eq. 6.

    Args:
        given: Along the edges and against them.
    """

    given: tuple[Support, ...]

    def powers(self, x: Tensor, hops: int) -> list[Tensor]:
        """x, the powers of the adaptive graph times x, then those of each given matrix."""
        states = super().powers(x, hops)
        for support in self.given:
            state = x
            for _ in range(hops):
                state = support.propagate(state)
                states.append(state)
        return states


def prior_of(graph: LocationGraph, like: Tensor) -> Prior:
    """Strengths of given edges in the type and on the device of ``like``, for MTGNN's learner."""
    single = like.dtype == torch.float32  # blocks of many locations are large
    strengths = graph.strengths().astype(np.float32 if single else np.float64)
    return lambda first, end: _tensor(strengths[first:end].toarray(), like)


def _tensor(array: Any, like: Tensor) -> Tensor:
    return tensor_of(array).to(like.device, like.dtype)


def _sparse_tensor(matrix: sparse.csr_array, like: Tensor) -> Tensor:
    return csr(
        tensor_of(matrix.indptr.astype(np.int64)).to(like.device),
        tensor_of(matrix.indices.astype(np.int64)).to(like.device),
        _tensor(matrix.data, like),
        matrix.shape[0],
    )
