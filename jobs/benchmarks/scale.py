"""A model of a run's scale: measured on this machine, held against what it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jobs.benchmarks.scale_fit import Costs, fit, phases, planned
from jobs.benchmarks.scale_measure import (
    Measured,
    Overheads,
    Point,
    measure_overheads,
    measure_runs,
    physical_cores,
    workers_of,
)
from jobs.benchmarks.scale_model import Machines, simulate
from jobs.benchmarks.scale_plan import Step, plan
from jobs.benchmarks.scale_predict import GPUS, SCENARIOS, Prediction, predict, workload
from jobs.benchmarks.scale_trace import REFINE, Call, Trace
from stemdist_ray.progress import Reporter

STAGES = ("start", "base", "teacher", "cluster", "validation", "rounds")
_WAVES = ("shard", REFINE, "member", "evaluator")  # tasks beside each other


_WHOLE = Point(640, 1500, workers=2, layer=(("rounds", 2),), small=False)


@dataclass(frozen=True)
class ScaleCase:
    """What is measured and predicted.

    Args:
        locations: Of the smallest run.
        steps: Of the shortest run.
        workers: Numbers of workers on one machine that the model is held against.
        machines: Numbers of simulated machines, each with one worker.
        whole: The run whose efficiency is told; None = none.
        empty_tasks: That the cost of a task is taken from.
        message_mib: Size of the messages that rates are taken from.
        rounds: Of the runs that are predicted.
        network_bytes_per_second: Of the machines that are predicted.
        losses_per_hour: Of one worker there.
        restart_seconds: Until a lost worker is replaced there.
    """

    locations: int = 300
    steps: int = 3000
    workers: tuple[int, ...] = (1, 2, 4, 8)
    machines: tuple[int, ...] = (2, 4)
    whole: Point | None = _WHOLE
    empty_tasks: int = 200
    message_mib: int = 32
    rounds: int = 10
    network_bytes_per_second: float = 12.5e9
    losses_per_hour: float = 0.02
    restart_seconds: float = 60.0

    def fitted(self) -> list[Point]:
        """Runs that costs are fitted to: one worker, but for the last, which shows contention."""
        n, t = self.locations, self.steps
        finer = (("num_shards", 16), ("spatial_ratio", 0.4))
        return [
            Point(n, t),
            Point(2 * n, t),
            Point(n, 2 * t),
            Point(2 * n, t, layer=finer),
            Point(n, t, workers=2),
        ]

    def held_out(self) -> list[Point]:
        """Runs of other sizes and numbers of workers, which nothing is fitted to."""
        n, t = self.locations, self.steps
        large, long = (2 * n, t), (3 * n // 2, 3 * t // 2)
        points = [Point(*(long if w in (1, 4) else large), workers=w) for w in self.workers]
        return points + [Point(*large, workers=m, machines=m) for m in self.machines]


@dataclass(frozen=True)
class Checked:
    """A held-out run and what the model says of it, wall seconds.

    Args:
        point: Which run.
        busy_elsewhere: Cores that the model was told to be busy with other programs.
        measured: By stage, and "all".
        predicted: The same.
    """

    point: Point
    busy_elsewhere: float
    measured: dict[str, float]
    predicted: dict[str, float]

    def error(self, stage: str = "all") -> float:
        """Relative error of the prediction."""
        return self.predicted[stage] / self.measured[stage] - 1


@dataclass(frozen=True)
class ScaleResult:
    """All that was measured, fitted and predicted.

    Args:
        overheads: Of tasks and messages.
        costs: Fitted.
        contention: Times longer that a task takes where another one runs.
        sigma: Scatter of the time of shard tasks, of its logarithm.
        fitted: Runs that were fitted to.
        checked: Held-out runs.
        whole: The run whose efficiency is told, and the seconds until its workers were there.
        predictions: For clusters with GPUs.
        missing: Labels of tasks that were not measured, so that nothing was predicted.
    """

    overheads: Overheads
    costs: Costs
    contention: float
    sigma: float
    fitted: list[Measured]
    checked: list[Checked]
    whole: tuple[Measured, float] | None
    predictions: list[Prediction]
    missing: list[str]


def run_scale(case: ScaleCase, reporter: Reporter) -> ScaleResult:
    """Measure, fit, hold against other runs, and predict.

    Args:
        case: What.
        reporter: Is told of each run.
    """
    overheads, fitted, held_out, whole = _measure(case, reporter)
    alone = [m for m in fitted if m.point.workers == 1]
    costs = fit((m.point.workload(), m.trace) for m in alone)
    contention = contention_of(costs, [m for m in fitted if m.point.workers > 1])
    sigma = scatter_of([m.trace for m in alone])
    machines = machines_of(overheads, contention, sigma)
    missing = sorted({m for s in SCENARIOS for m in costs.missing(workload(s, 8, case.rounds))})
    return ScaleResult(
        overheads=overheads,
        costs=costs,
        contention=contention,
        sigma=sigma,
        fitted=fitted,
        checked=[check(m, costs, machines) for m in held_out],
        whole=whole,
        predictions=[] if missing else predictions(case, costs, machines),
        missing=missing,
    )


Runs = tuple[list[Measured], list[Measured], tuple[Measured, float] | None]


def _measure(case: ScaleCase, reporter: Reporter) -> tuple[Overheads, *Runs]:
    """All that takes Ray: each cluster is started once, for all the runs it is needed for."""
    overheads: Overheads | None = None
    found: dict[Point, Measured] = {}
    whole = None
    points = [*case.fitted(), *case.held_out(), *([case.whole] if case.whole else [])]
    for workers, machines in dict.fromkeys((p.workers, p.machines) for p in points):
        own = [p for p in points if (p.workers, p.machines) == (workers, machines)]
        with workers_of(workers, machines) as (executor, start_seconds):
            if overheads is None:
                overheads = measure_overheads(
                    executor, start_seconds, case.empty_tasks, case.message_mib
                )
            measured = dict(zip(own, measure_runs(executor, own, reporter), strict=True))
        if case.whole in measured:
            whole = measured[case.whole], start_seconds
        found |= measured
    assert overheads is not None  # there is at least one point
    return overheads, _of(case.fitted(), found), _of(case.held_out(), found), whole


def _of(points: Sequence[Point], found: dict[Point, Measured]) -> list[Measured]:
    return [found[point] for point in points]


def contention_of(costs: Costs, runs: Sequence[Measured]) -> float:
    """CPU time of tasks that ran beside each other / that of the same tasks alone, at least 1."""
    taken = alone = 0.0
    for run in runs:
        load = run.point.workload()
        for step, event in zip(planned(load, run.trace), run.trace.events, strict=True):
            if step.label in _WAVES and isinstance(event, Call):
                taken += sum(task.cpu_seconds for task in event.tasks)
                cost = costs.seconds[step.label]
                alone += sum(count * cost(sizes) for count, sizes in step.tasks)
    return max(1.0, taken / alone) if alone else 1.0


def scatter_of(traces: Sequence[Trace]) -> float:
    """Standard deviation of the logarithm of a shard task's time about the mean of its wave."""
    found: list[float] = []
    for trace in traces:
        for call in trace.calls():
            if call.kind == "run_shard" and len(call.tasks) > 1:
                logs = np.log([max(task.cpu_seconds, 1e-6) for task in call.tasks])
                found += (logs - logs.mean()).tolist()
    return float(np.std(found)) if found else 0.0


def machines_of(overheads: Overheads, contention: float, sigma: float) -> Machines:
    """This machine as the model knows it, for one worker."""
    half = overheads.driver_seconds / 2
    return Machines(
        workers=1,
        send_seconds=half,
        receive_seconds=half,
        wait_seconds=max(0.0, overheads.round_trip_seconds - overheads.driver_seconds),
        copy_bytes_per_second=overheads.copy_bytes_per_second,
        network_bytes_per_second=overheads.fetch_bytes_per_second,
        contention=contention,
        sigma=sigma,
        one_host=True,
    )


def check(run: Measured, costs: Costs, machines: Machines) -> Checked:
    """Hold the model against a run; it is told how busy other programs kept the machine."""
    load = run.point.workload()
    own = replace(
        machines,
        workers=run.point.workers,
        machines=run.point.machines,
        cores=max(0.25, physical_cores() - run.busy_elsewhere),
    )
    outcomes = simulate(own, phases(load, costs))
    predicted = _by_stage(plan(load), [outcome.seconds for outcome in outcomes])
    spent = [
        gap + seconds
        for (_, gap), seconds in zip(
            run.trace.gaps(), [*(event.seconds for event in run.trace.events), 0.0], strict=True
        )
    ]
    measured = _by_stage(planned(load, run.trace), spent)
    return Checked(run.point, run.busy_elsewhere, measured, predicted)


def _by_stage(steps: Sequence[Step], seconds: Sequence[float]) -> dict[str, float]:
    """Seconds by stage, and of all; the last ones, after all steps, are those of "rounds"."""
    found = dict.fromkeys(STAGES, 0.0)
    stages = [*(step.stage for step in steps), "rounds"]
    for stage, own in zip(stages, seconds, strict=True):
        found[stage] += own
    return found | {"all": sum(seconds)}


def predictions(case: ScaleCase, costs: Costs, machines: Machines) -> list[Prediction]:
    """What the model says of clusters with GPUs, a worker on each."""
    there = replace(
        machines,
        cores=1e9,
        contention=1.0,
        network_bytes_per_second=case.network_bytes_per_second,
        losses_per_hour=case.losses_per_hour,
        restart_seconds=case.restart_seconds,
        one_host=False,
    )
    return [predict(s, gpus, case.rounds, costs, there) for s in SCENARIOS for gpus in GPUS]
