"""The round loop: partition, run shard tasks, merge, refine, validate, checkpoint.

The coordinator owns the synthetic data, the Adam state and the round counter. It
knows nothing of processes: an executor runs the tasks it is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stemdist_ray.config import DistillConfig
from stemdist_ray.distillation.refine import is_refined, refine_matching
from stemdist_ray.distillation.run_state import (
    RoundRecord,
    RunObserver,
    RunState,
    impatient_round,
    is_due,
)
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask, ShardUpdate
from stemdist_ray.distillation.validation import ValidationResult
from stemdist_ray.execution.executor import Executor
from stemdist_ray.seeding import derive_seed, numpy_generator
from stemdist_ray.training.partition import random_partition


@dataclass(frozen=True)
class Coordinator:
    """Runs rounds.

    Args:
        config: The run's configuration.
        data: The clustered series (for the number of clusters; tasks read it in the workers).
        executor: Runs the tasks.
        validate: Trains evaluators on synthetic data and scores them on validation windows.
        save: Writes a checkpoint.
        device: Where tasks compute, "cpu" or "cuda".
        observers: Are told what happens.
    """

    config: DistillConfig
    data: ClusteredData
    executor: Executor
    validate: Callable[[SyntheticState], ValidationResult]
    save: Callable[[RunState], None]
    device: str = "cpu"
    observers: Sequence[RunObserver] = field(default_factory=tuple)

    def start(
        self, synthetic: SyntheticState, teachers: Mapping[str, float] | None = None
    ) -> RunState:
        """Validate the start and make it round 0."""
        begun = time.perf_counter()
        result = self.validate(synthetic)
        seconds = time.perf_counter() - begun
        record = RoundRecord(0, None, 0.0, 0.0, seconds, 0.0, result.error, result.train_seconds)
        state = RunState(
            round=0,
            synthetic=synthetic,
            best=synthetic,
            best_round=0,
            best_error=result.error,
            history=(record,),
            teachers=dict(teachers or {}),
        )
        self._close_round(record, state)
        return state

    def run(self, state: RunState) -> RunState:
        """Run the rounds that are missing, each followed by a checkpoint."""
        while state.round < self.config.rounds and not state.stopped_early:
            state = self._round(state)
        return self._validate_last(state)

    def _round(self, state: RunState) -> RunState:
        number, begun = state.round + 1, time.perf_counter()
        synthetic, updates = self._learn(number, state.synthetic)
        seconds, begun = time.perf_counter() - begun, time.perf_counter()
        due = is_due(number, self.config.validation.every)
        last = number == self.config.rounds
        result = self.validate(synthetic) if due or last else None
        record = RoundRecord(
            round=number,
            objective=float(np.mean([value for u in updates for value in u.objectives])),
            seconds=seconds,
            task_seconds=sum(u.seconds for u in updates),
            validation_seconds=time.perf_counter() - begun,
            worker_peak_mib=max(u.peak_rss_mib for u in updates),
            validation=None if result is None else result.error,
            evaluator_seconds=None if result is None else result.train_seconds,
        )
        history = (*state.history, record)
        state = replace(state, round=number, synthetic=synthetic, history=history)
        if due:
            state = self._validated(state, record)
        elif result is not None:
            state = replace(state, final_error=result.error)
        self._close_round(record, state)
        return state

    def _validate_last(self, state: RunState) -> RunState:
        """Validate the last round where it has not been: it was not the last one at its time."""
        record = state.history[-1]
        if record.round < self.config.rounds or record.validation is not None:
            return state
        begun = time.perf_counter()
        result = self.validate(state.synthetic)
        record = replace(
            record,
            validation=result.error,
            evaluator_seconds=result.train_seconds,
            validation_seconds=time.perf_counter() - begun,
        )
        history = (*state.history[:-1], record)
        state = replace(state, history=history, final_error=result.error)
        self._close_round(record, state)
        return state

    def _learn(
        self, number: int, synthetic: SyntheticState
    ) -> tuple[SyntheticState, list[ShardUpdate]]:
        """Run the tasks of a round; returns the new data and what every task returned."""
        tasks = self.shard_tasks(number, synthetic)
        refining = is_refined(self.config, len(tasks))
        for observer in self.observers:
            observer.tasks_planned(f"round {number}", len(tasks) * (2 if refining else 1))
        updates = self.executor.run(run_shard, tasks, self._task_done)
        synthetic = synthetic.put([(u.locations, u.state) for u in updates])
        if not refining:
            return synthetic, updates
        tasks = self.shard_tasks(number, synthetic, refining=True)
        refined = self.executor.run(run_shard, tasks, self._task_done)
        synthetic = synthetic.put([(u.locations, u.state) for u in refined])
        return synthetic, [*updates, *refined]

    def _validated(self, state: RunState, record: RoundRecord) -> RunState:
        """Keep the round if it is the best so far, else see whether patience has run out."""
        assert record.validation is not None
        if record.validation < state.best_error:
            return replace(
                state,
                best=state.synthetic,
                best_round=record.round,
                best_error=record.validation,
            )
        patience = self.config.validation.patience
        return replace(state, stopped_early=impatient_round(state.history, patience) is not None)

    def _close_round(self, record: RoundRecord, state: RunState) -> None:
        self.save(state)
        for observer in self.observers:
            observer.round_done(record, state)

    def _task_done(self, update: ShardUpdate) -> None:
        for observer in self.observers:
            observer.task_done(update)

    def shard_tasks(
        self, number: int, synthetic: SyntheticState, *, refining: bool = False
    ) -> list[ShardTask]:
        """Cut the clusters into the shards of a round, by its seed.

        Args:
            number: Of the round.
            synthetic: The data before these tasks.
            refining: Whether they refine what the shards of the round gave: a partition of their
                own, whose parts cross the borders of the shards.
        """
        seed, count = self.config.seed, len(self.data.cluster_size)
        purpose, draw = ("refine", "refine partition") if refining else ("shard", "partition")
        parts = random_partition(count, self.config.num_shards, numpy_generator(seed, draw, number))
        return [
            ShardTask(
                name=f"round {number} {purpose} {index}",
                locations=part,
                state=synthetic.take(part),
                matching=refine_matching(self.config) if refining else self.config.matching,
                forecaster=self.config.forecaster,
                seed=derive_seed(seed, purpose, number, index),
                threads=self.config.worker.threads,
                device=self.device,
            )
            for index, part in enumerate(parts)
        ]
