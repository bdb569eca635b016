"""Validate synthetic data: train fresh evaluators on them, score these on the validation split.

Axis letters: W windows, L lookback, H horizon, N locations, K clusters, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.task import ClusteredData, RealData
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.fit import fit
from stemdist_ray.training.steps import FixedWindows


def validation_windows(source: PreparedSource, config: DistillConfig) -> EvaluationWindows:
    """The validation windows that choices made while distilling go by."""
    starts = source.starts["val"]
    chosen = starts[evenly_spaced(len(starts), config.validation.windows)]
    return EvaluationWindows.of(source, chosen)


def real_data(
    source: PreparedSource,
    config: DistillConfig,
    mean_window: npt.NDArray[np.float32] | None = None,
) -> RealData:
    """What tasks read that train on the real series: the train split, some validation windows.

    Args:
        source: The prepared real series, with its base.
        config: How many validation windows.
        mean_window: (N, L, F + C) mean train windows, where they are known.
    """
    train = source.starts["train"]
    return RealData(
        windows=source.windows.head(source.train_steps),
        starts=train,
        mean_window=source.mean_window() if mean_window is None else mean_window,
        selection=validation_windows(source, config).compact(),
    )


@dataclass(frozen=True)
class ValidationResult:
    """What validating synthetic data gave.

    Args:
        error: Validation relative RMSE of evaluators trained on them, mean over repeats.
        train_seconds: What training one of them took, mean over repeats.
    """

    error: float
    train_seconds: float


@dataclass(frozen=True)
class ValidationTask:
    """All that one evaluator needs besides what the tasks share.

    Args:
        name: For messages, e.g. "evaluator 1 of 2".
        x: (W, L, K, F) synthetic inputs, scaled, without calendar.
        y: (W, H, K) synthetic targets, scaled.
        config: Budget and forecaster.
        seed: Of this evaluator.
        device: "cpu" or "cuda".
    """

    name: str
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    config: DistillConfig
    seed: int
    device: str


def train_evaluator(data: ClusteredData, task: ValidationTask) -> ValidationResult:
    """Train one evaluator on synthetic data and score it on the validation windows.

    Raises:
        DivergenceError: It never reached a finite validation error.
    """
    assert data.real is not None  # of the train series evaluators see the mean windows alone
    return train_evaluator_on(data.cluster_size, data.known, data.real, task)


def train_evaluator_on(
    cluster_size: npt.NDArray[np.int64] | npt.NDArray[np.float64],
    known: KnownParts,
    real: RealData,
    task: ValidationTask,
    alone: bool = False,
) -> ValidationResult:
    """The same, where the tasks do not share the synthetic locations.

    Args:
        cluster_size: (K,) loss weights: the members of each cluster, or others.
        known: What is known of the synthetic windows.
        real: Validation windows, and mean windows of the real locations.
        task: The synthetic data, and how to train.
        alone: Without the base: the evaluator forecasts everything itself.
    """
    config, device, selection = task.config, task.device, real.selection
    if alone:
        selection = selection.with_base(None)
    # What the driver computed itself before it was part of a task keeps its number of threads.
    with torch_threads(config.worker.coordinator_threads):
        x = known.inputs(task.x)
        y = task.y if alone else known.residual(task.x, task.y)
    with torch_threads(config.worker.threads):
        result = fit(
            FixedWindows(
                x,
                y,
                cluster_size,
                config.validation.subsets,
                device=device,
                window_weights=known.weights,
            ),
            lambda model: score_forecaster(model, selection, real.mean_window, device),
            forecaster=config.forecaster,
            shape=WindowShape.of(selection.windows),
            budget=config.validation,
            seed=task.seed,
            device=device,
        )
    return ValidationResult(result.validation.relative_rmse, result.train_seconds)


class Validator:
    """Mean validation relative RMSE of evaluators trained on synthetic data.

    The evaluators train beside each other, on the workers. All rounds use the same seeds, so that
    rounds differ by their data alone.

    Args:
        config: Budget and seed.
        executor: Where the evaluators train; its tasks share the :class:`ClusteredData` with the
            real series.
        device: Where they compute, "cpu" or "cuda".
    """

    def __init__(self, config: DistillConfig, executor: Executor, device: str = "cpu") -> None:
        self.config, self.executor, self.device = config, executor, device

    def __call__(self, synthetic: SyntheticState) -> ValidationResult:
        """Train and score."""
        repeats = self.config.validation.repeats
        tasks = [
            ValidationTask(
                name=f"evaluator {repeat + 1} of {repeats}",
                x=synthetic.x,
                y=synthetic.y,
                config=self.config,
                # The purpose's name is part of every seed drawn so far; it must not change.
                seed=derive_seed(self.config.seed, "judge", repeat),
                device=self.device,
            )
            for repeat in range(repeats)
        ]
        results = self.executor.run(train_evaluator, tasks, lambda result: None)
        return ValidationResult(
            error=float(np.mean([r.error for r in results])),
            train_seconds=float(np.mean([r.train_seconds for r in results])),
        )
