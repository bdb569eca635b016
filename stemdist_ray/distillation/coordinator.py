"""The round loop: partition, run shard tasks, merge, refine, validate, checkpoint.

The coordinator owns the synthetic data, the Adam state and the round counter. It
knows nothing of processes: an :class:`Executor` runs the tasks it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from stemdist_ray.config import DistillConfig, MatchingConfig
from stemdist_ray.distillation.partition import random_partition
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, R, ShardTask, ShardUpdate, T
from stemdist_ray.seeding import derive_seed, numpy_generator


class Executor(Protocol):
    """Runs tasks somewhere; the answer depends on the task alone."""

    def run(
        self,
        function: Callable[[ClusteredData, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        """Call ``function(shared data, task)`` for all tasks.

        Args:
            function: A pure function of a module, which other processes can import.
            tasks: Its arguments.
            on_done: Called with each result as it arrives.

        Returns:
            The results in task order.

        Raises:
            ExecutionError: A task could not be finished after all attempts.
        """
        ...


@dataclass(frozen=True)
class Judgement:
    """What a judge says of synthetic data.

    Args:
        error: Validation relative RMSE of evaluators trained on them, mean over repeats.
        train_seconds: What training one of them took, mean over repeats.
    """

    error: float
    train_seconds: float


@dataclass(frozen=True)
class RoundRecord:
    """What one round did.

    Args:
        round: Rounds finished, counted from 1; 0 is the unlearned start.
        objective: Mean objective over the round's matching steps (gradient distance per subset,
            or real loss after unrolled training), None for the start.
        seconds: Wall time of the round's tasks, without validation.
        task_seconds: The same summed over tasks: what one worker would have needed.
        validation_seconds: Wall time of the validation.
        worker_peak_mib: Highest resident memory of a process that ran a task.
        validation: Validation relative RMSE, or None when the round was not validated.
        evaluator_seconds: What training one evaluator took then.
    """

    round: int
    objective: float | None
    seconds: float
    task_seconds: float
    validation_seconds: float
    worker_peak_mib: float
    validation: float | None
    evaluator_seconds: float | None = None


@dataclass(frozen=True)
class RunState:
    """All that a run needs to go on.

    Args:
        round: Rounds finished.
        synthetic: The current synthetic data with Adam state.
        best: The synthetic data of the best validated round.
        best_round: Its number; 0 is the unlearned start.
        best_score: Its validation relative RMSE.
        history: One record per finished round, the start included.
        stopped_early: Whether patience ran out.
        teachers: Validation relative RMSE of those who could give the first targets, best first;
            the first did. Empty where the targets started as readings.
    """

    round: int
    synthetic: SyntheticState
    best: SyntheticState
    best_round: int
    best_score: float
    history: tuple[RoundRecord, ...] = ()
    stopped_early: bool = False
    teachers: Mapping[str, float] = field(default_factory=dict)


class RunObserver:
    """Is told what happens; every method may be left as it is."""

    def tasks_planned(self, name: str, count: int) -> None:
        """A round is about to run ``count`` tasks."""

    def task_done(self, update: ShardUpdate) -> None:
        """One of them is done."""

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """A round is over and its checkpoint written."""


@dataclass(frozen=True)
class Coordinator:
    """Runs rounds.

    Args:
        config: The run's configuration.
        data: The clustered series (for the number of clusters; tasks read it in the workers).
        executor: Runs the tasks.
        judge: Trains evaluators on synthetic data and judges them on validation.
        save: Writes a checkpoint.
        device: Where tasks compute, "cpu" or "cuda".
        observers: Are told what happens.
    """

    config: DistillConfig
    data: ClusteredData
    executor: Executor
    judge: Callable[[SyntheticState], Judgement]
    save: Callable[[RunState], None]
    device: str = "cpu"
    observers: Sequence[RunObserver] = field(default_factory=tuple)

    def start(
        self, synthetic: SyntheticState, teachers: Mapping[str, float] | None = None
    ) -> RunState:
        """Judge the start and make it round 0."""
        begun = time.perf_counter()
        said = self.judge(synthetic)
        seconds = time.perf_counter() - begun
        record = RoundRecord(0, None, 0.0, 0.0, seconds, 0.0, said.error, said.train_seconds)
        state = RunState(
            0, synthetic, synthetic, 0, said.error, (record,), teachers=dict(teachers or {})
        )
        self._close_round(record, state)
        return state

    def run(self, state: RunState) -> RunState:
        """Run the rounds that are missing, each followed by a checkpoint."""
        while state.round < self.config.rounds and not state.stopped_early:
            state = self._round(state)
        return state

    def _round(self, state: RunState) -> RunState:
        number, begun = state.round + 1, time.perf_counter()
        shards = self.shard_tasks(number, state.synthetic)
        refining = self.config.num_shards > 1 and self.config.refine.steps > 0 and len(shards) > 1
        for observer in self.observers:
            observer.tasks_planned(f"round {number}", len(shards) + refining)
        updates = self.executor.run(run_shard, shards, self._task_done)
        synthetic = state.synthetic.put([(u.locations, u.state) for u in updates])
        if refining:
            refine = [self._refine_task(number, synthetic)]
            refined = self.executor.run(run_shard, refine, self._task_done)
            synthetic = refined[0].state
            updates = [*updates, *refined]
        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        said = self.judge(synthetic) if self._is_validated(number) else None
        record = RoundRecord(
            round=number,
            objective=float(np.mean([value for u in updates for value in u.objectives])),
            seconds=seconds,
            task_seconds=sum(u.seconds for u in updates),
            validation_seconds=time.perf_counter() - begun,
            worker_peak_mib=max(u.peak_rss_mib for u in updates),
            validation=None if said is None else said.error,
            evaluator_seconds=None if said is None else said.train_seconds,
        )
        state = self._judged(state, record, synthetic)
        self._close_round(record, state)
        return state

    def _close_round(self, record: RoundRecord, state: RunState) -> None:
        self.save(state)
        for observer in self.observers:
            observer.round_done(record, state)

    def _task_done(self, update: ShardUpdate) -> None:
        for observer in self.observers:
            observer.task_done(update)

    def _is_validated(self, number: int) -> bool:
        every = self.config.validation.every
        return number == self.config.rounds or (every > 0 and number % every == 0)

    def _judged(self, state: RunState, record: RoundRecord, synthetic: SyntheticState) -> RunState:
        history = (*state.history, record)
        state = replace(state, round=record.round, synthetic=synthetic, history=history)
        if record.validation is not None and record.validation < state.best_score:
            return replace(
                state, best=synthetic, best_round=record.round, best_score=record.validation
            )
        patience = self.config.validation.patience
        return replace(state, stopped_early=out_of_patience(history, state.best_round, patience))

    def shard_tasks(self, number: int, synthetic: SyntheticState) -> list[ShardTask]:
        """Cut the clusters into the shards of a round, by its seed."""
        seed, count = self.config.seed, len(self.data.cluster_size)
        parts = random_partition(
            count, self.config.num_shards, numpy_generator(seed, "partition", number)
        )
        return [
            ShardTask(
                name=f"round {number} shard {index}",
                locations=part,
                state=synthetic.take(part),
                matching=self.config.matching,
                forecaster=self.config.forecaster,
                seed=derive_seed(seed, "shard", number, index),
                threads=self.config.worker.threads,
                device=self.device,
            )
            for index, part in enumerate(parts)
        ]

    def _refine_task(self, number: int, synthetic: SyntheticState) -> ShardTask:
        config = self.config
        return ShardTask(
            name=f"round {number} refine",
            locations=np.arange(synthetic.num_locations),
            state=synthetic,
            matching=refine_matching(config),
            forecaster=config.forecaster,
            seed=derive_seed(config.seed, "refine", number),
            threads=config.worker.threads,
            device=self.device,
        )


def refine_matching(config: DistillConfig) -> MatchingConfig:
    """Matching across shard borders: fewer steps, subsets as small as inside a shard."""
    return config.matching.model_copy(
        update={
            "steps": config.refine.steps,
            "inner_epochs": config.refine.inner_epochs,
            "subsets": config.matching.subsets * config.num_shards,
        }
    )


def out_of_patience(history: Sequence[RoundRecord], best_round: int, patience: int) -> bool:
    """Whether ``patience`` validations have passed since the best round (0 = never)."""
    since = sum(1 for r in history if r.validation is not None and r.round > best_round)
    return patience > 0 and since >= patience
