"""Given how small the data set is to be: how many windows, and how many locations?

The best balance differs from data to data, by as much as distilling gains. What is compared here is
what a run would begin with at each balance: its windows, locations, base and targets, validated by
one evaluator. That is cheap (no rounds, and one teacher serves all balances) and a proxy because
rounds improve a start by far less than a bad balance costs.

On top of a good base many balances are equal but for the evaluator's seed, while networks that
forecast alone still tell them apart (Beijing metro at 0.5 %: validation errors of 0.1053 for all on
the base, 0.42 to 0.53 alone). So among equal ones that which serves these best is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
TIE = 0.0025
"""Share of an error by which evaluators of different seeds differ on the same data."""
_FEWEST = 4  # windows, and locations: with fewer there is nothing to learn from


@dataclass(frozen=True)
class Balance:
    """One way to spend a budget.

    Args:
        spatial_ratio: Synthetic locations / real ones.
        temporal_ratio: Synthetic windows / real ones.
        error: Validation relative RMSE of what a run would begin with.
        alone_error: The same of an evaluator that forecasts without the base; None where there is
            no base anyway.
    """

    spatial_ratio: float
    temporal_ratio: float
    error: float
    alone_error: float | None = None


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
    found = ordered(results)
    listed = ", ".join(
        f"{100 * b.temporal_ratio:.3g} % x {100 * b.spatial_ratio:.3g} %: {b.error:.4f}"
        + ("" if b.alone_error is None else f" (alone {b.alone_error:.4f})")
        for b in found
    )
    reporter.say(f"windows x locations, validation relative RMSE: {listed}")
    best = found[0]
    ratios = {"spatial_ratio": best.spatial_ratio, "temporal_ratio": best.temporal_ratio}
    return config.model_copy(update=ratios), found


def ordered(found: Sequence[Balance]) -> tuple[Balance, ...]:
    """Best first: those within :data:`TIE` of the lowest error by what networks reach alone."""
    most = (1 + TIE) * min(balance.error for balance in found)

    def place(balance: Balance) -> tuple[bool, float]:
        if balance.alone_error is None or balance.error > most:
            return True, balance.error
        return False, balance.alone_error

    return tuple(sorted(found, key=place))


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
        count = num_clusters(candidate, source)
        fitting = fitting_windows(config.budget, count, windows, locations)
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


def fitting_windows(budget: float, count: int, windows: int, locations: int) -> int:
    """As many windows as a budget buys beside ``count`` locations, whose number is rounded.

    Args:
        budget: Synthetic entries / real ones.
        count: K, synthetic locations.
        windows: Of the train split.
        locations: N.
    """
    return math.floor(budget * windows * locations / count + 1e-9)


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


def run_balance(real: RealData, task: BalanceTask) -> Balance:
    """Cluster, make the start with its targets, and train evaluators on it."""
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
    weights, alone = clustering.loss_weights, None
    error = train_evaluator_on(weights, known, real, judged).error
    if real.selection.windows.base is not None:
        alone = train_evaluator_on(weights, known, real, judged, alone=True).error
    return Balance(config.spatial_ratio, config.temporal_ratio, error, alone)
