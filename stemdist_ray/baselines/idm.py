"""Improved distribution matching: windows cut and stretched, and networks that have learned some.

Axis letters: W windows, L lookback, H horizon, K locations, F features, P parts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from stemdist_ray.baselines.dm import DmOptions, embedding_bytes, mean_distance
from stemdist_ray.baselines.hidden import JointEncoder
from stemdist_ray.baselines.learned import (
    Begun,
    Count,
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
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.training.steps import TrainingStep


class IdmOptions(DmOptions):
    """Hyper-parameters."""

    steps: Count = Field(150, description="updates (paper: 20000)")
    parts: Count = Field(
        2, description="a window is cut into, each stretched to a whole (paper: 2)"
    )
    networks: Count = Field(10, description="that wait in the queue (paper: 100)")
    oldest: Count = Field(50, description="training steps after which one is replaced (paper: 100)")
    network_steps: Count = Field(1, description="of training on real windows whenever one is used")
    network_rate: Rate = Field(0.01, description="SGD rate of networks, momentum 0.9 (paper: 0.01)")
    loss_weight: Rate = Field(0.5, description="of the forecast loss on the synthetic windows")


def expanded(step: TrainingStep, parts: int, own_features: int) -> TrainingStep:
    """Cut windows in time and stretch every part to a whole window, by linear interpolation.

    Args:
        step: x (W, L, K, F + C), y (W, H, K).
        parts: P; of a window with fewer steps as many as it has.
        own_features: F; the calendar stays that of the whole window.

    Returns:
        The (1 + P) W windows, whole ones first; one observed nowhere stays so.
    """
    parts = min(parts, step.x.shape[1], step.y.shape[1])
    if parts == 1:
        return step
    own, calendar = step.x[..., :own_features], step.x[..., own_features:]
    inputs = torch.cat([own, *_stretched(own, parts)])
    repeated = calendar.repeat(parts + 1, 1, 1, 1)
    seen = step.observed
    if seen is not None:
        # A stretched target counts where all that it is made of was observed.
        pieces = _stretched(seen.to(step.y.dtype)[..., None], parts)
        seen = torch.cat([seen, *(piece[..., 0] > 1 - 1e-4 for piece in pieces)])
    targets = torch.cat([step.y, *(p[..., 0] for p in _stretched(step.y[..., None], parts))])
    return replace(step, x=torch.cat([inputs, repeated], dim=3), y=targets, observed=seen)


def _stretched(values: Tensor, parts: int) -> list[Tensor]:
    """(W, T, K, F) as P parts, each interpolated to T steps."""
    windows, steps, locations, features = values.shape
    flat = values.permute(0, 2, 3, 1).reshape(windows, locations * features, steps)
    found = []
    for part in flat.tensor_split(parts, dim=2):
        whole = functional.interpolate(part, steps, mode="linear", align_corners=True)
        found.append(whole.view(windows, locations, features, steps).permute(0, 3, 1, 2))
    return found


@dataclass
class _Trained:
    model: Forecaster
    optimizer: torch.optim.Optimizer
    steps: int


class NetworkQueue:
    """Networks of all ages up to the oldest.

    Args:
        work: Of the run.
        begun: Whose windows they read.
        batches: Real windows that they learn from.
        rng: Draws them.
    """

    def __init__(
        self, work: MethodWork, begun: Begun, batches: RealWindows, rng: np.random.Generator
    ) -> None:
        self.work, self.begun, self.batches, self.rng = work, begun, batches, rng
        self.options: IdmOptions = work.options
        self.waiting: list[_Trained] = []

    def take(self) -> Forecaster:
        """One of them, after some more steps; one that grew too old makes way for a fresh one."""
        options = self.options
        if len(self.waiting) < options.networks:
            self.waiting.append(self._fresh())
            at = len(self.waiting) - 1
        else:
            at = int(self.rng.integers(options.networks))
            if self.waiting[at].steps >= options.oldest:
                self.waiting[at] = self._fresh()
        chosen = self.waiting[at]
        for _ in range(options.network_steps):
            train_network(chosen.model, chosen.optimizer, self.batches.draw(options.batch))
        chosen.steps += options.network_steps
        return chosen.model

    def _fresh(self) -> _Trained:
        model = fresh_network(self.work, self.begun, at_base=False)
        rate = self.options.network_rate
        return _Trained(model, torch.optim.SGD(model.parameters(), rate, momentum=0.9), 0)


def improved_windows(work: MethodWork) -> Made:
    """Match mean embeddings of cut and stretched windows, in networks that have learned some."""
    options: IdmOptions = work.options
    begun = begin(work, options)
    learned, own = LearnedWindows(begun, work.device), begun.series.own_features
    with random_draws(work) as rng:
        batches = RealWindows(work, begun, rng)
        queue = NetworkQueue(work, begun, batches, rng)

        def objective(step: int) -> Tensor:
            model = queue.take()
            real = expanded(batches.draw(options.batch), options.parts, own)
            encoder = JointEncoder.draw(model, real, options.width)
            with torch.no_grad():
                wanted = encoder(real)
            synthetic = learned.windows()
            have = encoder(expanded(synthetic, options.parts, own))
            gap = mean_distance(wanted, have, learned.weights)
            return gap + options.loss_weight * loss_of(model, synthetic)

        return learn(learned, options, objective)


def queue_bytes(sizes: Sizes, options: IdmOptions) -> float:
    """As of method ``dm``, for the parts as well; and a training step of a network."""
    whole = embedding_bytes(sizes, options) * (1 + options.parts)
    return whole + 2 * sizes.pass_bytes(options.batch)


register_method(
    Method(
        name="idm",
        summary="dm on cut and stretched windows, in networks that have learned some",
        source="Zhao et al., CVPR 2023, arXiv:2307.09742",
        compresses="windows, or both",
        deviations="as dm; windows are cut in time, real ones too, as evaluators train on whole "
        "ones; networks learn from real windows; the forecast loss in place of that of classes",
        make=improved_windows,
        options=IdmOptions,
        needs=queue_bytes,
    )
)
