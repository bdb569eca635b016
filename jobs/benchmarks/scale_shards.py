"""How much of a round only one worker computes, by the number of shards, and what it gives.

Two ways to refine run on the same start: the second partition of :mod:`.refine`, a task per part,
and one task for everything, as it was before.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jobs.benchmarks.scale_trace import REFINE, Trace, Tracing
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.refine import refine_matching
from stemdist_ray.distillation.start import cluster_by_task
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ShardTask
from stemdist_ray.distillation.validation import Validator
from stemdist_ray.execution.executor import Executor
from stemdist_ray.pipeline.work import Work, prepare_work, taught_start
from stemdist_ray.progress import Reporter
from stemdist_ray.seeding import derive_seed
from stemdist_ray.system.stages import StageClock

SOURCE = "sim:traffic?locations=640,steps=1500"
SHARDS = (4, 16, 64)


@dataclass(frozen=True)
class ShardsResult:
    """Rounds with one number of shards.

    Args:
        shards: Of a round.
        refine: "parts" or "one task".
        round_seconds: Wall time of a round, without validation, mean.
        serial_share: Of it, in which at most one worker computed.
        refine_share: Seconds of refine tasks in those of all tasks.
        start_error: Validation relative RMSE of the start.
        error: The same after the last round.
    """

    shards: int
    refine: str
    round_seconds: float
    serial_share: float
    refine_share: float
    start_error: float
    error: float


class OneRefineTask(Coordinator):
    """Refines by a single task on all of the synthetic data, which grows with them."""

    def shard_tasks(
        self, number: int, synthetic: SyntheticState, *, refining: bool = False
    ) -> list[ShardTask]:
        """See :class:`Coordinator`."""
        tasks = super().shard_tasks(number, synthetic, refining=refining)
        if not refining:
            return tasks
        everything = np.arange(synthetic.num_locations)
        return [
            replace(
                tasks[0],
                name=f"round {number} {REFINE} 0",
                locations=everything,
                state=synthetic.take(everything),
                matching=refine_matching(self.config),
                seed=derive_seed(self.config.seed, REFINE, number),
            )
        ]


def run_shards(
    source: str,
    config: DistillConfig,
    shards: Sequence[int],
    executor: Executor,
    reporter: Reporter,
) -> list[ShardsResult]:
    """Distil once as far as the start, then run rounds from it in several ways.

    Args:
        source: SOURCE.
        config: Settings; the number of shards is replaced.
        shards: Numbers of shards.
        executor: Runs the tasks; two workers or more.
        reporter: Is told of each result.
    """
    prepared, tracing = prepare_source(source, config.data), Tracing(executor)
    clock = StageClock()
    work, _ = prepare_work(prepared, config, None, tracing, clock, reporter, cluster_by_task)
    tracing.share(work.begun.clustered)
    start = taught_start(work, tracing)
    results = []
    for count in shards:
        for kind, name in ((Coordinator, "parts"), (OneRefineTask, "one task")):
            own = config.model_copy(update={"num_shards": count})
            results.append(_rounds(kind, name, own, work, start, tracing))
            reporter.say(f"{count} shards, refine by {name}: {results[-1]}")
    return results


def _rounds(
    kind: type[Coordinator],
    name: str,
    config: DistillConfig,
    work: Work,
    start: SyntheticState,
    tracing: Tracing,
) -> ShardsResult:
    coordinator = kind(
        config=config,
        data=work.begun.clustered,
        executor=tracing,
        validate=Validator(config, tracing),
        save=lambda state: None,
    )
    tracing.trace(0.0, 0.0)  # what was noted before does not count
    state = coordinator.run(coordinator.start(start))
    trace = tracing.trace(0.0, time.time())
    rounds = round_traces(trace)
    seconds = sum(own.seconds for own in rounds)
    tasks = [task for own in rounds for task in own.tasks()]
    refined = sum(task.seconds for task in tasks if f" {REFINE} " in task.name)
    error = state.history[-1].validation
    assert error is not None  # the last round is always validated
    assert state.history[0].validation is not None
    return ShardsResult(
        shards=config.num_shards,
        refine=name,
        round_seconds=seconds / len(rounds),
        serial_share=sum(own.serial_seconds() for own in rounds) / seconds,
        refine_share=refined / sum(task.seconds for task in tasks),
        start_error=state.history[0].validation,
        error=error,
    )


def round_traces(trace: Trace) -> list[Trace]:
    """The rounds of a trace, each from its first shard task to the end of what refines it."""
    found: list[Trace] = []
    for call in trace.calls():
        if call.kind == "run_shard":
            found.append(Trace(call.begun, call.ended, (call,)))
        elif call.kind == REFINE:
            last = found[-1]
            found[-1] = Trace(last.begun, call.ended, (*last.events, call))
    return found
