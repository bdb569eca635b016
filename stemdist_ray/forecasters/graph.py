"""The learned directed graph of MTGNN, dense for few locations, sparse for many.

Source: Wu et al., "Connecting the Dots", KDD 2020, graph learning layer and mix-hop propagation.
Axis letters: N locations, k neighbours of each, R embedding, D everything that is propagated.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemdist_ray.forecasters.bilinear import Bilinear

_ROWS_PER_BLOCK = 1024
_DENSE_ON_GPU = 4096  # locations; dense products are as fast there, and repeat to the last bit

Prior = Callable[[int, int], Tensor]
"""Strengths of given edges, 0 to 1, from the locations of a range to all: (n, N)."""


class Graph(ABC):
    """Row-normalised propagation along both directions of a learned graph."""

    @abstractmethod
    def propagate(self, x: Tensor, hops: int) -> Tensor:
        """Propagate one to ``hops`` times along each direction.

        Args:
            x: (N, D).
            hops: How often at most, at least 1.

        Returns:
            (hops * 2, N, D): after one hop forward, one hop backward, two hops forward, ...
        """


@dataclass(frozen=True)
class DenseGraph(Graph):
    """Propagation with full matrices.

    Args:
        matrices: (2, N, N), forward and backward; rows sum to the decay.
    """

    matrices: Tensor
    _powers: dict[int, Tensor] = field(default_factory=dict, compare=False, repr=False)

    def propagate(self, x: Tensor, hops: int) -> Tensor:
        """See :class:`Graph`; all powers are one product from the left."""
        if hops not in self._powers:  # the layers of a forecaster share them
            powers = [self.matrices]
            for _ in range(hops - 1):
                powers.append(torch.bmm(self.matrices, powers[-1]))
            self._powers[hops] = torch.cat(powers).flatten(0, 1)
        return (self._powers[hops] @ x).view(2 * hops, len(x), -1)


@dataclass(frozen=True)
class Neighbours:
    """Which locations are connected, in the two orders that products need.

    Args:
        columns: (N, k) int64, neighbours of each location.
    """

    columns: Tensor

    @cached_property
    def transposed_order(self) -> Tensor:
        """Positions of the edges in the order of their column, (N * k,)."""
        return self.columns.flatten().argsort(stable=True)

    @cached_property
    def transposed_starts(self) -> Tensor:
        """First edge of each column in that order, (N + 1,)."""
        count = torch.bincount(self.columns.flatten(), minlength=len(self.columns))
        return functional.pad(count.cumsum(0), (1, 0))

    def multiply(self, values: Tensor, state: Tensor, transposed: bool) -> Tensor:
        """Multiply by the (N, N) matrix that has ``values`` at the edges and zeros elsewhere.

        Args:
            values: (N, k), in the order of ``columns``.
            state: (N, D), what is multiplied.
            transposed: Whether by the matrix's transpose.

        Returns:
            (N, D).
        """
        count, width = self.columns.shape
        if transposed:
            # The edges are sorted by column once per graph, not at every product.
            order = self.transposed_order
            starts, places = self.transposed_starts, order // width
            entries = values.flatten()[order]
        else:
            starts = torch.arange(0, count * width + 1, width, device=values.device)
            places, entries = self.columns.flatten(), values.flatten()
        product: Tensor = csr(starts, places, entries, count) @ state
        return product

    def sample(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The entries of ``rows @ columns.T`` at the edges; the (N, N) product is never made.

        Args:
            rows: (N, D).
            columns: (N, D).

        Returns:
            (N, k), in the order of ``self.columns``.
        """
        count, width = self.columns.shape
        starts = torch.arange(0, count * width + 1, width, device=rows.device)
        zeros = rows.new_zeros(count * width)
        pattern = csr(starts, self.columns.flatten(), zeros, count)
        product = torch.sparse.sampled_addmm(pattern, rows, columns.T, beta=0.0)
        entries: Tensor = product.values().view(count, width)
        return entries


class NeighbourProduct(Bilinear):
    """``Neighbours.multiply`` with gradients for values and state, of any order.

    Args:
        neighbours: Which entries the matrix has.
        transposed: Multiply by its transpose.
    """

    low_precision = False  # sparse products gain nothing from it

    def __init__(self, neighbours: Neighbours, transposed: bool) -> None:
        self.neighbours, self.transposed = neighbours, transposed

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        """Values (N, k), state (N, D); their product (N, D)."""
        return self.neighbours.multiply(a, b, self.transposed)

    def left(self, c: Tensor, b: Tensor) -> Tensor:
        """Gradient for the values (N, k): entries of c b^T at the edges, both (N, D)."""
        rows, columns = (b, c) if self.transposed else (c, b)
        return self.neighbours.sample(rows, columns)

    def right(self, a: Tensor, c: Tensor) -> Tensor:
        """Gradient for the state (N, D) from values (N, k) and c (N, D)."""
        return self.neighbours.multiply(a, c, not self.transposed)


@dataclass(frozen=True)
class SparseGraph(Graph):
    """Propagation along the top-k neighbours only; memory O(N * k).

    Args:
        neighbours: Who is connected, in the forward direction.
        values: (N, k) edge strengths, not normalised.
        decay: Factor on every propagated value (1 - alpha of mix-hop propagation).
    """

    neighbours: Neighbours
    values: Tensor
    decay: float

    def _propagate_once(self, state: Tensor, direction: int) -> Tensor:
        """One hop of (N, D), forward (0) or backward (1)."""
        # Self-loops and row sums join after the product, whose matrix then has the strengths
        # themselves as its entries: that is what NeighbourProduct has gradients for.
        if direction == 0:
            total = 1 + self.values.sum(dim=1)
        else:
            columns = self.neighbours.columns.flatten()
            ones = torch.ones_like(self.values[:, 0])
            total = ones.scatter_add(0, columns, self.values.flatten())
        multiply = NeighbourProduct(self.neighbours, transposed=direction == 1)
        product = multiply(self.values, state)
        return (product + state) * (self.decay / total)[:, None]

    def propagate(self, x: Tensor, hops: int) -> Tensor:
        """See :class:`Graph`; hop by hop where gradients are wanted."""
        if not torch.is_grad_enabled():
            return self._propagate_ready(x, hops)
        state, propagated = [x, x], []
        for _ in range(hops):
            state = [self._propagate_once(state[direction], direction) for direction in (0, 1)]
            propagated += state
        return torch.stack(propagated)

    def _propagate_ready(self, x: Tensor, hops: int) -> Tensor:
        """The same without gradients: self-loops and row sums are part of the matrices."""
        propagated = x.new_empty(2 * hops, *x.shape)
        for direction, matrix in enumerate(self._matrices):
            state = x
            for hop in range(hops):
                # In place, torch writes the product where it belongs; mm(out=) would copy it there.
                state = propagated[2 * hop + direction].addmm_(matrix, state, beta=0)
        return propagated

    @cached_property
    def _matrices(self) -> tuple[Tensor, Tensor]:
        """Both (N, N) propagation matrices, sparse; built once for all layers and windows."""
        count, width = self.neighbours.columns.shape
        own = torch.arange(count, device=self.values.device)
        rows = torch.cat([own.repeat_interleave(width), own])
        columns = torch.cat([self.neighbours.columns.flatten(), own])
        values = torch.cat([self.values.flatten(), torch.ones_like(self.values[:, 0])])
        forward = _normalised(rows, columns, values, count, self.decay)
        return forward, _normalised(columns, rows, values, count, self.decay)


def _normalised(rows: Tensor, columns: Tensor, values: Tensor, count: int, decay: float) -> Tensor:
    """CSR matrix of (rows, columns, values) whose rows sum to ``decay``."""
    total = torch.zeros(count, dtype=values.dtype, device=values.device)
    total = total.index_add(0, rows, values)
    order = rows.argsort(stable=True)
    starts = functional.pad(torch.bincount(rows, minlength=count).cumsum(0), (1, 0))
    scaled = (values * decay / total[rows])[order]
    return csr(starts, columns[order], scaled, count)


def csr(starts: Tensor, columns: Tensor, values: Tensor, count: int) -> Tensor:
    """A sparse (N, N) matrix of its rows: where they start, their columns, their values."""
    with warnings.catch_warnings():
        # Some releases of torch warn of unchecked invariants although told not to check them.
        warnings.filterwarnings("ignore", "Sparse (CSR tensor support is|invariant checks are)")
        return torch.sparse_csr_tensor(
            starts, columns, values, (count, count), check_invariants=False
        )


class GraphLearner(nn.Module):
    """Learn a sparse directed graph from two embeddings per location.

    Edge i -> j has strength relu(tanh(a * (m1_i . m2_j - m2_i . m1_j))) with
    m = tanh(a * Linear(embedding)); each row keeps its ``top_k`` strongest edges.

    Args:
        embedding: R.
        top_k: Edges kept per location.
        saturation: a (paper: 3).
        decay: 1 - alpha of the propagation.
        dense_limit: Up to this many locations the graph is dense; on a GPU up to some thousands.
        given: Whether a given graph is added to the products before the edges are chosen; its
            edges count 1 at first, which is much for tanh, and then what is learned.
    """

    def __init__(
        self,
        embedding: int,
        top_k: int,
        saturation: float,
        decay: float,
        dense_limit: int = 256,
        given: bool = False,
    ) -> None:
        super().__init__()
        self.source = nn.Linear(embedding, embedding)
        self.target = nn.Linear(embedding, embedding)
        self.top_k = top_k
        self.saturation = saturation
        self.decay = decay
        self.dense_limit = dense_limit
        self.prior_weight = nn.Parameter(torch.ones(())) if given else None

    def forward(self, first: Tensor, second: Tensor, prior: Prior | None = None) -> Graph:
        """Build the graph of N locations from two (N, R) embeddings, and a given one."""
        source = torch.tanh(self.saturation * self.source(first))
        target = torch.tanh(self.saturation * self.target(second))
        left = torch.cat([source, target], dim=1)
        right = torch.cat([target, -source], dim=1)
        count = len(left)
        if count <= (max(self.dense_limit, _DENSE_ON_GPU) if left.is_cuda else self.dense_limit):
            return self._dense(left, right, prior)
        parts = [
            self._strongest(left, right, first_row, prior)
            for first_row in range(0, count, _ROWS_PER_BLOCK)
        ]
        columns = torch.cat([part for part, _ in parts])
        # Not right[columns]: threads would add its gradients in any order.
        strength = torch.einsum("nr,nkr->nk", left, functional.embedding(columns, right))
        if prior is not None and self.prior_weight is not None:
            known = torch.cat([part for _, part in parts if part is not None])
            strength = strength + self.prior_weight * known
        return SparseGraph(Neighbours(columns), self._edge(strength), self.decay)

    @torch.no_grad()
    def _strongest(
        self, left: Tensor, right: Tensor, first_row: int, prior: Prior | None
    ) -> tuple[Tensor, Tensor | None]:
        """Neighbours of a block of locations, (n, k), and what the given graph has there."""
        rows = left[first_row : first_row + _ROWS_PER_BLOCK]
        strength = rows @ right.T
        if prior is None or self.prior_weight is None:
            return strength.topk(self.top_k, dim=1).indices, None
        known = prior(first_row, first_row + len(rows))
        columns = (strength + self.prior_weight * known).topk(self.top_k, dim=1).indices
        return columns, known.gather(1, columns)

    def _edge(self, strength: Tensor) -> Tensor:
        return torch.relu(torch.tanh(self.saturation * strength))

    def _dense(self, left: Tensor, right: Tensor, prior: Prior | None) -> Graph:
        strength = left @ right.T
        if prior is not None and self.prior_weight is not None:
            strength = strength + self.prior_weight * prior(0, len(left))
        edges = self._edge(strength)
        if self.top_k < len(left):
            # Chosen before the saturating tanh, which makes many strong edges equal to 1.
            keep = torch.zeros_like(edges)
            keep.scatter_(1, strength.topk(self.top_k, dim=1).indices, 1.0)
            edges = edges * keep
        both = torch.stack([edges, edges.T])
        both = both + torch.eye(len(edges), dtype=edges.dtype, device=edges.device)
        return DenseGraph(self.decay * both / both.sum(dim=2, keepdim=True))
