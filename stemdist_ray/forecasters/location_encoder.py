"""Location encoders: from a location's mean window to its embedding.

Source: STemDist (arXiv:2603.10410), location encoder in place of learned node embeddings.
Axis letters: N locations, L lookback, F features, D hidden, R embedding.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

_ROWS_PER_BLOCK = 1024

EncoderName = Literal["attention", "mlp"]


class AttentionEncoder(nn.Module):
    """Linear, ReLU, one-head self-attention over locations, residual, LayerNorm, Linear.

    Args:
        inputs: L * F.
        hidden: D (paper: 32).
        embedding: R (paper: 10).
    """

    def __init__(self, inputs: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.leave = nn.Linear(hidden, embedding)

    def forward(self, context: Tensor) -> Tensor:
        """Encode (N, L, F) mean windows as (N, R) embeddings."""
        hidden = functional.relu(self.enter(context.flatten(1)))
        attended = _attend(self.query(hidden), self.key(hidden), self.value(hidden))
        embedding: Tensor = self.leave(self.norm(hidden + self.mix(attended)))
        return embedding


class MlpEncoder(nn.Module):
    """The same without attention: each location is encoded by itself.

    Args:
        inputs: L * F.
        hidden: D.
        embedding: R.
    """

    def __init__(self, inputs: int, hidden: int, embedding: int) -> None:
        super().__init__()
        self.enter = nn.Linear(inputs, hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.leave = nn.Linear(hidden, embedding)

    def forward(self, context: Tensor) -> Tensor:
        """Encode (N, L, F) mean windows as (N, R) embeddings."""
        hidden = functional.relu(self.enter(context.flatten(1)))
        mixed = functional.relu(self.mix(hidden))
        embedding: Tensor = self.leave(self.norm(hidden + mixed))
        return embedding


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    if torch.is_grad_enabled():
        # The fused kernels have no second derivative, which gradient matching needs.
        if len(query) <= _ROWS_PER_BLOCK:
            return _attend_plainly(query, key, value)
        # Weights are computed again when they are needed: never N x N of them at once.
        blocks = [
            checkpoint(_attend_plainly, rows, key, value, use_reentrant=False)
            for rows in torch.split(query, _ROWS_PER_BLOCK)
        ]
        return torch.cat(blocks)
    fused = functional.scaled_dot_product_attention(query[None], key[None], value[None])
    return fused[0]


def _attend_plainly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.T / math.sqrt(query.shape[1])
    return scores.softmax(dim=1) @ value


def build_encoder(name: EncoderName, inputs: int, hidden: int, embedding: int) -> nn.Module:
    """Build one of the two encoder variants."""
    kind = AttentionEncoder if name == "attention" else MlpEncoder
    return kind(inputs, hidden, embedding)
