"""The one way a forecaster is trained: optimiser, weight average, validation, when to stop.

A training in one go (:mod:`stemdist_ray.training.fit`) and one with checkpoints on many workers
(:mod:`stemdist_ray.training.loop`) differ in where steps and random numbers come from, and in what
is written down; what a step does, which weights are kept and when it is over is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stemdist_ray.config import BudgetConfig
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import windows_per_batch
from stemdist_ray.forecasters.base_class import Forecaster
from stemdist_ray.training.captured import CapturedSteps
from stemdist_ray.training.group import Group, LocalGroup
from stemdist_ray.training.losses import weighted_loss, window_errors
from stemdist_ray.training.steps import TrainingStep

TRAINING_BUDGET = 512 * 2**20  # bytes of activations; larger steps are cut, gradients add up

Validate = Callable[[Forecaster], Metrics]
"""Scores a forecaster on validation windows."""


@dataclass
class Best:
    """The weights that validated best so far.

    Args:
        epoch: When; 0 = before training, or never.
        error: Their validation relative RMSE.
        metrics: All of their validation metrics; None where they were restored.
        weights: State of the model, copied.
        history: (epoch, validation relative RMSE) of every validation.
    """

    epoch: int = 0
    error: float = math.inf
    metrics: Metrics | None = None
    weights: dict[str, Tensor] = field(default_factory=dict)
    history: list[tuple[int, float]] = field(default_factory=list)

    def consider(
        self, epoch: int, metrics: Metrics, model: Forecaster, *, in_passing: bool = False
    ) -> None:
        """Keep the model's weights if they are better than any before.

        Args:
            epoch: That they were reached in.
            metrics: On validation.
            model: Whose they are.
            in_passing: The look was not due; patience does not count it.
        """
        error = metrics.relative_rmse
        if not in_passing:
            self.history.append((epoch, error))
        if error < self.error:  # never true of NaN and infinity
            self.epoch, self.error, self.metrics = epoch, error, metrics
            self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}


def impatient_after(history: Iterable[tuple[int, float]], patience: int) -> int | None:
    """The epoch or round after which ``patience`` validations in a row brought no improvement.

    Args:
        history: (number, validation relative RMSE) of every validation, in order.
        patience: Validations; 0 = never stop early.

    Returns:
        None where patience has not run out.
    """
    best, since = math.inf, 0
    for number, error in history:
        improved = error < best  # never true of NaN
        best, since = (error, 0) if improved else (best, since + 1)
        if 0 < patience <= since:
            return number
    return None


def check_not_over(
    work: str,
    done: tuple[str, int],
    asked: tuple[str, int],
    patience: tuple[str, int],
    history: Iterable[tuple[int, float]],
) -> None:
    """Make sure that work with these settings would have come as far as its checkpoint.

    Args:
        work: What it is, "run" or "training".
        done: What it counts, "round" or "epoch", and how many are done.
        asked: Name of the setting that says how many there are to be, and its value.
        patience: Name of the setting, and its value.
        history: (number, validation relative RMSE) of every validation, in order.

    Raises:
        ConfigError: It would have ended before.
    """
    unit, number = done
    if asked[1] < number:
        raise ConfigError(
            f"cannot resume with {asked[0]}={asked[1]}: the checkpoint is after {unit} {number}; "
            "ask for at least as many, or start anew in another folder"
        )
    stopped = impatient_after(history, patience[1])
    if stopped is not None and stopped < number:
        raise ConfigError(
            f"cannot resume with {patience[0]}={patience[1]}: such a {work} would have stopped "
            f"after {unit} {stopped}, and the checkpoint is after {unit} {number}; give a larger "
            "patience, or start anew in another folder"
        )


class Engine:
    """A forecaster in training.

    Args:
        model: Fresh, on its device.
        budget: Rates, averaging, epochs, how often to validate.
        patience: Validations without improvement before stopping; 0 = never stop early.
        group: The workers that take every step together.
    """

    def __init__(
        self,
        model: Forecaster,
        budget: BudgetConfig,
        patience: int = 0,
        group: Group | None = None,
    ) -> None:
        self.model, self.budget, self.patience = model, budget, patience
        self.group: Group = group or LocalGroup()
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=budget.learning_rate, fused=True)
        average = get_ema_multi_avg_fn(budget.averaging)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(model, multi_avg_fn=average)
        self.best = Best()
        self.steps = 0
        self.captured: CapturedSteps | None = None
        if model.capturable and self.group.size == 1 and self.parameters[0].is_cuda:
            self.captured = CapturedSteps(self.parameters, partial(add_gradients, model))

    def begin(self, validate: Validate) -> None:
        """Before the first step: on top of a base an untrained network is a candidate, too."""
        if self.model.shape.residual:
            self.validate(0, validate)

    @property
    def candidate(self) -> Forecaster:
        """The forecaster with averaged weights: the one that is validated and kept."""
        module: Forecaster = self.averaged.module  # type: ignore[assignment]
        return module

    def train_epoch(self, steps: Iterable[TrainingStep]) -> int:
        """Take the steps of one epoch; returns how many there were."""
        self.model.train()
        count = 0
        for step in steps:
            self.take(step)
            count += 1
        return count

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, is followed by a validation."""
        return self.in_rhythm(epoch) or epoch == self.budget.epochs

    def in_rhythm(self, epoch: int) -> bool:
        """Whether it would be, whatever the number of epochs."""
        return epoch % self.budget.check_every == 0

    def validate(self, epoch: int, validate: Validate, *, in_passing: bool = False) -> Metrics:
        """Score the averaged weights, and keep them if they are the best so far."""
        metrics = validate(self.candidate)
        self.best.consider(epoch, metrics, self.candidate, in_passing=in_passing)
        return metrics

    def is_over(self, epoch: int) -> bool:
        """Whether the last epoch is done or patience has run out."""
        stopped = impatient_after(self.best.history, self.patience)
        return epoch >= self.budget.epochs or stopped is not None

    def check_converged(self, name: str) -> None:
        """Make sure, at the end, that some weights were worth keeping.

        Args:
            name: Of the forecaster.

        Raises:
            DivergenceError: Validation never gave a finite error.
        """
        if not self.best.weights:
            raise DivergenceError(
                f"training {name} never reached a finite validation error; lower "
                f"{self.budget.section}.learning_rate (now {self.budget.learning_rate})"
            )

    def take(self, own: TrainingStep) -> None:
        """Take one optimiser step, in train mode; ``own`` is what this worker holds of it."""
        self.steps += 1
        self._warm_up()
        if self.captured is not None and self._is_whole(own):
            self.captured.gradients(own)
        else:
            self.optimizer.zero_grad()
            if self.group.size == 1:
                add_gradients(self.model, own)
            else:
                self._add_shared_gradients(own)
        self.optimizer.step()
        self.averaged.update_parameters(self.model)

    def _is_whole(self, step: TrainingStep) -> bool:
        """Whether it is taken in one piece: sharing out pieces looks at the targets."""
        at_once = windows_per_batch(self.model, step.x.shape[2], TRAINING_BUDGET)
        return step.graph is None and step.told is None and len(step.x) <= at_once

    def finish(self) -> None:
        """Wait for the steps taken: a GPU is still at them when the host, and its clock, go on."""
        device = self.parameters[0].device
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def _warm_up(self) -> None:
        """Let the rate rise over the first steps: Adam's first estimates of scale are poor."""
        warmup = self.budget.warmup_steps
        if self.steps <= warmup + 1:  # once more after the last one, for a rate that is exact
            share = min(1.0, self.steps / (warmup + 1))
            for group in self.optimizer.param_groups:
                group["lr"] = self.budget.learning_rate * share

    def _add_shared_gradients(self, own: TrainingStep) -> None:
        """Sum the gradients of all workers, weighted by the observed targets each of them holds.

        One buffer and one sum: these models are small, so there is no computing for the transfer
        to hide behind, and a worker without windows (the last step of an epoch) takes part.
        """
        held = own.targets()
        total = torch.tensor(float(held), device=own.x.device)
        self.group.all_reduce(total)
        if held > 0:
            add_gradients(self.model, own, held / float(total))
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        flat = torch.cat([g.flatten() for g in gradients])
        self.group.all_reduce(flat)
        parts = torch.split(flat, [p.numel() for p in self.parameters])
        for parameter, part in zip(self.parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)


def add_gradients(model: Forecaster, step: TrainingStep, share: float = 1.0) -> None:
    """Add the gradients of ``share`` times the step's loss, within the memory budget."""
    for held, part in step.pieces(windows_per_batch(model, step.x.shape[2], TRAINING_BUDGET)):
        factor = held * share
        given = (part.graph,) if model.shape.graph else ()
        forecast = model(part.x, part.mean_window, *given)
        if part.told is not None:
            part.told(window_errors(forecast, part.y, part.observed))
        loss = weighted_loss(forecast, part.y, part.weights, part.observed)
        torch.autograd.backward(loss if factor == 1.0 else factor * loss)
