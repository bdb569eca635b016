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

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from stemdist_ray.distillation.pieces import (
    pulled_back,
    random_state,
    replayed,
    summed_gradient,
)
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.trajectory import AdamTrajectory
from stemdist_ray.distillation.workspace import Forward, Workspace
from stemdist_ray.training.losses import weighted_loss


@dataclass(frozen=True)
class Unrolled:
    """One unrolled step, with all that it takes to compute it again.

    Args:
        before: Where it began.
        after: Where it ended.
        subset: (n,) locations.
        rows: Synthetic windows.
        random: State of torch's generators when it began.
    """

    before: AdamTrajectory
    after: AdamTrajectory
    subset: Tensor
    rows: Tensor | slice
    random: Sequence[Tensor]


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
        self.piece = self.planned(self._gradient_graph, task.matching.unroll_steps)
        age = int(self.rng.integers(task.matching.oldest + 1)) if task.matching.oldest else 0
        self.point = self._train(self.point, age)

    def matching_step(self) -> Tensor:
        """Unroll from the current point, update the synthetic data, move on."""
        matching = self.task.matching
        self.visited = []
        loss, point, gradients = self._whole() if self.piece is None else self._again(self.piece)
        # Locations that took no part have no gradient; momentum alone must not move them.
        moved = torch.unique(torch.cat(self.visited))
        own = {name: gradient[:, :, moved] for name, gradient in gradients.items()}
        self.synthetic.adam_step(moved, own, matching.learning_rate)
        self.point = point.detached()
        return loss.detach()

    def train_surrogate(self) -> None:
        """Take ``inner_epochs`` further epochs of K subset steps without unrolling them."""
        self.point = self._train(self.point, self.task.matching.inner_epochs * self.num_subsets)

    def _learned(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        return {"x": x, "y": y} if self.task.matching.learn_targets else {"x": x}

    def _whole(self) -> tuple[Tensor, AdamTrajectory, dict[str, Tensor]]:
        """The loss, where the training ended, and gradients: one graph of all unrolled steps."""
        x, y = self.synthetic.x.clone().requires_grad_(), self.synthetic.y.clone()
        learned = self._learned(x, y.requires_grad_(self.task.matching.learn_targets))
        point = self._unroll(self.point, x, y, self.task.matching.unroll_steps)
        self.model.eval()
        loss = self._real_loss(self._forward_at(point.weights))
        gradients = torch.autograd.grad(loss, list(learned.values()))
        return loss, point, dict(zip(learned, gradients, strict=True))

    def _again(self, size: int) -> tuple[Tensor, AdamTrajectory, dict[str, Tensor]]:
        """What :meth:`_whole` returns; each step is computed again when its turn comes.

        Args:
            size: Windows at a time.
        """
        rate = self.task.matching.inner_learning_rate
        steps, point = [], self.point
        self.model.train()
        for _ in range(self.task.matching.unroll_steps):
            subset, rows = self._next_subset(self.queue), self.draw_synthetic()
            self.visited.append(subset)
            random = random_state(self.device)
            forward = self._forward_at(point.weights)
            pieces = self.synthetic_pieces(forward, subset, *self._slices(subset), rows, size)
            (gradient,) = summed_gradient(pieces, [point.weights])
            after = point.step(gradient, rate).detached()
            steps.append(Unrolled(point, after, subset, rows, random))
            point = after
        self.model.eval()
        loss = self._real_loss(self._forward_at(point.weights))
        (weights,) = torch.autograd.grad(loss, point.weights)
        self.model.train()
        return loss, point, self._back_through(steps, weights, size)

    def _back_through(
        self, steps: Sequence[Unrolled], weights: Tensor, size: int
    ) -> dict[str, Tensor]:
        """Carry the derivative of a loss back through unrolled steps, the last one first.

        Args:
            steps: In order.
            weights: (P,) derivative with respect to the weights after the last one.
            size: Windows at a time.
        """
        total = {
            n: torch.zeros_like(t)
            for n, t in self._learned(self.synthetic.x, self.synthetic.y).items()
        }
        first, rate = torch.zeros_like(weights), self.task.matching.inner_learning_rate
        for step in reversed(steps):
            gradient, first = step.after.pull_back(step.before, weights, first, rate)
            x, y = self._slices(step.subset)
            learned = self._learned(x.requires_grad_(), y.requires_grad_())
            forward = self._forward_at(step.before.weights)
            pieces = self.synthetic_pieces(forward, step.subset, x, y, step.rows, size)
            with replayed(step.random, self.device, self.model):
                of_weights, *parts = pulled_back(
                    pieces,
                    [step.before.weights],
                    [gradient],
                    [step.before.weights, *learned.values()],
                )
            weights = weights + of_weights
            for name, part in zip(learned, parts, strict=True):
                total[name][:, :, step.subset] += part
        return total

    def _slices(self, subset: Tensor) -> tuple[Tensor, Tensor]:
        return self.synthetic.x[:, :, subset], self.synthetic.y[:, :, subset]

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

    def _unroll(self, point: AdamTrajectory, x: Tensor, y: Tensor, steps: int) -> AdamTrajectory:
        """Take steps on subsets in turn, with their graph."""
        self.model.train()
        for _ in range(steps):
            subset = self._next_subset(self.queue)
            self.visited.append(subset)
            loss = self.synthetic_loss(
                self._forward_at(point.weights),
                subset,
                x[:, :, subset],
                y[:, :, subset],
                self.draw_synthetic(),
            )
            (gradient,) = torch.autograd.grad(loss, point.weights, create_graph=True)
            point = point.step(gradient, self.task.matching.inner_learning_rate)
        return point

    def _train(self, point: AdamTrajectory, steps: int) -> AdamTrajectory:
        """Take steps on subsets in turn, without a graph, in passes of their own."""
        queue: list[Tensor] = []
        self.model.train()
        for _ in range(steps):
            subset, rows = self._next_subset(queue), self.draw_synthetic()
            size = self.piece or len(self.synthetic.x)
            forward = self._forward_at(point.weights)
            pieces = self.synthetic_pieces(forward, subset, *self._slices(subset), rows, size)
            (gradient,) = summed_gradient(pieces, [point.weights])
            point = point.step(gradient, self.task.matching.inner_learning_rate).detached()
        return point

    def _next_subset(self, queue: list[Tensor]) -> Tensor:
        if not queue:
            queue.extend(self.subsets())
        return queue.pop()

    def _gradient_graph(self, subset: Tensor, x: Tensor, y: Tensor, rows: Tensor) -> object:
        forward = self._forward_at(self.point.weights)
        loss = self.synthetic_loss(forward, subset, x, y, rows)
        return torch.autograd.grad(loss, self.point.weights, create_graph=True)

    def _forward_at(self, weights: Tensor) -> Forward:
        """Return the surrogate with other weights, a (P,) vector."""
        pieces = torch.split(weights, [shape.numel() for shape in self.shapes])
        triples = zip(self.names, pieces, self.shapes, strict=True)
        parameters = {name: piece.view(shape) for name, piece, shape in triples}

        def forward(x: Tensor, mean_window: Tensor) -> Tensor:
            forecast: Tensor = functional_call(self.model, parameters, (x, mean_window))
            return forecast

        return forward
