"""Matching across shard borders after each merge, so that the shards stay one data set.

The parts of a second random partition cross the borders of the first one; each is a task like a
shard task, only shorter. No task grows with the data, and every location is visited.
"""

from __future__ import annotations

from stemdist_ray.config import DistillConfig, MatchingConfig


def is_refined(config: DistillConfig, num_shards: int) -> bool:
    """Whether a round that was cut into ``num_shards`` shards is refined after its merge."""
    # A single shard has no borders to match across.
    return config.refine.steps > 0 and num_shards > 1


def refine_matching(config: DistillConfig) -> MatchingConfig:
    """Matching across shard borders: fewer steps."""
    return config.matching.model_copy(
        update={"steps": config.refine.steps, "inner_epochs": config.refine.inner_epochs}
    )
