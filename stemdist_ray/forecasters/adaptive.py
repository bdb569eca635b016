"""The adaptive graph of Graph WaveNet and AGCRN, for any number of locations.

A = softmax(relu(E1 E2^T)) over the rows: every location listens to every other one, so A is full.
Source: Wu et al., "Graph WaveNet for Deep Spatial-Temporal Graph Modeling", IJCAI 2019
(arXiv:1906.00121), eq. 5, with location encoders in place of learned embeddings.
Axis letters: N locations, R embedding, D everything that is propagated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

WHOLE_UP_TO = 2048  # locations; beyond them A is made block by block whenever it is used
_ROWS_PER_BLOCK = 1024


@dataclass(frozen=True)
class AdaptiveGraph:
    """A row-normalised full graph between locations.

    Args:
        first: (N, R) embeddings of the locations that listen.
        second: (N, R) embeddings of those they listen to.
    """

    first: Tensor
    second: Tensor

    @cached_property
    def matrix(self) -> Tensor:
        """A, (N, N)."""
        return _rows(self.first, self.second)

    def propagate(self, x: Tensor) -> Tensor:
        """A x for (N, ...), in the same shape."""
        flat = x.flatten(1)
        if len(x) <= WHOLE_UP_TO:
            return (self.matrix @ flat).view_as(x)
        blocks = []
        for part in torch.split(self.first, _ROWS_PER_BLOCK):
            if torch.is_grad_enabled():
                # Rows of A are made again for their gradient: all of A is never in memory.
                blocks.append(
                    checkpoint(_propagate_rows, part, self.second, flat, use_reentrant=False)
                )
            else:
                blocks.append(_propagate_rows(part, self.second, flat))
        return torch.cat(blocks).view_as(x)

    def powers(self, x: Tensor, hops: int) -> list[Tensor]:
        """x, A x, A^2 x, ... up to ``hops``, each (N, ...) like x."""
        states = [x]
        for _ in range(hops):
            states.append(self.propagate(states[-1]))
        return states

    def chebyshev(self, x: Tensor, order: int) -> list[Tensor]:
        """T_0(A) x to T_(order - 1)(A) x, each (N, ...) like x; T_k = 2 A T_(k-1) - T_(k-2)."""
        terms = [x]
        if order > 1:
            terms.append(self.propagate(x))
        while len(terms) < order:
            terms.append(2 * self.propagate(terms[-1]) - terms[-2])
        return terms


def _rows(first: Tensor, second: Tensor) -> Tensor:
    return functional.relu(first @ second.T).softmax(dim=1)


def _propagate_rows(first: Tensor, second: Tensor, x: Tensor) -> Tensor:
    return _rows(first, second) @ x
