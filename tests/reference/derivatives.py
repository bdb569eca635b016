"""What a forecaster and its plain twin have to agree on."""

from __future__ import annotations

import torch
from torch import nn

TOLERANCE = {"rtol": 1e-9, "atol": 1e-11}


def unsettle(model):
    """Move all weights: fresh scales of 1 and shifts of 0 would hide mistakes."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def derivatives(forward, parameters, x):
    """Forecast, its gradients for the parameters, and the gradient of their squared norm for x."""
    learned = x.clone().requires_grad_()
    forecast = forward(learned, learned.mean(0).transpose(0, 1))
    first = torch.autograd.grad(
        forecast.square().sum(), parameters, create_graph=True, materialize_grads=True
    )
    (second,) = torch.autograd.grad(sum(g.square().sum() for g in first), learned)
    return [forecast, *first, second]


def assert_same_function(model: nn.Module, plain: nn.Module, x: torch.Tensor) -> None:
    """Hold a float64 model against its plain twin: outputs, first and second derivatives."""
    parameters = list(model.parameters())
    ours = derivatives(model.eval(), parameters, x)
    theirs = derivatives(plain.eval(), parameters, x)
    assert ours[-1].abs().max() > 0
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, **TOLERANCE)
