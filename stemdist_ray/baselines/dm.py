"""Distribution matching: real and synthetic windows have the same mean in the eyes of networks.

Axis letters: W windows, K locations, E features of an encoder.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from stemdist_ray.baselines.hidden import JointEncoder
from stemdist_ray.baselines.learned import (
    Count,
    LearnedOptions,
    LearnedWindows,
    RealWindows,
    begin,
    fresh_network,
    learn,
    random_draws,
)
from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.size import Sizes


class DmOptions(LearnedOptions):
    """Hyper-parameters."""

    steps: Count = Field(500, description="updates, each with a network of its own (paper: 20000)")
    batch: Count = Field(64, description="real windows per update (paper: 256 images)")
    width: Count = Field(128, description="features of the random encoder of inputs and targets")


def mean_distance(real: Tensor, synthetic: Tensor, weights: Tensor) -> Tensor:
    """Squared distance of mean embeddings, a scalar.

    Args:
        real: (B, K, E) of real windows.
        synthetic: (W, K, E).
        weights: (K,) of the locations, mean 1.
    """
    gap = real.mean(dim=0) - synthetic.mean(dim=0)
    return (gap.square().sum(dim=1) * weights).mean()


def matched_windows(work: MethodWork) -> Made:
    """Match mean embeddings of networks drawn anew for every update."""
    options: DmOptions = work.options
    begun = begin(work, options)
    learned = LearnedWindows(begun, work.device)
    with random_draws(work) as rng:
        batches = RealWindows(work, begun, rng)

        def objective(step: int) -> Tensor:
            real = batches.draw(options.batch)
            encoder = JointEncoder.draw(
                fresh_network(work, begun, at_base=False), real, options.width
            )
            with torch.no_grad():
                wanted = encoder(real)
            return mean_distance(wanted, encoder(learned.windows()), learned.weights)

        return learn(learned, options, objective)


def embedding_bytes(sizes: Sizes, options: DmOptions) -> float:
    """What is held of one update: embeddings of a batch, and those of all windows with a graph."""
    width = 4 * (options.width + sizes.shape.horizon) * sizes.locations
    batch = min(options.batch, sizes.real_windows)
    passes = sizes.pass_bytes(batch) + 2 * sizes.pass_bytes(sizes.windows)
    return passes + 2 * width * (batch + 2 * sizes.windows)


register_method(
    Method(
        name="dm",
        summary="learned windows whose mean embedding in random networks is that of real ones",
        source="Zhao & Bilen, WACV 2023, arXiv:2110.04181",
        compresses="windows, or both",
        deviations="embeds whole windows, targets included (random layer on the last hidden one), "
        "not images by class; Adam, fewer updates",
        make=matched_windows,
        options=DmOptions,
        needs=embedding_bytes,
    )
)
