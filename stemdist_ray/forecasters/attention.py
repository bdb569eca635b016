"""Attention over locations whose weights never need N x N memory at once.

Axis letters: B everything in front (windows, heads), N locations, D channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

WEIGHTS_PER_BLOCK = 2**22  # attention weights held at once, as numbers


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention, differentiable to any order.

    Args:
        query: (..., N, D).
        key: (..., N, D).
        value: (..., N, D).

    Returns:
        (..., N, D).
    """
    if not torch.is_grad_enabled():
        return functional.scaled_dot_product_attention(query, key, value)
    # The fused kernels have no second derivative, which gradient matching needs.
    weights_per_row = query.shape[:-2].numel() * key.shape[-2]
    rows = max(1, WEIGHTS_PER_BLOCK // weights_per_row)
    if rows >= query.shape[-2]:
        return _attend_plainly(query, key, value)
    blocks = [
        # The weights of a block are computed again when its gradient is.
        checkpoint(_attend_plainly, part, key, value, use_reentrant=False)
        for part in torch.split(query, rows, dim=-2)
    ]
    return torch.cat(blocks, dim=-2)


def _attend_plainly(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    return scores.softmax(dim=-1) @ value
