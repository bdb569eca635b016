"""One shard task: an outer iteration of STemDist on some of the synthetic locations.

The task is a pure function of its arguments. Who runs it, where, and after how many crashes
does not matter: the same task gives the same update.

Source: STemDist (arXiv:2603.10410), subset-based granular distillation.
Axis letters: W windows, L lookback, N locations, F features.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemdist_ray.config import ForecasterConfig, MatchingConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.distill.objective import gradient_distance, location_weights, weighted_loss
from stemdist_ray.distill.partition import random_partition
from stemdist_ray.distill.state import SyntheticState
from stemdist_ray.errors import DivergenceError
from stemdist_ray.forecasters.base import Forecaster, WindowShape, build_forecaster
from stemdist_ray.memory import PeakMemory
from stemdist_ray.seeding import numpy_generator, torch_seed

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class ClusteredData:
    """The clustered train series that all tasks of a run share; read only.

    Args:
        windows: Scaled series of the K clusters.
        starts: Window starts of the train split.
        context: (K, L, F) mean train window of each cluster.
        cluster_size: (K,) members of each cluster.
    """

    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    context: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ShardTask:
    """Everything one task needs besides the shared data.

    Args:
        name: For messages, e.g. "round 3 shard 1".
        locations: Positions of the clusters in this shard.
        state: Their slice of the synthetic data and of the Adam state.
        matching: Steps, subsets, rates.
        forecaster: The surrogate to build.
        seed: Seed of this task.
        threads: torch threads, part of the task because sums depend on it.
        device: "cpu" or "cuda".
    """

    name: str
    locations: npt.NDArray[np.int64]
    state: SyntheticState
    matching: MatchingConfig
    forecaster: ForecasterConfig
    seed: int
    threads: int
    device: str


@dataclass(frozen=True)
class ShardUpdate:
    """What a task returns.

    Args:
        locations: As in the task.
        state: The new slice.
        distances: Mean gradient distance per subset, one number per matching step.
        inner_losses: Mean loss of the surrogate on synthetic data, per matching step.
        seconds: Wall time of the task.
        peak_rss_mib: Highest resident memory of the process that ran it.
    """

    locations: npt.NDArray[np.int64]
    state: SyntheticState
    distances: tuple[float, ...]
    inner_losses: tuple[float, ...]
    seconds: float
    peak_rss_mib: float


class SyntheticTensors:
    """The synthetic slice on a device, updated by Adam one location subset at a time."""

    def __init__(self, state: SyntheticState, device: torch.device | str) -> None:
        self.tensors = {
            name: torch.tensor(array, device=device) for name, array in state.arrays().items()
        }

    @property
    def x(self) -> Tensor:
        """(W, L, N, F)."""
        return self.tensors["x"]

    @property
    def y(self) -> Tensor:
        """(W, H, N)."""
        return self.tensors["y"]

    def adam_step(
        self, locations: Tensor, gradients: dict[str, Tensor], learning_rate: float
    ) -> None:
        """Take one Adam step (Kingma & Ba 2015) on the slice of some locations."""
        updates = self.tensors["updates"]
        updates[locations] += 1
        count = updates[locations].to(self.x.dtype)
        for name, gradient in gradients.items():
            shape = (1, 1, -1) + (1,) * (gradient.ndim - 3)
            first = self.tensors[f"{name}_first"][:, :, locations]
            second = self.tensors[f"{name}_second"][:, :, locations]
            first = first.lerp(gradient, 1 - _BETA_1)
            second = second.lerp(gradient.square(), 1 - _BETA_2)
            correction_1 = (1 - _BETA_1**count).view(shape)
            correction_2 = (1 - _BETA_2**count).view(shape)
            step = first / correction_1 / ((second / correction_2).sqrt() + _EPSILON)
            self.tensors[f"{name}_first"][:, :, locations] = first
            self.tensors[f"{name}_second"][:, :, locations] = second
            self.tensors[name][:, :, locations] -= learning_rate * step

    def to_state(self) -> SyntheticState:
        """Copy everything back to NumPy."""
        return SyntheticState(**{k: v.cpu().numpy() for k, v in self.tensors.items()})


def mean_window(x: Tensor) -> Tensor:
    """Encoder input of synthetic locations: (W, L, N, F) to (N, L, F)."""
    return x.mean(dim=0).transpose(0, 1)


class _ShardRun:
    """The state of one running task."""

    def __init__(self, data: ClusteredData, task: ShardTask) -> None:
        self.data, self.task, self.device = data, task, torch.device(task.device)
        shape = WindowShape(data.windows.lookback, data.windows.horizon, data.windows.num_features)
        self.model: Forecaster = build_forecaster(task.forecaster, shape).to(self.device)
        self.parameters = list(self.model.parameters())
        self.optimizer = torch.optim.Adam(
            self.parameters, lr=task.matching.inner_learning_rate, foreach=True
        )
        self.synthetic = SyntheticTensors(task.state, self.device)
        self.context = torch.tensor(data.context[task.locations], device=self.device)
        size = data.cluster_size[task.locations]
        self.cluster_size = torch.tensor(size, dtype=torch.float32, device=self.device)
        self.rng = numpy_generator(task.seed, "draws")

    def subsets(self) -> list[Tensor]:
        parts = random_partition(len(self.task.locations), self.task.matching.subsets, self.rng)
        return [torch.as_tensor(part, device=self.device) for part in parts]

    def _rows(self) -> Tensor | slice:
        wanted, have = self.task.matching.synthetic_batch, len(self.synthetic.x)
        if wanted is None or wanted >= have:
            return slice(None)
        return torch.as_tensor(np.sort(self.rng.choice(have, wanted, replace=False)))

    def matching_step(self) -> float:
        """Match the gradients of every subset once; returns the mean distance per subset."""
        starts = self._draw_real(self.task.matching.real_batch)
        # Dropout noise would hide the direction that is to be matched.
        self.model.eval()
        distances = []
        for subset in self.subsets():
            loss = self._real_loss(subset, starts)
            wanted = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
            distances.append(self._update_subset(subset, wanted))
        return float(torch.stack(distances).mean())

    def _update_subset(self, subset: Tensor, wanted: tuple[Tensor, ...]) -> Tensor:
        rows, matching = self._rows(), self.task.matching
        weights = location_weights(self.cluster_size[subset])
        whole_x = self.synthetic.x[:, :, subset].requires_grad_()
        whole_y = self.synthetic.y[:, :, subset].requires_grad_(matching.learn_targets)
        forecast = self.model(whole_x[rows], mean_window(whole_x))
        loss = weighted_loss(forecast, whole_y[rows], weights)
        have = torch.autograd.grad(loss, self.parameters, create_graph=True, materialize_grads=True)
        distance = gradient_distance(wanted, have)
        learned = {"x": whole_x} | ({"y": whole_y} if matching.learn_targets else {})
        gradients = torch.autograd.grad(distance, list(learned.values()))
        self.synthetic.adam_step(
            subset, dict(zip(learned, gradients, strict=True)), matching.learning_rate
        )
        return distance.detach()

    def train_surrogate(self) -> float:
        """Train the surrogate between matching steps; returns the mean loss of the last epoch."""
        self.model.train()
        losses = [torch.zeros((), device=self.device)]
        for _ in range(self.task.matching.inner_epochs):
            losses = []
            for subset in self.subsets():
                if self.task.matching.inner_data == "synthetic":
                    loss = self._synthetic_loss(subset)
                else:
                    loss = self._real_loss(subset, self._draw_real(len(self.synthetic.x)))
                self.optimizer.zero_grad()
                torch.autograd.backward(loss)
                self.optimizer.step()
                losses.append(loss.detach())
        return float(torch.stack(losses).mean())

    def _draw_real(self, count: int) -> npt.NDArray[np.int64]:
        starts = self.data.starts
        return starts[self.rng.choice(len(starts), min(count, len(starts)), replace=False)]

    def _real_loss(self, subset: Tensor, starts: npt.NDArray[np.int64]) -> Tensor:
        clusters = self.task.locations[subset.cpu().numpy()]
        real = self.data.windows.batch(starts, clusters, self.device)
        forecast = self.model(real.x, self.context[subset])
        weights = location_weights(self.cluster_size[subset])
        return weighted_loss(forecast, real.y, weights, real.observed)

    def _synthetic_loss(self, subset: Tensor) -> Tensor:
        x, rows = self.synthetic.x[:, :, subset], self._rows()
        forecast = self.model(x[rows], mean_window(x))
        weights = location_weights(self.cluster_size[subset])
        return weighted_loss(forecast, self.synthetic.y[:, :, subset][rows], weights)


def run_shard(data: ClusteredData, task: ShardTask) -> ShardUpdate:
    """Run one shard task; pure apart from torch's thread count, which it restores.

    Raises:
        DivergenceError: The synthetic data became non-finite.
    """
    begun, threads_before = time.perf_counter(), torch.get_num_threads()
    torch.set_num_threads(task.threads)
    try:
        with PeakMemory() as memory, torch_seed(task.seed, "weights and dropout"):
            run = _ShardRun(data, task)
            distances, losses = [], []
            for step in range(task.matching.steps):
                distances.append(run.matching_step())
                if step + 1 < task.matching.steps:
                    losses.append(run.train_surrogate())
            state = run.synthetic.to_state()
    finally:
        torch.set_num_threads(threads_before)
    if not (np.isfinite(state.x).all() and np.isfinite(state.y).all()):
        raise DivergenceError(
            f"{task.name}: the synthetic data became non-finite; lower matching.learning_rate "
            f"(now {task.matching.learning_rate}) or matching.inner_learning_rate "
            f"(now {task.matching.inner_learning_rate})"
        )
    return ShardUpdate(
        locations=task.locations,
        state=state,
        distances=tuple(distances),
        inner_losses=tuple(losses),
        seconds=time.perf_counter() - begun,
        peak_rss_mib=memory.peak_mib,
    )
