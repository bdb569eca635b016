"""Ridge regression in kernels or features, and windows of single locations as its rows.

Axis letters: W windows, L lookback, H horizon, K locations, F features, n rows of what is fitted,
m rows of what is forecast, D columns.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from stemdist_ray.errors import DivergenceError
from stemdist_ray.training.steps import TrainingStep

_NEARLY_ONE = 1 - 1e-7  # the slope of the arc cosine is not finite at 1


def lag_rows(step: TrainingStep, own_features: int) -> Tensor:
    """Own lags of every window and location as rows, (W K, L F) float64.

    Args:
        step: x (W, L, K, F + C).
        own_features: F.
    """
    return step.x[..., :own_features].transpose(1, 2).flatten(2).flatten(0, 1).double()


def target_rows(step: TrainingStep) -> tuple[Tensor, Tensor | None]:
    """Targets as rows, (W K, H) float64, and which were observed; None = all."""
    seen = step.observed
    targets = step.y.transpose(1, 2).flatten(0, 1).double()
    return targets, None if seen is None else seen.transpose(1, 2).flatten(0, 1)


def tangent_kernel(first: Tensor, second: Tensor, depth: int) -> Tensor:
    """Neural tangent kernel of a fully connected ReLU network of infinite width.

    Its layers are arc-cosine kernels of first order (Cho & Saul, NIPS 2009) with weights of
    variance 2 and biases of variance 0.01; the recursion is that of Jacot et al., NeurIPS 2018
    (arXiv:1806.07572).

    Args:
        first: (n, D) rows.
        second: (m, D) rows.
        depth: Hidden layers.

    Returns:
        (n, m).
    """
    width, bias = first.shape[1], 0.01
    covariance = 2 * first @ second.T / width + bias
    left = 2 * first.square().sum(dim=1) / width + bias
    right = 2 * second.square().sum(dim=1) / width + bias
    tangent = covariance
    for _ in range(depth):
        scale = torch.sqrt(left[:, None] * right)
        cosine = (covariance / scale).clamp(-_NEARLY_ONE, _NEARLY_ONE)
        angle = torch.arccos(cosine)
        covariance = scale * (torch.sin(angle) + (math.pi - angle) * cosine) / math.pi + bias
        tangent = tangent * (math.pi - angle) / math.pi + covariance
        # On the diagonal the angle is zero: variances keep their scale.
        left, right = left + bias, right + bias
    return tangent


def kernel_forecast(within: Tensor, across: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """Kernel ridge regression: fit rows, forecast others.

    Args:
        within: (n, n) kernel of what is fitted.
        across: (m, n) kernel of what is forecast with it.
        targets: (n, H).
        ridge: Penalty, as a share of the mean of the diagonal.

    Returns:
        (m, H).

    Raises:
        DivergenceError: The kernel is not positive definite, or not finite.
    """
    penalty = ridge * within.diagonal().mean()
    whole = within + penalty * torch.eye(len(within), dtype=within.dtype, device=within.device)
    return across @ torch.cholesky_solve(targets, _cholesky(whole))


def ridge_weights(features: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """Ridge regression on features: (n, D) and (n, H) to (D, H).

    Args:
        features: Rows.
        targets: The same rows.
        ridge: Penalty on mean squares, as a share of their mean over columns.

    Raises:
        DivergenceError: Their moments are not positive definite, or not finite.
    """
    moments = features.T @ features / len(features)
    penalty = ridge * moments.diagonal().mean()
    whole = moments + penalty * torch.eye(len(moments), dtype=moments.dtype, device=moments.device)
    cross = features.T @ targets / len(features)
    return torch.cholesky_solve(cross, _cholesky(whole))


def _cholesky(matrix: Tensor) -> Tensor:
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix)
    if failed.any() or not factor.isfinite().all():
        raise DivergenceError(
            "a kernel is not positive definite, or not finite: what is learned has diverged; give "
            "a smaller learning rate (method_options.learning_rate) or a larger "
            "method_options.ridge"
        )
    return factor


def seen_error(forecast: Tensor, targets: Tensor, seen: Tensor | None) -> Tensor:
    """Mean squared error over observed targets, a scalar; all are (m, H)."""
    error = (forecast - targets).square()
    if seen is None:
        return error.mean()
    return torch.where(seen, error, 0.0).sum() / seen.sum().clamp(min=1)
