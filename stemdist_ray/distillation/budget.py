"""Given how small the data set is to be: how many windows, and how many locations?

The best balance differs from data to data, by as much as distilling gains. What is compared here is
what a run would begin with at each balance: its windows, locations, base and targets, validated by
one evaluator. That is cheap (no rounds, and one teacher serves all balances) and a proxy because
rounds improve a start by far less than a bad balance costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.start import (
    cluster_source,
    clustered_data,
    initial_state,
    num_clusters,
    num_synthetic_windows,
)
from stemdist_ray.distillation.task import RealData
from stemdist_ray.distillation.teacher import taught_targets
from stemdist_ray.distillation.validation import (
    ValidationResult,
    ValidationTask,
    train_evaluator_on,
)
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.threads import torch_threads

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
    teacher: Teacher | None,
    executor: Executor,
    device: str,
    reporter: Reporter,
) -> tuple[DistillConfig, tuple[Balance, ...]]:
    """Pick spatial and temporal ratio for a budget.

    Args:
        config: With ``budget``.
        source: The prepared real series.
        teacher: Gives the targets; None = readings.
        executor: Makes the starts and trains the evaluators; its tasks share the
            :class:`RealData`.
        device: Where they compute.
        reporter: Is told what was found.

    Returns:
        The configuration with the ratios, and all that was tried, best first.

    Raises:
        ConfigError: The budget is too small for any balance.
    """
    assert config.budget is not None
    candidates = balances(config, source)
    tasks = [
        BalanceTask(
            name=f"balance of {candidate.spatial_ratio:g} of the locations",
            config=candidate,
            teacher=teacher,
            seed=derive_seed(candidate.seed, "judge", 0),
            device=device,
        )
        for candidate in candidates
    ]
    reporter.begin("balance", len(tasks))
    results = executor.run(run_balance, tasks, lambda result: reporter.advance())
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
    """The configurations that are tried for a budget, none of them over it.

    Raises:
        ConfigError: There is none with enough windows and locations.
    """
    assert config.budget is not None
    windows, locations = len(source.starts["train"]), source.windows.num_locations
    tried = []
    for spatial in SPATIAL:
        candidate = config.model_copy(update={"spatial_ratio": spatial, "temporal_ratio": 1.0})
        # As many windows as fit beside the locations, whose number is rounded.
        entries = config.budget * windows * locations
        fitting = math.floor(entries / num_clusters(candidate, source) + 1e-9)
        if not 1 <= fitting <= windows:
            continue
        candidate = candidate.model_copy(update={"temporal_ratio": fitting / windows})
        smaller = min(num_clusters(candidate, source), num_synthetic_windows(candidate, source))
        if smaller >= _FEWEST:
            tried.append(candidate)
    if not tried:
        raise ConfigError(
            f"budget {config.budget:g} leaves fewer than {_FEWEST} windows or locations of "
            f"{windows} x {locations}, however it is "
            "spent; give a larger budget, or both ratios"
        )
    return tried


@dataclass(frozen=True)
class BalanceTask:
    """Validating what a run would begin with at one balance.

    Args:
        name: For messages.
        config: The run, with the ratios that are tried.
        teacher: Gives the targets; None = readings.
        seed: Of the evaluator.
        device: "cpu" or "cuda".
    """

    name: str
    config: DistillConfig
    teacher: Teacher | None
    seed: int
    device: str


def run_balance(real: RealData, task: BalanceTask) -> ValidationResult:
    """Cluster, make the start with its targets, and train an evaluator on it."""
    config = task.config
    with torch_threads(config.worker.coordinator_threads):
        clustering = cluster_source(config, real)
        clustered = clustered_data(real, clustering)
        start, known = initial_state(config, real, clustering, clustered)
        y = start.y
        if task.teacher is not None:
            y = taught_targets(task.teacher, known, start.x, task.device)
        clustered.windows.discard()
    judged = ValidationTask(task.name, start.x, y, config, task.seed, task.device)
    return train_evaluator_on(clustering.loss_weights, known, real, judged)
