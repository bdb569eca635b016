"""Experts: forecasters trained on the real data, of which every epoch's weights are kept.

Methods that match trajectories ask where a training on the real data goes from some point on; the
experts are the answer, computed once. Each is trained by a task of its own and kept as soon as it
is trained.

Source: Cazenavette et al., "Dataset Distillation by Matching Training Trajectories" (CVPR 2022,
arXiv:2203.11932), section 3.2.

Axis letters: E epochs, P parameters of a forecaster.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.distillation.task import RealData
from stemdist_ray.errors import DivergenceError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed, numpy_generator, torch_seed
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.engine import add_gradients
from stemdist_ray.training.steps import SampledWindows


@dataclass(frozen=True)
class ExpertPlan:
    """How many experts, and how they are trained: by plain gradient steps, as the published ones.

    Args:
        count: Experts.
        epochs: E, after each of which the weights are kept.
        steps: Steps of an epoch.
        windows: Real windows of a step.
        locations: Real locations of a step.
        learning_rate: Of the steps.
    """

    count: int
    epochs: int
    steps: int
    windows: int
    locations: int
    learning_rate: float


@dataclass(frozen=True)
class ExpertTask:
    """The training of one expert.

    Args:
        name: For messages.
        plan: How.
        forecaster: What is trained.
        seed: Of this expert.
        threads: torch threads, part of the task because sums depend on it.
        device: "cpu" or "cuda".
        index: Which expert it is, from 0.
    """

    name: str
    plan: ExpertPlan
    forecaster: ForecasterConfig
    seed: int
    threads: int
    device: str
    index: int = 0


@dataclass(frozen=True)
class Expert:
    """A trained expert.

    Args:
        weights: (E + 1, P) float32, all parameters in the model's order: the untrained ones, then
            those after every epoch.
        seconds: That its task took.
        peak_rss_mib: Highest resident memory of the process that ran it.
        index: Which expert it is, from 0.
    """

    weights: npt.NDArray[np.float32]
    seconds: float
    peak_rss_mib: float
    index: int = 0

    @property
    def epochs(self) -> int:
        """E."""
        return len(self.weights) - 1


class ExpertKeeper(Protocol):
    """Keeps experts as soon as they are trained, for a run that goes on."""

    def load(self, index: int) -> Expert | None:
        """An expert that was trained before, None where there is none that is whole."""
        ...

    def save(self, expert: Expert) -> None:
        """Keep an expert."""
        ...


def flat_weights(model: nn.Module) -> Tensor:
    """All parameters of a model as one vector, (P,), without its graph."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def train_expert(real: RealData, task: ExpertTask) -> Expert:
    """Train one expert on sampled real windows; pure apart from torch's thread count.

    Raises:
        DivergenceError: Its weights became non-finite.
    """
    begun, plan = time.perf_counter(), task.plan
    rng = numpy_generator(task.seed, "draws")
    data = SampledWindows(
        windows=real.windows,
        starts=real.starts,
        mean_window=real.mean_window,
        num_windows=min(plan.windows, len(real.starts)),
        num_locations=min(plan.locations, real.windows.num_locations),
        steps=plan.steps,
        device=task.device,
    )
    seeded = torch_seed(task.seed, "weights and dropout")
    with torch_threads(task.threads), PeakMemory() as memory, seeded:
        model = build_forecaster(task.forecaster, WindowShape.of(real.windows)).to(task.device)
        optimizer = torch.optim.SGD(model.parameters(), lr=plan.learning_rate)
        kept = [flat_weights(model).cpu()]
        model.train()
        for _ in range(plan.epochs):
            for step in data.epoch(rng):
                optimizer.zero_grad()
                add_gradients(model, step)
                optimizer.step()
            kept.append(flat_weights(model).cpu())
        weights = torch.stack(kept).numpy()
    if not np.isfinite(weights).all():
        raise DivergenceError(
            f"{task.name} of {task.forecaster.name} diverged; lower its rate "
            f"(method_options.expert_rate, now {plan.learning_rate})"
        )
    return Expert(weights, time.perf_counter() - begun, memory.peak_mib, task.index)


def expert_bytes(plan: ExpertPlan, forecaster: ForecasterConfig, shape: WindowShape) -> int:
    """What the weights of all experts take.

    Args:
        plan: How many, and how many epochs.
        forecaster: What is trained.
        shape: What it is built for.
    """
    with torch_seed(0, "size"):
        model = build_forecaster(forecaster, shape)
    return 4 * plan.count * (plan.epochs + 1) * sum(p.numel() for p in model.parameters())


def train_experts(
    plan: ExpertPlan,
    config: DistillConfig,
    executor: Executor,
    device: str,
    reporter: Reporter,
    keeper: ExpertKeeper | None = None,
) -> tuple[Expert, ...]:
    """Train the experts on the workers; those that are kept already are not trained again.

    Args:
        plan: How many, and how.
        config: Of the run: forecaster, seed, threads.
        executor: Runs the tasks, which must share the :class:`RealData` they are trained on.
        device: Where they compute.
        reporter: Is moved with every expert.
        keeper: Has experts that were trained before, and keeps others; None = nobody does.

    Returns:
        The experts by index.
    """
    found = [] if keeper is None else [keeper.load(index) for index in range(plan.count)]
    experts = {expert.index: expert for expert in found if expert is not None}
    if experts:
        reporter.say(f"experts: {len(experts)} of {plan.count} were trained before")
    tasks = [task for task in _tasks(plan, config, device) if task.index not in experts]

    def done(expert: Expert) -> None:
        if keeper is not None:
            keeper.save(expert)
        reporter.advance()

    if tasks:
        reporter.begin("experts", len(tasks))
    experts |= {expert.index: expert for expert in executor.run(train_expert, tasks, done)}
    return tuple(experts[index] for index in range(plan.count))


def _tasks(plan: ExpertPlan, config: DistillConfig, device: str) -> Sequence[ExpertTask]:
    return [
        ExpertTask(
            name=f"expert {index + 1} of {plan.count}",
            plan=plan,
            forecaster=config.forecaster,
            seed=derive_seed(config.seed, "expert", index),
            threads=config.worker.threads,
            device=device,
            index=index,
        )
        for index in range(plan.count)
    ]
