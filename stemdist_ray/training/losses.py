"""The weighted loss of STemDist (arXiv:2603.10410).

Axis letters: W windows, H horizon, N locations.
"""

from __future__ import annotations

import torch
from torch import Tensor


def location_weights(cluster_size: Tensor) -> Tensor:
    """Weights w_j = c_j / sum(c) * n over the n locations of a subset; their mean is 1.

    Args:
        cluster_size: (N,) members c_j of each synthetic location.
    """
    size = cluster_size.to(torch.get_default_dtype())
    return size / size.sum() * len(size)


def window_errors(forecast: Tensor, target: Tensor, observed: Tensor | None = None) -> Tensor:
    """Mean over observed entries of (forecast - target)^2 of every window, 0 where there are none.

    Args:
        forecast: (W, H, N).
        target: (W, H, N).
        observed: (W, H, N) bool or None, true = the target was observed.

    Returns:
        (W,) without a graph.
    """
    error = (forecast - target).detach().square().flatten(1)
    if observed is None:
        return error.mean(dim=1)
    seen = observed.flatten(1)
    return torch.where(seen, error, 0.0).sum(dim=1) / seen.sum(dim=1).clamp(min=1)


def weighted_loss(
    forecast: Tensor, target: Tensor, weights: Tensor, observed: Tensor | None = None
) -> Tensor:
    """Mean over observed entries of (forecast - target)^2 * w_j.

    Args:
        forecast: (W, H, N).
        target: (W, H, N).
        weights: (N,) from :func:`location_weights`; (W, 1, N) times those of windows.
        observed: (W, H, N) bool or None, true = the target was observed.
    """
    error = (forecast - target).square() * weights
    if observed is None:
        return error.mean()
    kept = torch.where(observed, error, 0.0)
    return kept.sum() / observed.sum().clamp(min=1)
