"""Adam on a surrogate's weights, as something that can be differentiated through."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from stemdist_ray.distillation.workspace import BETA_1, BETA_2, EPSILON


@dataclass(frozen=True)
class AdamTrajectory:
    """A point on the surrogate's training: all weights as one vector, with Adam's moments.

    Args:
        weights: (P,) all parameters, flattened.
        first: (P,) first moment.
        second: (P,) second moment; never part of a graph, see :meth:`step`.
        count: Steps taken.
    """

    weights: Tensor
    first: Tensor
    second: Tensor
    count: int

    @classmethod
    def begin(cls, weights: Tensor) -> AdamTrajectory:
        """Start from given weights."""
        zero = torch.zeros_like(weights)
        return cls(weights, zero, zero.clone(), 0)

    def step(self, gradient: Tensor, learning_rate: float) -> AdamTrajectory:
        """Take one Adam step that can be differentiated through.

        The second moment is held constant in the derivative: its square root has an unbounded
        slope at zero, and it changes slowly.
        """
        count = self.count + 1
        first = self.first.lerp(gradient, 1 - BETA_1)
        second = self.second.lerp(gradient.detach().square(), 1 - BETA_2)
        scale = (second / (1 - BETA_2**count)).sqrt() + EPSILON
        weights = self.weights - learning_rate / (1 - BETA_1**count) * first / scale
        return AdamTrajectory(weights, first, second, count)

    def pull_back(
        self, before: AdamTrajectory, weights: Tensor, first: Tensor, learning_rate: float
    ) -> tuple[Tensor, Tensor]:
        """Carry derivatives through the step that led here, the way that :meth:`step` would.

        Args:
            before: The point that the step began at.
            weights: (P,) derivative of a loss with respect to these weights.
            first: (P,) the same with respect to this first moment.
            learning_rate: Of the step.

        Returns:
            (P,) derivatives with respect to the gradient that the step took, and to the first
            moment before it. Those with respect to the weights before are ``weights`` themselves,
            and what the gradient's own dependence on them adds.
        """
        assert self.count == before.count + 1
        scale = (self.second / (1 - BETA_2**self.count)).sqrt() + EPSILON
        total = first - learning_rate / (1 - BETA_1**self.count) * weights / scale
        return (1 - BETA_1) * total, BETA_1 * total

    def detached(self) -> AdamTrajectory:
        """The same point without its history."""
        return AdamTrajectory(
            self.weights.detach().requires_grad_(), self.first.detach(), self.second, self.count
        )
