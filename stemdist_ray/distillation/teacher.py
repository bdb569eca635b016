"""Soft targets: what a teacher, trained on the real data, forecasts for the synthetic inputs.

A reading is a forecast plus noise, and a small data set has too few readings to average the noise
away. A teacher has seen all of them: its forecasts for the synthetic inputs are targets without
that noise, so that a student learns from a few windows what the teacher learned from many. The
teacher is the base and, on top of it, the mean of several networks: its members, each trained by a
task of its own and kept as soon as it is trained. What they are asked is a task as well.

Sources: Hinton et al., "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531); that
soft labels carry much of what data distillation gains, Qin et al., "A Label is Worth a Thousand
Images in Dataset Distillation" (NeurIPS 2024, arXiv:2406.10485).

Axis letters: W windows, L lookback, H horizon, N locations, F features.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import DistillConfig
from stemdist_ray.distillation.members import Teacher, Weights, member_forecaster
from stemdist_ray.distillation.state import KnownParts
from stemdist_ray.distillation.task import RealData
from stemdist_ray.evaluation.predict import score_forecaster
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.points import reached
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.training.fit import fit
from stemdist_ray.training.steps import SampledWindows

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class MemberTask:
    """The training of one member.

    Args:
        name: For messages.
        config: Budget, forecaster, threads.
        seed: Of this member.
        device: "cpu" or "cuda".
        index: Which member it is, from 0.
    """

    name: str
    config: DistillConfig
    seed: int
    device: str
    index: int = 0


@dataclass(frozen=True)
class Member:
    """A trained member.

    Args:
        weights: By name of the parameter.
        error: Validation relative RMSE, on top of the base.
        seconds: That its task took.
        peak_rss_mib: Highest resident memory of the process that ran it.
        index: Which member it is, from 0.
    """

    weights: Weights
    error: float
    seconds: float
    peak_rss_mib: float
    index: int = 0


class MemberKeeper(Protocol):
    """Keeps members as soon as they are trained, for a run that goes on, or for others."""

    def held(self, members: int) -> AbstractContextManager[None]:
        """While the block runs nobody else trains the first ``members`` members."""
        ...

    def load(self, index: int) -> Member | None:
        """A member that was trained before, None where there is none that is whole."""
        ...

    def save(self, member: Member) -> None:
        """Keep a member."""
        ...


def train_member(real: RealData, task: MemberTask) -> Member:
    """Train one member on sampled real windows; pure apart from torch's thread count.

    Raises:
        DivergenceError: It never reached a finite validation error.
    """
    begun, config = time.perf_counter(), task.config
    budget = config.teacher
    with torch_threads(config.worker.threads), PeakMemory() as memory:
        sampled = SampledWindows(
            windows=real.windows,
            starts=real.starts,
            mean_window=real.mean_window,
            num_windows=min(budget.windows, len(real.starts)),
            num_locations=min(budget.locations, real.windows.num_locations),
            steps=budget.subsets,
            device=task.device,
        )
        result = fit(
            sampled,
            lambda model: score_forecaster(model, real.selection, real.mean_window, task.device),
            forecaster=member_forecaster(config, task.index),
            shape=WindowShape.of(real.windows),
            budget=budget,
            seed=task.seed,
            device=task.device,
        )
    state = result.model.state_dict()
    return Member(
        weights={name: value.cpu().numpy() for name, value in state.items()},
        error=result.validation.relative_rmse,
        seconds=time.perf_counter() - begun,
        peak_rss_mib=memory.peak_mib,
        index=task.index,
    )


def train_teacher(
    config: DistillConfig,
    real: RealData,
    executor: Executor,
    device: str,
    reporter: Reporter,
    keeper: MemberKeeper | None = None,
) -> tuple[Teacher | None, dict[str, float]]:
    """Train the members on the workers.

    Args:
        config: The run; ``teacher.epochs`` = 0 means no teacher.
        real: What they are trained on; the executor's tasks must share it.
        executor: Runs the tasks.
        device: Where they compute.
        reporter: Is moved with every member.
        keeper: Has members that were trained before, and keeps others; None = nobody does.

    Returns:
        The teacher, None without one, and the validation relative RMSE of the members, of their
        mean ("mean") and of the base alone ("base").
    """
    if config.teacher.epochs == 0:
        return None, {}
    members = _members(config, executor, device, reporter, keeper)
    shape = WindowShape.of(real.windows)
    kinds = tuple(member_forecaster(config, member.index) for member in members)
    teacher = Teacher(tuple(m.weights for m in members), kinds, shape)
    errors = {f"member {index + 1}": member.error for index, member in enumerate(members)}
    asked = {"mean": teacher} | ({} if real.windows.base is None else {"base": None})
    # What the driver computed itself before it was a task keeps its number of threads.
    threads = config.worker.coordinator_threads
    tasks = [
        ScoreTask(f"score of the {'teacher' if who else 'base'}", who, device, threads)
        for who in asked.values()
    ]
    errors |= zip(asked, executor.run(run_score, tasks, lambda error: None), strict=True)
    found = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    reporter.say(f"teacher, validation relative RMSE: {found}")
    return teacher, errors


def _members(
    config: DistillConfig,
    executor: Executor,
    device: str,
    reporter: Reporter,
    keeper: MemberKeeper | None,
) -> list[Member]:
    """All members in their order; those that are kept already are not trained again."""
    count = config.teacher.members
    with nullcontext() if keeper is None else keeper.held(count):
        kept = [] if keeper is None else [keeper.load(index) for index in range(count)]
        members = {member.index: member for member in kept if member is not None}
        if members:
            reporter.say(f"teacher: {len(members)} of {count} members were trained before")
        tasks = [
            MemberTask(
                name=f"teacher, member {index + 1} of {count}",
                config=config,
                seed=derive_seed(config.seed, "teacher", index),
                device=device,
                index=index,
            )
            for index in range(count)
            if index not in members
        ]

        def done(member: Member) -> None:
            if keeper is not None:
                keeper.save(member)
            reached("teacher member trained")
            reporter.advance()

        if tasks:
            reporter.begin("teacher", len(tasks))
        members |= {member.index: member for member in executor.run(train_member, tasks, done)}
    return [members[index] for index in range(count)]


@dataclass(frozen=True)
class ScoreTask:
    """Scoring a teacher on the validation windows.

    Args:
        name: For messages.
        teacher: Whom; None = the base alone.
        device: "cpu" or "cuda".
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    teacher: Teacher | None
    device: str
    threads: int


def run_score(real: RealData, task: ScoreTask) -> float:
    """Validation relative RMSE of whom a task names."""
    with torch_threads(task.threads):
        return score_teacher(task.teacher, real, task.device)


def score_teacher(teacher: Teacher | None, real: RealData, device: str = "cpu") -> float:
    """Validation relative RMSE of the teacher; of the base alone for None."""
    windows = real.selection.windows

    def predict(starts: npt.NDArray[np.int64]) -> Array:
        batch = windows.batch(starts)
        forecast = np.zeros(batch.y.shape, np.float32)
        if teacher is not None:
            forecast = teacher.forecast(batch.x.numpy(), real.mean_window, device)
        return forecast if batch.base is None else forecast + batch.base.numpy()

    return real.selection.score(predict, len(real.selection.starts)).relative_rmse


@dataclass(frozen=True)
class TargetsTask:
    """Asking a teacher for targets.

    Args:
        name: For messages.
        teacher: Whom.
        known: What is known of the windows.
        x: (W, L, K, F) inputs, scaled.
        device: "cpu" or "cuda".
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    teacher: Teacher
    known: KnownParts
    x: Array
    device: str
    threads: int


def run_targets(data: object, task: TargetsTask) -> Array:
    """The targets that a task asks for, see :func:`taught_targets`."""
    del data  # all that is needed is in the task
    with torch_threads(task.threads):
        return taught_targets(task.teacher, task.known, task.x, task.device)


def taught_targets(teacher: Teacher, known: KnownParts, x: Array, device: str = "cpu") -> Array:
    """The teacher's forecasts for synthetic inputs.

    Args:
        teacher: The networks.
        known: What is known of the windows: calendar and base.
        x: (W, L, K, F) inputs, scaled.
        device: Where to compute.

    Returns:
        (W, H, K) float32 targets, the base included.
    """
    inputs, base = known.inputs(x), known.base(x)
    own_mean = inputs.mean(axis=0).transpose(1, 0, 2)
    forecast = teacher.forecast(inputs, own_mean, device)
    return forecast if base is None else np.asarray(forecast + base)
