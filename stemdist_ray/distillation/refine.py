"""Matching across shard borders after each merge, so that the shards stay one data set."""

from __future__ import annotations

import numpy as np

from stemdist_ray.config import DistillConfig, MatchingConfig
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ShardTask
from stemdist_ray.seeding import derive_seed


def is_refined(config: DistillConfig, num_shards: int) -> bool:
    """Whether a round that was cut into ``num_shards`` shards is refined after its merge."""
    # A single shard has no borders to match across.
    return config.refine.steps > 0 and config.num_shards > 1 and num_shards > 1


def refine_task(
    config: DistillConfig, number: int, synthetic: SyntheticState, device: str
) -> ShardTask:
    """The task that refines the merged data of a round: one shard of all locations.

    Args:
        config: The run's configuration.
        number: Of the round.
        synthetic: The merged data.
        device: "cpu" or "cuda".
    """
    return ShardTask(
        name=f"round {number} refine",
        locations=np.arange(synthetic.num_locations),
        state=synthetic,
        matching=refine_matching(config),
        forecaster=config.forecaster,
        seed=derive_seed(config.seed, "refine", number),
        threads=config.worker.threads,
        device=device,
    )


def refine_matching(config: DistillConfig) -> MatchingConfig:
    """Matching across shard borders: fewer steps, subsets as small as inside a shard."""
    return config.matching.model_copy(
        update={
            "steps": config.refine.steps,
            "inner_epochs": config.refine.inner_epochs,
            "subsets": config.matching.subsets * config.num_shards,
        }
    )
