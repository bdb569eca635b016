"""Losses and gradient distance of STemDist (arXiv:2603.10410).

Axis letters: W windows, H horizon, N locations.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def location_weights(cluster_size: Tensor) -> Tensor:
    """Weights w_j = c_j / sum(c) * n over the n locations of a subset; their mean is 1.

    Args:
        cluster_size: (N,) members c_j of each synthetic location.
    """
    size = cluster_size.to(torch.get_default_dtype())
    return size / size.sum() * len(size)


def weighted_loss(
    forecast: Tensor, target: Tensor, weights: Tensor, observed: Tensor | None = None
) -> Tensor:
    """Mean over observed entries of (forecast - target)^2 * w_j.

    Args:
        forecast: (W, H, N).
        target: (W, H, N).
        weights: (N,) from :func:`location_weights`.
        observed: (W, H, N) bool or None, true = the target was observed.
    """
    error = (forecast - target).square() * weights
    if observed is None:
        return error.mean()
    kept = torch.where(observed, error, 0.0)
    return kept.sum() / observed.sum().clamp(min=1)


def gradient_distance(real: Sequence[Tensor], synthetic: Sequence[Tensor]) -> Tensor:
    """Sum over parameter tensors of the sum over rows of (1 - cosine).

    A row is one slice along the first axis (an output unit or channel), flattened.
    One-dimensional parameters (biases) are ignored. A row whose gradient is zero
    on either side counts as 1: there is no direction to match.

    Args:
        real: Gradients on real data, one per parameter, no graph needed.
        synthetic: Gradients on synthetic data, with a graph.
    """
    # All rows of one width are compared in one go: a model has many small parameters.
    rows: dict[int, tuple[list[Tensor], list[Tensor]]] = {}
    for left, right in zip(real, synthetic, strict=True):
        if left.ndim >= 2:
            pair = rows.setdefault(left[0].numel(), ([], []))
            pair[0].append(left.flatten(1))
            pair[1].append(right.flatten(1))
    distances = [
        (1 - torch.nn.functional.cosine_similarity(torch.cat(a), torch.cat(b), dim=1)).sum()
        for a, b in rows.values()
    ]
    return torch.stack(distances).sum()
