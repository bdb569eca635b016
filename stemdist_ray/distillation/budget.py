"""Given how small the data set is to be: how many windows, and how many locations?

The best balance differs from data to data, by as much as distilling gains. What is compared here is
what a run would begin with at each balance: its windows, locations, base and targets, validated by
one evaluator. That is cheap (no rounds, and one teacher serves all balances) and a proxy because
rounds improve a start by far less than a bad balance costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.start import (
    clustered_data,
    initial_state,
    num_clusters,
    num_synthetic_windows,
)
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import RealData
from stemdist_ray.distillation.teacher import taught_targets
from stemdist_ray.distillation.validation import ValidationTask, train_evaluator
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed

# Shares of the locations that are tried; 1-2-5 steps are finer than the differences they make.
SPATIAL = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_FEWEST = 4  # windows, and locations: with fewer there is nothing to learn from


@dataclass(frozen=True)
class Balance:
    """One way to spend a budget.

    Args:
        spatial_ratio: Synthetic locations / real ones.
        temporal_ratio: Synthetic windows / real ones.
        error: Validation relative RMSE of what a run would begin with.
    """

    spatial_ratio: float
    temporal_ratio: float
    error: float


def choose_balance(
    config: DistillConfig,
    source: PreparedSource,
    real: RealData,
    teacher: Teacher | None,
    executor: Executor,
    device: str,
    reporter: Reporter,
) -> tuple[DistillConfig, tuple[Balance, ...]]:
    """Pick spatial and temporal ratio for a budget.

    Args:
        config: With ``budget``.
        source: The prepared real series, with its base.
        real: Mean windows and validation windows.
        teacher: Gives the targets; None = readings.
        executor: Trains the evaluators.
        device: Where they compute.
        reporter: Is told what was found.

    Returns:
        The configuration with the ratios, and all that was tried, best first.

    Raises:
        ConfigError: The budget is too small for any balance.
    """
    assert config.budget is not None
    candidates = balances(config, source)
    vectors = location_vectors(source.windows, source.starts["train"])
    tasks = [_task(candidate, source, real, vectors, teacher, device) for candidate in candidates]
    reporter.begin("balance", len(tasks))
    results = executor.run(train_evaluator, tasks, lambda result: reporter.advance())
    found = [
        Balance(c.spatial_ratio, c.temporal_ratio, r.error)
        for c, r in zip(candidates, results, strict=True)
    ]
    found.sort(key=lambda balance: balance.error)
    listed = ", ".join(
        f"{100 * b.temporal_ratio:.3g} % x {100 * b.spatial_ratio:.3g} %: {b.error:.4f}"
        for b in found
    )
    reporter.say(f"windows x locations, validation relative RMSE: {listed}")
    best = found[0]
    ratios = {"spatial_ratio": best.spatial_ratio, "temporal_ratio": best.temporal_ratio}
    return config.model_copy(update=ratios), tuple(found)


def balances(config: DistillConfig, source: PreparedSource) -> list[DistillConfig]:
    """The configurations that are tried for a budget.

    Raises:
        ConfigError: There is none with enough windows and locations.
    """
    assert config.budget is not None
    tried = []
    for spatial in SPATIAL:
        temporal = config.budget / spatial
        if temporal > 1:
            continue
        ratios = {"spatial_ratio": spatial, "temporal_ratio": temporal}
        candidate = config.model_copy(update=ratios)
        smaller = min(num_clusters(candidate, source), num_synthetic_windows(candidate, source))
        if smaller >= _FEWEST:
            tried.append(candidate)
    if not tried:
        raise ConfigError(
            f"budget {config.budget:g} leaves fewer than {_FEWEST} windows or locations of "
            f"{len(source.starts['train'])} x {source.windows.num_locations}, however it is "
            "spent; give a larger budget, or both ratios"
        )
    return tried


def _task(
    config: DistillConfig,
    source: PreparedSource,
    real: RealData,
    vectors: np.ndarray,
    teacher: Teacher | None,
    device: str,
) -> ValidationTask:
    clustering = cluster_locations(
        vectors.copy(), num_clusters(config, source), config.clustering, config.seed
    )
    start, known = initial_state(config, source, clustering, clustered_data(source, clustering))
    if teacher is not None:
        start = SyntheticState.fresh(start.x, taught_targets(teacher, known, start.x))
    return ValidationTask(
        name=f"balance of {config.spatial_ratio:g} of the locations",
        x=known.inputs(start.x),
        y=known.residual(start.x, start.y),
        cluster_size=clustering.cluster_size,
        windows=real.selection,
        mean_window=real.mean_window,
        config=config,
        seed=derive_seed(config.seed, "judge", 0),
        device=device,
    )
