"""The training loop, the same for one process and for many.

The windows of every step are dealt out to the workers; each adds the gradients of its share of the
step's loss and the shares are summed, so n workers take the same steps as one, but for rounding
(and for dropout, which every worker draws for its own windows).
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import ConfigError, DivergenceError
from stemdist_ray.evaluation.fit import Best, add_gradients
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows, forecaster_errors
from stemdist_ray.evaluation.sources import TrainingSource, TrainingStep
from stemdist_ray.forecasters import build_forecaster
from stemdist_ray.forecasters.base import Forecaster, WindowShape
from stemdist_ray.seeding import numpy_generator, torch_seed
from stemdist_ray.training.config import TrainingConfig
from stemdist_ray.training.group import Group


@dataclass(frozen=True)
class TrainingWork:
    """What every worker is given.

    Args:
        source: Makes a worker's supplier of steps from (rank, size, device).
        selection: Validation windows that choose the epoch.
        context: (N, L, F) mean train windows of the real locations.
        shape: L, H, F.
        forecaster: What to train.
        training: How.
        seed: Of weights, order and dropout.
        data_hash: Of what it trains on.
    """

    source: Callable[[int, int, str], TrainingSource]
    selection: EvaluationWindows
    context: npt.NDArray[np.float32]
    shape: WindowShape
    forecaster: ForecasterConfig
    training: TrainingConfig
    seed: int
    data_hash: str

    def digest(self) -> str:
        """A hash of all that must be the same for a checkpoint to be gone on with."""
        tree = {
            "forecaster": self.forecaster.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json", exclude={"epochs", "patience"}),
            "shape": asdict(self.shape),
            "seed": self.seed,
            "data": self.data_hash,
        }
        text = json.dumps(tree, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class TrainingLoop:
    """One worker's part of a training.

    Args:
        work: What to do.
        group: With whom.
        device: Where.
    """

    def __init__(self, work: TrainingWork, group: Group, device: str) -> None:
        self.work, self.group, self.device = work, group, device
        config = work.training
        with torch_seed(work.seed, "weights"):  # the same on every worker
            self.model = build_forecaster(work.forecaster, work.shape).to(device)
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.parameters, lr=config.learning_rate, fused=True)
        average = get_ema_multi_avg_fn(config.averaging)  # type: ignore[no-untyped-call]
        self.averaged = AveragedModel(self.model, multi_avg_fn=average)
        self.best = Best()
        self.epoch = 0
        self.seconds = 0.0
        self.source = work.source(group.rank, group.size, device)

    def run(self) -> None:
        """Train to the last epoch, from the last checkpoint where there is one.

        Raises:
            ConfigError: The checkpoint was written with other settings or data.
            DivergenceError: Validation never gave a finite error.
        """
        saved = self.group.restore()
        if saved is not None:
            self._load(saved)
        config = self.work.training
        while self.epoch < config.epochs and not self._out_of_patience():
            self.epoch += 1
            begun = time.perf_counter()
            self._train_epoch()
            self.seconds += time.perf_counter() - begun
            record: dict[str, float] = {"epoch": self.epoch, "train_seconds": self.seconds}
            looked = self.epoch % config.check_every == 0 or self.epoch == config.epochs
            if looked:
                judged: Forecaster = self.averaged.module  # type: ignore[assignment]
                metrics = self._judge(judged)
                self.best.consider(self.epoch, metrics, judged)
                record |= {"validation_relative_rmse": metrics.relative_rmse}
            if self.epoch == config.epochs and self.best.epoch == 0:
                raise DivergenceError(
                    f"training {self.work.forecaster.name} never reached a finite validation "
                    f"error; lower training.learning_rate (now {config.learning_rate})"
                )
            if looked:  # a checkpoint costs Ray Train about a second, whatever its size
                self.group.report(record, self._state() if self.group.rank == 0 else None)

    def _train_epoch(self) -> None:
        self.model.train()
        rng = numpy_generator(self.work.seed, "draws", self.epoch)
        with torch_seed(self.work.seed, "dropout", self.epoch, self.group.rank):
            for step in self.source.epoch(rng):
                self._take(step)

    def _take(self, own: TrainingStep) -> None:
        held = own.targets()
        total = torch.tensor(float(held), device=self.device)
        self.group.add_up(total)
        self.optimizer.zero_grad()
        if held > 0:
            add_gradients(self.model, own, held / float(total))
        if self.group.size > 1:
            self._add_up_gradients()
        self.optimizer.step()
        self.averaged.update_parameters(self.model)

    def _add_up_gradients(self) -> None:
        """Sum the gradients of all workers.

        One buffer and one sum: these models are small, so there is no computing for the transfer
        to hide behind, and a worker without windows (the last step of an epoch) takes part.
        """
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        flat = torch.cat([g.flatten() for g in gradients])
        self.group.add_up(flat)
        parts = torch.split(flat, [p.numel() for p in self.parameters])
        for parameter, part in zip(self.parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)

    def _judge(self, model: Forecaster) -> Metrics:
        work, group = self.work, self.group
        own = work.selection.every(group.size, group.rank)
        sums = forecaster_errors(model, own, work.context, self.device)
        together = torch.tensor(np.stack(sums.arrays()), dtype=torch.float64, device=self.device)
        if group.size > 1:
            group.add_up(together)
            for array, values in zip(sums.arrays(), together.cpu().numpy(), strict=True):
                array[:] = values
        return sums.metrics(work.selection.statistics)

    def _out_of_patience(self) -> bool:
        patience = self.work.training.patience
        since = sum(1 for epoch, _ in self.best.history if epoch > self.best.epoch)
        return patience > 0 and since >= patience

    def _state(self) -> dict[str, Any]:
        return {
            "digest": self.work.digest(),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_epoch": self.best.epoch,
            "best_weights": self.best.weights,
            "history": [list(look) for look in self.best.history],
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        if state["digest"] != self.work.digest():
            raise ConfigError(
                "cannot resume: the checkpoint was written with another forecaster, seed, data or "
                "other training settings; only epochs and patience may change. Start anew in "
                "another folder"
            )
        self.epoch, self.seconds = int(state["epoch"]), float(state["seconds"])
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        history = [(int(epoch), float(error)) for epoch, error in state["history"]]
        errors = dict(history)
        self.best = Best(
            epoch=int(state["best_epoch"]),
            error=errors.get(int(state["best_epoch"]), math.inf),
            weights=dict(state["best_weights"]),
            history=history,
        )
