"""FRePo: ridge regression on what a pool of networks makes of the synthetic windows.

Axis letters: W windows, K locations, D features of a network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.hidden import HiddenFeatures
from stemdist_ray.baselines.kernel_ridge import ridge_weights, seen_error, target_rows
from stemdist_ray.baselines.learned import (
    Count,
    LearnedOptions,
    LearnedWindows,
    Rate,
    RealWindows,
    begin,
    fresh_network,
    learn,
    random_draws,
    train_network,
)
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.training.steps import TrainingStep


class FrepoOptions(LearnedOptions):
    """Hyper-parameters."""

    networks: Count = Field(10, description="in the pool (paper: 10)")
    oldest: Count = Field(100, description="training steps of a network at most (paper: 100)")
    network_rate: Rate = Field(3e-4, description="Adam rate of networks (paper: 3e-4)")
    ridge: Annotated[float, Field(gt=0.0)] = Field(
        1e-6, description="penalty, as a share of the mean square of a feature (paper: 1e-6)"
    )
    batch: Count = Field(64, description="real windows per update (paper: 1024 images)")


@dataclass
class _Pooled:
    model: Forecaster
    features: HiddenFeatures
    optimizer: torch.optim.Optimizer
    steps: int = 0
    last: int = 0


def feature_loss(
    features: HiddenFeatures, real: TrainingStep, synthetic: TrainingStep, ridge: float
) -> Tensor:
    """What ridge regression on synthetic windows loses on real ones, a scalar.

    Args:
        features: Of a network that does not change.
        real: What is forecast.
        synthetic: What is fitted, with a graph.
        ridge: See :func:`~stemdist_ray.baselines.kernel_ridge.ridge_weights`.
    """
    targets, _ = target_rows(synthetic)
    weights = ridge_weights(_rows(features(synthetic)), targets, ridge)
    with torch.no_grad():
        known = _rows(features(real))
    wanted, seen = target_rows(real)
    return seen_error(known @ weights, wanted, seen)


def _rows(hidden: Tensor) -> Tensor:
    """(W, K, D) to (W K, D + 1) float64, a one last."""
    flat = hidden.flatten(0, 1).double()
    return torch.cat([flat, torch.ones_like(flat[:, :1])], dim=1)


def regressed_windows(work: MethodWork) -> Made:
    """Learn against a pool of networks, each trained a step further whenever it is used."""
    options: FrepoOptions = work.options
    begun = begin(work, options)
    learned = LearnedWindows(begun, work.device)
    with random_draws(work) as rng:
        batches = RealWindows(work, begun, rng)

        def fresh() -> _Pooled:
            model = fresh_network(work, begun, at_base=False)
            adam = torch.optim.Adam(model.parameters(), lr=options.network_rate)
            # Of different ages from the beginning, as published.
            last = int(rng.integers(1, options.oldest + 1))
            return _Pooled(model, HiddenFeatures(model), adam, last=last)

        pool = [fresh() for _ in range(options.networks)]

        def objective(step: int) -> Tensor:
            at = int(rng.integers(len(pool)))
            if pool[at].steps >= pool[at].last:
                pool[at] = fresh()
            chosen = pool[at]
            train_network(chosen.model, chosen.optimizer, learned.fixed())
            chosen.steps += 1
            real = batches.draw(options.batch)
            return feature_loss(chosen.features, real, learned.windows(), options.ridge)

        return learn(learned, options, objective)


def pool_bytes(sizes: Sizes, options: FrepoOptions) -> float:
    """What is held of one update: features of a batch, those of all windows with their graph."""
    return sizes.pass_bytes(options.batch) + 3 * sizes.pass_bytes(sizes.windows)


register_method(
    Method(
        name="frepo",
        summary="learned windows whose ridge regression on networks' features fits real ones",
        source="Zhou et al., NeurIPS 2022, arXiv:2206.00719",
        compresses="windows, or both",
        deviations="rows are windows of single locations; features of the run's forecaster; Adam",
        make=regressed_windows,
        options=FrepoOptions,
        needs=pool_bytes,
    )
)
