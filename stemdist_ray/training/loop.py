"""A training with checkpoints, the same for one process and for many.

The windows of every step are dealt out to the workers; each adds the gradients of its share of the
step's loss and the shares are summed, so n workers take the same steps as one, but for rounding
(and for dropout, which every worker draws for its own windows).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.config import ForecasterConfig, TrainingConfig, describe_differences
from stemdist_ray.errors import ConfigError
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows, forecaster_errors
from stemdist_ray.forecasters import build_forecaster
from stemdist_ray.forecasters.base_class import Forecaster, WindowShape
from stemdist_ray.seeding import numpy_generator, torch_seed
from stemdist_ray.training.engine import Best, Engine, check_not_over
from stemdist_ray.training.group import Group
from stemdist_ray.training.steps import TrainingData


@dataclass(frozen=True)
class TrainingWork:
    """What every worker is given.

    Args:
        data: Makes a worker's data from (rank, size, device).
        selection: Validation windows that choose the epoch.
        mean_window: (N, L, F) mean train windows of the real locations.
        shape: L, H, F.
        forecaster: What to train.
        training: How.
        seed: Of weights, order and dropout.
        deciding: All that must be the same for a checkpoint to be gone on with, by name.
    """

    data: Callable[[int, int, str], TrainingData]
    selection: EvaluationWindows
    mean_window: npt.NDArray[np.float32]
    shape: WindowShape
    forecaster: ForecasterConfig
    training: TrainingConfig
    seed: int
    deciding: Mapping[str, Any]


class TrainingLoop:
    """One worker's part of a training.

    Args:
        work: What to do.
        group: With whom.
        device: Where.
    """

    def __init__(self, work: TrainingWork, group: Group, device: str) -> None:
        self.work, self.group, self.device = work, group, device
        with torch_seed(work.seed, "weights"):  # the same on every worker
            model = build_forecaster(work.forecaster, work.shape).to(device)
        self.engine = Engine(model, work.training, work.training.patience, group)
        self.epoch = 0
        self.seconds = 0.0
        self.data = work.data(group.rank, group.size, device)

    def run(self) -> None:
        """Train to the last epoch, from the last checkpoint where there is one.

        Raises:
            ConfigError: The checkpoint was written with other settings or data.
            DivergenceError: Validation never gave a finite error.
        """
        saved = self.group.restore()
        if saved is not None:
            self._load(saved)
        else:
            self.engine.begin(self._validate)
        engine = self.engine
        while not engine.is_over(self.epoch):
            self.epoch += 1
            begun = time.perf_counter()
            self._train_epoch()
            self.seconds += time.perf_counter() - begun
            if not engine.is_due(self.epoch):
                continue
            # An epoch out of rhythm is validated only because it is the last: a run that was asked
            # for more at once would not have been, so what it would hold is kept for going on.
            going_on = {} if engine.in_rhythm(self.epoch) else self._best()
            metrics = engine.validate(self.epoch, self._validate)
            if engine.is_over(self.epoch):
                engine.check_converged(self.work.forecaster.name)
            record = {
                "epoch": self.epoch,
                "train_seconds": self.seconds,
                "validation_relative_rmse": metrics.relative_rmse,
            }
            # A checkpoint costs Ray Train about a second, whatever its size.
            self.group.report(record, self._state(going_on) if self.group.rank == 0 else None)

    def _train_epoch(self) -> None:
        # Seeds of its own for every epoch: one that is begun again after a loss draws the same.
        rng = numpy_generator(self.work.seed, "draws", self.epoch)
        with torch_seed(self.work.seed, "dropout", self.epoch, self.group.rank):
            self.engine.train_epoch(self.data.epoch(rng))
        self.engine.finish()

    def _validate(self, model: Forecaster) -> Metrics:
        work, group = self.work, self.group
        own = work.selection.every(group.size, group.rank)
        sums = forecaster_errors(model, own, work.mean_window, self.device)
        together = torch.tensor(np.stack(sums.arrays()), dtype=torch.float64, device=self.device)
        if group.size > 1:
            group.all_reduce(together)
            for array, values in zip(sums.arrays(), together.cpu().numpy(), strict=True):
                array[:] = values
        return sums.metrics(work.selection.statistics)

    def _state(self, going_on: dict[str, Any]) -> dict[str, Any]:
        engine = self.engine
        return {
            "deciding": dict(self.work.deciding),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "steps": engine.steps,
            "model": engine.model.state_dict(),
            "averaged": engine.averaged.state_dict(),
            "optimizer": engine.optimizer.state_dict(),
            **self._best(),
            "going_on": going_on,
        }

    def _best(self) -> dict[str, Any]:
        best = self.engine.best
        return {
            "best_epoch": best.epoch,
            "best_weights": best.weights,
            "history": [list(pair) for pair in best.history],
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        if "deciding" not in state:
            raise ConfigError(
                "cannot resume: the checkpoint was written by another release of stemdist_ray; "
                "start anew in another folder"
            )
        differences = describe_differences(state["deciding"], self.work.deciding)
        if differences:
            raise ConfigError(
                f"cannot resume: the checkpoint was written with other settings or data: "
                f"{differences}; only training.epochs and training.patience may change. Start anew "
                "in another folder"
            )
        engine, training = self.engine, self.work.training
        self.epoch, self.seconds = int(state["epoch"]), float(state["seconds"])
        if training.epochs > self.epoch:
            state = {**state, **state["going_on"]}
        history = [(int(epoch), float(error)) for epoch, error in state["history"]]
        check_not_over(
            "training",
            ("epoch", self.epoch),
            ("training.epochs", training.epochs),
            ("training.patience", training.patience),
            history,
        )
        engine.model.load_state_dict(state["model"])
        engine.averaged.load_state_dict(state["averaged"])
        engine.optimizer.load_state_dict(state["optimizer"])
        engine.steps = int(state["steps"])
        engine.best = Best(
            epoch=int(state["best_epoch"]),
            error=dict(history).get(int(state["best_epoch"]), math.inf),
            weights=dict(state["best_weights"]),
            history=history,
        )
