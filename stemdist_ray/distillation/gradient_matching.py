"""The paper's objective: match the gradients of real and synthetic data.

Source: STemDist (arXiv:2603.10410), subset-based granular distillation.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from stemdist_ray.distillation.pieces import (
    Loss,
    pulled_back,
    random_state,
    replayed,
    summed_gradient,
)
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.workspace import Workspace


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


class GradientMatching(Workspace):
    """Per location subset: one Adam step on the synthetic data against the gradient distance."""

    def __init__(self, data: ClusteredData, task: ShardTask) -> None:
        super().__init__(data, task)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=task.matching.inner_learning_rate, fused=True
        )
        self.piece = self.planned(self._gradient_graph, steps=1)

    def _gradient_graph(self, subset: Tensor, x: Tensor, y: Tensor, rows: Tensor) -> object:
        loss = self.synthetic_loss(self.model, subset, x, y, rows)
        return torch.autograd.grad(loss, self.parameters, create_graph=True, materialize_grads=True)

    def matching_step(self) -> Tensor:
        """Match the gradients of every subset once."""
        starts = self.draw_real(self.task.matching.real_batch)
        # Dropout noise would hide the direction that is to be matched.
        self.model.eval()
        distances = []
        for subset in self.subsets():
            loss = self.real_loss(self.model, subset, starts)
            wanted = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
            distances.append(self._update_subset(subset, wanted))
        return torch.stack(distances).mean()

    def _update_subset(self, subset: Tensor, wanted: tuple[Tensor, ...]) -> Tensor:
        matching = self.task.matching
        x = self.synthetic.x[:, :, subset].requires_grad_()
        y = self.synthetic.y[:, :, subset].requires_grad_(matching.learn_targets)
        rows, learned = (
            self.draw_synthetic(),
            {"x": x, "y": y} if matching.learn_targets else {"x": x},
        )
        if self.piece is None:
            loss = self.synthetic_loss(self.model, subset, x, y, rows)
            have = torch.autograd.grad(
                loss, self.parameters, create_graph=True, materialize_grads=True
            )
            distance = gradient_distance(wanted, have)
            gradients = list(torch.autograd.grad(distance, list(learned.values())))
        else:
            pieces = self.synthetic_pieces(self.model, subset, x, y, rows, self.piece)
            random = random_state(self.device)
            have = summed_gradient(pieces, self.parameters)
            for gradient in have:
                gradient.requires_grad_()
            distance = gradient_distance(wanted, have)
            towards = torch.autograd.grad(distance, have, materialize_grads=True)
            with replayed(random, self.device, self.model):
                gradients = pulled_back(pieces, self.parameters, towards, list(learned.values()))
        self.synthetic.adam_step(
            subset, dict(zip(learned, gradients, strict=True)), matching.learning_rate
        )
        return distance.detach()

    def train_surrogate(self) -> None:
        """Take ``inner_epochs`` epochs of K subset steps, on synthetic or on real data."""
        self.model.train()
        for _ in range(self.task.matching.inner_epochs):
            for subset in self.subsets():
                self.optimizer.zero_grad()
                for piece in self._training_pieces(subset):
                    torch.autograd.backward(piece())
                self.optimizer.step()

    def _training_pieces(self, subset: Tensor) -> list[Loss]:
        synthetic = self.synthetic
        if self.task.matching.inner_data == "real":
            starts = self.draw_real(len(synthetic.x))
            return [partial(self.real_loss, self.model, subset, starts)]
        x, y = synthetic.x[:, :, subset], synthetic.y[:, :, subset]
        size = self.piece or len(synthetic.x)
        return self.synthetic_pieces(self.model, subset, x, y, self.draw_synthetic(), size)
