"""Train a forecaster in one go, in the calling process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.seeding import numpy_generator, torch_seed
from stemdist_ray.training.engine import Engine, Validate
from stemdist_ray.training.steps import TrainingData, TrainingStep


@dataclass(frozen=True)
class Snapshot:
    """What a training that ended after some steps would have given.

    Args:
        steps: Optimiser steps taken.
        train_seconds: Time in them, without validation.
        validation: Validation relative RMSE of the best weights so far.
        weights: Those.
    """

    steps: int
    train_seconds: float
    validation: float
    weights: Mapping[str, Tensor]


@dataclass(frozen=True)
class FitResult:
    """A trained forecaster.

    Args:
        model: With the weights of the best epoch, in eval mode.
        validation: Metrics at the best epoch.
        best_epoch: Counted from 1; 0 = before training, the base itself.
        history: (epoch, validation relative RMSE) of every validation.
        optimizer_steps: Steps taken in all.
        train_seconds: Time in training steps, without validation.
        total_seconds: With validation.
        snapshots: Along the way; the last one is the end.
    """

    model: Forecaster
    validation: Metrics
    best_epoch: int
    history: tuple[tuple[int, float], ...]
    optimizer_steps: int
    train_seconds: float
    total_seconds: float
    snapshots: tuple[Snapshot, ...] = ()


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
    snapshots_at: Sequence[int] = (),
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
        snapshots_at: Optimiser steps after which to validate, too, and to keep a snapshot.
        on_epoch: Called after every epoch.

    Raises:
        DivergenceError: Validation never gave a finite error.
    """
    begun, rng = time.perf_counter(), numpy_generator(seed, "draws")
    epoch, snapshots = 0, list[Snapshot]()
    with torch_seed(seed, "weights and dropout"):
        engine = Engine(build_forecaster(forecaster, shape).to(device), budget, patience)
        clock = _Clock(engine.finish)

        def take_snapshot() -> None:
            engine.validate(epoch, validate, in_passing=True)
            best = engine.best
            if best.weights:
                taken = clock.seconds
                snapshots.append(Snapshot(engine.steps, taken, best.error, best.weights))

        engine.begin(validate)
        while not engine.is_over(epoch):
            epoch += 1
            engine.model.train()
            for step in clock.timed(data.epoch(rng)):
                engine.take(step)
                if engine.steps in snapshots_at:
                    clock.stop()
                    take_snapshot()
                    engine.model.train()
            on_epoch()
            if engine.is_due(epoch):
                engine.validate(epoch, validate)
    engine.check_converged(forecaster.name)
    best = engine.best
    assert best.metrics is not None  # converged in this process
    engine.model.load_state_dict(best.weights)
    if not snapshots or snapshots[-1].steps != engine.steps:
        snapshots.append(Snapshot(engine.steps, clock.seconds, best.error, best.weights))
    return FitResult(
        model=engine.model.eval(),
        validation=best.metrics,
        best_epoch=best.epoch,
        history=tuple(best.history),
        optimizer_steps=engine.steps,
        train_seconds=clock.seconds,
        total_seconds=time.perf_counter() - begun,
        snapshots=tuple(snapshots),
    )


class _Clock:
    """Adds up the time in training steps; validation does not count.

    Args:
        finish: Waits until the steps taken are computed.
    """

    def __init__(self, finish: Callable[[], None]) -> None:
        self.finish, self.seconds = finish, 0.0
        self.since: float | None = None

    def timed(self, steps: Iterable[TrainingStep]) -> Iterator[TrainingStep]:
        """Run while steps are gathered and taken."""
        self.since = time.perf_counter()
        for step in steps:
            yield step
            if self.since is None:  # it was stopped for a look at validation
                self.since = time.perf_counter()
        self.stop()

    def stop(self) -> None:
        """Stand still until the next step."""
        if self.since is not None:
            self.finish()
            self.seconds += time.perf_counter() - self.since
            self.since = None
