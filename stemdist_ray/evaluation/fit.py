"""Train an evaluator: plain Adam steps, validated often, best step kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.objective import weighted_loss
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import windows_per_batch
from stemdist_ray.evaluation.sources import TrainingSource, TrainingStep
from stemdist_ray.forecasters.base import Forecaster, WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.seeding import numpy_generator, torch_seed

TRAINING_BUDGET = 512 * 2**20  # bytes of activations; larger steps are cut, gradients add up


@dataclass(frozen=True)
class FitResult:
    """A trained evaluator.

    Args:
        model: With the weights of the best epoch, in eval mode.
        validation: Metrics at the best epoch.
        best_epoch: Counted from 1.
        history: (epoch, validation relative RMSE) at every look.
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
    source: TrainingSource,
    validate: Callable[[Forecaster], Metrics],
    *,
    forecaster: ForecasterConfig,
    shape: WindowShape,
    epochs: int,
    check_every: int,
    learning_rate: float,
    seed: int,
    averaging: float = 0.0,
    patience: int | None = None,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[], None] = lambda: None,
) -> FitResult:
    """Train a fresh forecaster and keep the weights that validate best.

    Args:
        source: Supplies the steps of each epoch.
        validate: Judges the model (on validation windows).
        forecaster: What to train.
        shape: L, H, F.
        epochs: Epochs at most.
        check_every: Epochs between validations; the last epoch is always judged.
        learning_rate: Adam rate.
        seed: Decides weights, dropout and the draws of the source.
        averaging: Decay of the moving average over steps whose weights are judged; 0 = none.
        patience: Validations without improvement before stopping, None = never.
        device: Where to train.
        on_epoch: Called after every epoch.

    Raises:
        DivergenceError: Validation never gave a finite error.
    """
    begun, rng, best = time.perf_counter(), numpy_generator(seed, "draws"), Best()
    steps, train_seconds = 0, 0.0
    with torch_seed(seed, "weights and dropout"):
        model = build_forecaster(forecaster, shape).to(device)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
        average = get_ema_multi_avg_fn(averaging)  # type: ignore[no-untyped-call]
        averaged = AveragedModel(model, multi_avg_fn=average)
        judged: Forecaster = averaged.module  # type: ignore[assignment]
        for epoch in range(1, epochs + 1):
            clock = time.perf_counter()
            steps += _train_epoch(model, optimizer, source.epoch(rng), averaged)
            train_seconds += time.perf_counter() - clock
            on_epoch()
            if epoch % check_every and epoch != epochs:
                continue
            best.consider(epoch, validate(judged), judged)
            if patience is not None and epoch - best.epoch >= patience * check_every:
                break
    if best.metrics is None:
        raise DivergenceError(
            f"training {forecaster.name} never reached a finite validation error; "
            f"lower the learning rate (now {learning_rate})"
        )
    model.load_state_dict(best.weights)
    return FitResult(
        model=model.eval(),
        validation=best.metrics,
        best_epoch=best.epoch,
        history=tuple(best.history),
        optimizer_steps=steps,
        train_seconds=train_seconds,
        total_seconds=time.perf_counter() - begun,
    )


@dataclass
class Best:
    """The weights that validated best so far.

    Args:
        epoch: When, 0 = never.
        error: Their validation relative RMSE.
        metrics: All of their validation metrics.
        weights: State of the model, copied.
        history: (epoch, validation relative RMSE) at every look.
    """

    epoch: int = 0
    error: float = math.inf
    metrics: Metrics | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[tuple[int, float]] = field(default_factory=list)

    def consider(self, epoch: int, metrics: Metrics, model: Forecaster) -> None:
        """Keep the model's weights if they are better than any before."""
        error = metrics.relative_rmse
        self.history.append((epoch, error))
        if error < self.error:  # never true of NaN and infinity
            self.epoch, self.error, self.metrics = epoch, error, metrics
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}


def add_gradients(model: Forecaster, step: TrainingStep, share: float = 1.0) -> None:
    """Add the gradients of ``share`` times the step's loss, within the memory budget."""
    for held, part in step.pieces(windows_per_batch(model, step.x.shape[2], TRAINING_BUDGET)):
        factor = held * share
        loss = weighted_loss(model(part.x, part.context), part.y, part.weights, part.observed)
        torch.autograd.backward(loss if factor == 1.0 else factor * loss)


def _train_epoch(
    model: Forecaster,
    optimizer: torch.optim.Optimizer,
    steps: Iterable[TrainingStep],
    averaged: AveragedModel,
) -> int:
    model.train()
    count = 0
    for step in steps:
        optimizer.zero_grad()
        add_gradients(model, step)
        optimizer.step()
        averaged.update_parameters(model)
        count += 1
    return count
