"""Soft targets: what a teacher, trained on the real data, forecasts for the synthetic inputs.

A reading is a forecast plus noise, and a small data set has too few readings to average the noise
away. A teacher has seen all of them: its forecasts for the synthetic inputs are targets without
that noise, so that a student learns from a few windows what the teacher learned from many.

Sources: Hinton et al., "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531); that
soft labels carry much of what data distillation gains, Qin et al., "A Label is Worth a Thousand
Images in Dataset Distillation" (NeurIPS 2024, arXiv:2406.10485).

Axis letters: W windows, L lookback, H horizon, K synthetic locations, F features.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.validation import validation_windows
from stemdist_ray.evaluation.predict import EvaluationWindows, forecast_windows, score_forecaster
from stemdist_ray.execution.devices import driver_device
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.closed_form.ridge import RidgeOnLags
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.training.fit import fit
from stemdist_ray.training.steps import SampledWindows

Array = npt.NDArray[np.float32]
Teacher = Callable[[Array, Array], Array]
"""(W, L, N, F) inputs and the (N, L, F) mean windows of the locations to (W, H, N) forecasts."""


def teach(
    config: DistillConfig, source: PreparedSource, start: SyntheticState, reporter: Reporter
) -> tuple[SyntheticState, dict[str, float]]:
    """Replace the targets of the start by forecasts of the best teacher.

    The candidates are the forecaster of the run, ridge on lags, and the mean of the two. The one
    with the lowest error on the validation windows labels.

    Args:
        config: The run; ``teacher.epochs`` = 0 means no teacher.
        source: The prepared real series.
        start: The unlearned start.
        reporter: Is told about progress.

    Returns:
        The start with new targets, and the validation relative RMSE of every candidate, best
        first (empty without a teacher).

    Raises:
        DivergenceError: The forecaster never reached a finite validation error.
    """
    if config.teacher.epochs == 0:
        return start, {}
    windows, mean_window = validation_windows(source, config), source.mean_window()
    trained = forecaster_teacher(
        train_teacher(config, source, start, windows, mean_window, reporter), driver_device(config)
    )
    ridge = RidgeOnLags(source)
    teachers: dict[str, Teacher] = {
        config.forecaster.name: trained,
        "ridge": lambda x, _: ridge.forecast(x),
        "mean of both": lambda x, own: 0.5 * (trained(x, own) + ridge.forecast(x)),
    }
    scores = {name: _score(teacher, windows, mean_window) for name, teacher in teachers.items()}
    ranked = sorted(scores, key=scores.__getitem__)
    found = ", ".join(f"{name} {scores[name]:.4f}" for name in ranked)
    reporter.say(f"teachers, validation relative RMSE: {found}; {ranked[0]} gives the targets")
    own_mean = start.x.mean(axis=0).transpose(1, 0, 2)
    targets = teachers[ranked[0]](start.x, own_mean).astype(np.float32)
    return SyntheticState.fresh(start.x, targets), {name: scores[name] for name in ranked}


def train_teacher(
    config: DistillConfig,
    source: PreparedSource,
    start: SyntheticState,
    windows: EvaluationWindows,
    mean_window: Array,
    reporter: Reporter,
) -> Forecaster:
    """Train the run's forecaster on all real train data, sampled to the size of a distilled step.

    Args:
        config: The run.
        source: The prepared real series.
        start: Gives the number of windows and locations of a step.
        windows: Choose the epoch that is kept.
        mean_window: (N, L, F) mean train windows of the real locations.
        reporter: Is told when it begins and moved once per epoch.
    """
    budget, device = config.teacher, driver_device(config)
    reporter.begin("teacher", budget.epochs)
    result = fit(
        SampledWindows.like_distilled(
            source, mean_window, start.num_windows, start.num_locations, budget.subsets, device
        ),
        lambda model: score_forecaster(model, windows, mean_window, device),
        forecaster=config.forecaster,
        shape=WindowShape.of(source.windows),
        budget=budget,
        seed=derive_seed(config.seed, "teacher"),
        device=device,
        on_epoch=reporter.advance,
    )
    return result.model


def forecaster_teacher(model: Forecaster, device: str) -> Teacher:
    """Wrap a trained forecaster."""
    model.eval()
    return lambda x, mean_window: forecast_windows(model, x, mean_window, device)


def _score(teacher: Teacher, windows: EvaluationWindows, mean_window: Array) -> float:
    series = windows.windows
    metrics = windows.score(
        lambda starts: teacher(series.batch(starts).x.numpy(), mean_window), len(windows.starts)
    )
    return metrics.relative_rmse
