"""Train through the training: the real loss after some optimiser steps on synthetic data.

Where gradient matching compares directions at single points, this objective asks what is wanted
in the end: that a forecaster trained on the synthetic data does well on real data. Each matching
step unrolls a few optimiser steps on the synthetic data, measures the loss on real windows, and
differentiates that loss with respect to the synthetic data. The next matching step goes on from the
trained weights, so one task walks along a whole training.

Source: Wang et al., "Dataset Distillation" (arXiv:1811.10959); truncated along the trajectory as
in Feng et al., "Embarrassingly Simple Dataset Distillation" (ICLR 2024, arXiv:2311.07025). Shards,
location subsets and loss weights are STemDist's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.workspace import BETA_1, BETA_2, EPSILON, Forward, Workspace
from stemdist_ray.training.losses import weighted_loss


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

    def detached(self) -> AdamTrajectory:
        """The same point without its history."""
        return AdamTrajectory(
            self.weights.detach().requires_grad_(), self.first.detach(), self.second, self.count
        )


class UnrolledTraining(Workspace):
    """Per matching step: unroll, measure on real data, one Adam step on the synthetic data."""

    def __init__(self, data: ClusteredData, task: ShardTask) -> None:
        super().__init__(data, task)
        named = dict(self.model.named_parameters())
        self.names = list(named)
        self.shapes = [p.shape for p in named.values()]
        flat = torch.cat([p.detach().flatten() for p in named.values()])
        self.point = AdamTrajectory.begin(flat).detached()
        # Subsets that the present pass over all of them has still to visit; a pass may go on from
        # one matching step to the next, so that every location is visited.
        self.queue: list[Tensor] = []
        self.visited: list[Tensor] = []
        age = int(self.rng.integers(task.matching.oldest + 1)) if task.matching.oldest else 0
        x, y = self.synthetic.x, self.synthetic.y
        self.point = self._unroll(self.point, x, y, age, differentiable=False)

    def matching_step(self) -> Tensor:
        """Unroll from the current point, update the synthetic data, move on."""
        matching = self.task.matching
        x = self.synthetic.x.clone().requires_grad_()
        y = self.synthetic.y.clone().requires_grad_(matching.learn_targets)
        self.visited = []
        point = self._unroll(self.point, x, y, matching.unroll_steps, differentiable=True)
        self.model.eval()
        loss = self._real_loss(self._forward_at(point.weights))
        learned = {"x": x, "y": y} if matching.learn_targets else {"x": x}
        gradients = torch.autograd.grad(loss, list(learned.values()))
        # Locations that took no part have no gradient; momentum alone must not move them.
        moved = torch.unique(torch.cat(self.visited))
        own = {name: g[:, :, moved] for name, g in zip(learned, gradients, strict=True)}
        self.synthetic.adam_step(moved, own, matching.learning_rate)
        self.point = point.detached()
        return loss.detach()

    def _real_loss(self, forward: Forward) -> Tensor:
        """How far the surrogate is from what is wanted on real windows."""
        if self.task.matching.real == "locations":
            real = self.real_targets()
            forecast = forward(real.x, real.mean_window)
            weights = torch.ones(real.x.shape[2], device=self.device)
            return weighted_loss(forecast, real.y, weights, real.observed)
        starts = self.draw_real(self.task.matching.real_batch)
        losses = [self.real_loss(forward, subset, starts) for subset in self.subsets()]
        return torch.stack(losses).mean()

    def train_surrogate(self) -> None:
        """Take ``inner_epochs`` further epochs of K subset steps without unrolling them."""
        matching = self.task.matching
        steps = matching.inner_epochs * self.num_subsets
        x, y = self.synthetic.x, self.synthetic.y
        self.point = self._unroll(self.point, x, y, steps, differentiable=False)

    def _unroll(
        self, point: AdamTrajectory, x: Tensor, y: Tensor, steps: int, differentiable: bool
    ) -> AdamTrajectory:
        self.model.train()
        # Only differentiable steps visit: others have passes of their own.
        queue = self.queue if differentiable else []
        for _ in range(steps):
            if not queue:
                queue.extend(self.subsets())
            subset = queue.pop()
            if differentiable:
                self.visited.append(subset)
            forward = self._forward_at(point.weights)
            loss = self.synthetic_loss(forward, subset, x[:, :, subset], y[:, :, subset])
            (gradient,) = torch.autograd.grad(loss, point.weights, create_graph=differentiable)
            point = point.step(gradient, self.task.matching.inner_learning_rate)
            if not differentiable:
                point = point.detached()
        return point

    def _forward_at(self, weights: Tensor) -> Forward:
        """Return the surrogate with other weights, a (P,) vector."""
        pieces = torch.split(weights, [shape.numel() for shape in self.shapes])
        triples = zip(self.names, pieces, self.shapes, strict=True)
        parameters = {name: piece.view(shape) for name, piece, shape in triples}

        def forward(x: Tensor, mean_window: Tensor) -> Tensor:
            forecast: Tensor = functional_call(self.model, parameters, (x, mean_window))
            return forecast

        return forward
