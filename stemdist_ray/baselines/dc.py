"""Gradient matching: training on synthetic windows moves a network as real windows would."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.learned import (
    Count,
    LearnedOptions,
    LearnedWindows,
    Rate,
    RealWindows,
    begin,
    fresh_network,
    learn,
    loss_of,
    random_draws,
    train_network,
)
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.distillation.gradient_matching import gradient_distance
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.training.steps import TrainingStep

Augment = Callable[[TrainingStep, TrainingStep, np.random.Generator], list[TrainingStep]]
"""What is done to real and synthetic windows alike, by a draw that is the same for both."""

# The graph of a gradient keeps up to seven times what forecasters say that a forward pass does.
_SECOND_ORDER = 8


class DcOptions(LearnedOptions):
    """Hyper-parameters; those of the paper for 50 images per class."""

    steps: Count = Field(200, description="updates (paper: 50 for each of 1000 networks)")
    updates_per_network: Count = Field(50, description="after which a new one is drawn (paper: 50)")
    network_steps: Count = Field(
        10, description="of training on the synthetic windows after each update (paper: 10)"
    )
    network_rate: Rate = Field(0.01, description="SGD rate of networks, momentum 0.5 (paper: 0.01)")
    batch: Count = Field(64, description="real windows per update (paper: 256 images)")


def as_they_are(
    real: TrainingStep, synthetic: TrainingStep, rng: np.random.Generator
) -> list[TrainingStep]:
    """No augmentation."""
    return [real, synthetic]


def gradient_gap(model: Forecaster, real: TrainingStep, synthetic: TrainingStep) -> Tensor:
    """Distance between the gradients of a network on real and synthetic windows, a scalar."""
    model.eval()  # dropout noise would hide the direction that is to be matched
    weights = list(model.parameters())
    wanted = torch.autograd.grad(loss_of(model, real), weights, materialize_grads=True)
    loss = loss_of(model, synthetic)
    have = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    return gradient_distance(wanted, have)


def condensed(work: MethodWork, augment: Augment) -> Made:
    """Match gradients along trainings on the synthetic windows."""
    options: DcOptions = work.options
    begun = begin(work, options)
    learned = LearnedWindows(begun, work.device)
    with random_draws(work) as rng:
        batches = RealWindows(work, begun, rng)
        training: list[tuple[Forecaster, torch.optim.Optimizer]] = []

        def objective(step: int) -> Tensor:
            if step % options.updates_per_network == 0:
                # As published, not at the base: a last layer of zeros would let no gradient through
                # to the layers before it, and nothing could be matched there.
                fresh = fresh_network(work, begun, at_base=False)
                sgd = torch.optim.SGD(fresh.parameters(), options.network_rate, momentum=0.5)
                training[:] = [(fresh, sgd)]
            else:  # on the windows as the update before left them
                some = learned.fixed()
                for _ in range(options.network_steps):
                    _, part = augment(some, some, rng)
                    train_network(*training[0], part)
            model = training[0][0]
            real, synthetic = augment(batches.draw(options.batch), learned.windows(), rng)
            return gradient_gap(model, real, synthetic)

        return learn(learned, options, objective)


def condensed_windows(work: MethodWork) -> Made:
    """Match gradients, windows as they are."""
    return condensed(work, as_they_are)


def gradient_bytes(sizes: Sizes, options: DcOptions) -> float:
    """What is held of one update: a pass of a batch, and the graph of a gradient of all windows."""
    return sizes.pass_bytes(options.batch) + _SECOND_ORDER * sizes.pass_bytes(sizes.windows)


register_method(
    Method(
        name="dc",
        summary="learned windows on which networks have the gradients that real windows give",
        source="Zhao et al., ICLR 2021, arXiv:2006.05929",
        compresses="windows, or both",
        deviations="batches of windows, not classes; targets learned, too; Adam, fewer networks",
        make=condensed_windows,
        options=DcOptions,
        needs=gradient_bytes,
    )
)
