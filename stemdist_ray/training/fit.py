"""Train a forecaster in one go, in the calling process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.seeding import numpy_generator, torch_seed
from stemdist_ray.training.engine import Engine, Validate
from stemdist_ray.training.steps import TrainingData


@dataclass(frozen=True)
class FitResult:
    """A trained forecaster.

    Args:
        model: With the weights of the best epoch, in eval mode.
        validation: Metrics at the best epoch.
        best_epoch: Counted from 1.
        history: (epoch, validation relative RMSE) of every validation.
        optimizer_steps: Steps taken in all.
        train_seconds: Time in training steps, without validation.
        total_seconds: With validation.
    """

    model: Forecaster
    validation: Metrics
    best_epoch: int
    history: tuple[tuple[int, float], ...]
    optimizer_steps: int
    train_seconds: float
    total_seconds: float


def fit(
    data: TrainingData,
    validate: Validate,
    *,
    forecaster: ForecasterConfig,
    shape: WindowShape,
    budget: BudgetConfig,
    seed: int,
    patience: int = 0,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[], None] = lambda: None,
) -> FitResult:
    """Train a fresh forecaster and keep the weights that validate best.

    Args:
        data: Gives the steps of each epoch.
        validate: Scores the model on validation windows.
        forecaster: What to train.
        shape: L, H, F.
        budget: Epochs, rates, how often to validate.
        seed: Decides weights, dropout and the draws of the steps.
        patience: Validations without improvement before stopping; 0 = never stop early.
        device: Where to train.
        on_epoch: Called after every epoch.

    Raises:
        DivergenceError: Validation never gave a finite error.
    """
    begun, rng = time.perf_counter(), numpy_generator(seed, "draws")
    epoch, steps, train_seconds = 0, 0, 0.0
    with torch_seed(seed, "weights and dropout"):
        engine = Engine(build_forecaster(forecaster, shape).to(device), budget, patience)
        while not engine.is_over(epoch):
            epoch += 1
            clock = time.perf_counter()
            steps += engine.train_epoch(data.epoch(rng))
            train_seconds += time.perf_counter() - clock
            on_epoch()
            if engine.is_due(epoch):
                engine.validate(epoch, validate)
    engine.check_converged(forecaster.name)
    best = engine.best
    assert best.metrics is not None  # converged in this process
    engine.model.load_state_dict(best.weights)
    return FitResult(
        model=engine.model.eval(),
        validation=best.metrics,
        best_epoch=best.epoch,
        history=tuple(best.history),
        optimizer_steps=steps,
        train_seconds=train_seconds,
        total_seconds=time.perf_counter() - begun,
    )
