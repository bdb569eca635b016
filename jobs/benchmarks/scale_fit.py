"""What tasks, messages and the driver's own work cost, fitted to traces of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import nnls

from jobs.benchmarks.scale_model import Phase, Work
from jobs.benchmarks.scale_plan import (
    ARGUMENTS,
    GAPS,
    RESULTS,
    SECONDS,
    SHARED,
    Sizes,
    Step,
    Workload,
    plan,
)
from jobs.benchmarks.scale_trace import BEGIN, END, Call, Share, Trace
from stemdist_ray.errors import ConfigError

Points = dict[str, list[tuple[dict[str, float], float]]]


@dataclass(frozen=True)
class Cost:
    """A sum of sizes, each times a factor that is not negative.

    Args:
        factors: By size.
    """

    factors: Mapping[str, float]

    def __call__(self, sizes: Sizes) -> float:
        """What it costs at these sizes."""
        return sum(factor * sizes[name] for name, factor in self.factors.items() if factor)


@dataclass(frozen=True)
class Costs:
    """What everything costs, by label.

    Args:
        seconds: Of a task alone on a core.
        arguments: Bytes that go with a task.
        results: Bytes that come back.
        shared: Bytes of shared data.
        gaps: Seconds of the driver alone, by what comes before and after.
    """

    seconds: Mapping[str, Cost]
    arguments: Mapping[str, Cost] = field(default_factory=dict)
    results: Mapping[str, Cost] = field(default_factory=dict)
    shared: Mapping[str, Cost] = field(default_factory=dict)
    gaps: Mapping[str, Cost] = field(default_factory=dict)

    def missing(self, load: Workload) -> list[str]:
        """Labels of a plan that were never measured."""
        steps = plan(load)
        tasks = {step.label for step in steps if step.kind != "share"}
        return sorted(tasks - set(self.seconds))


def fit(runs: Iterable[tuple[Workload, Trace]]) -> Costs:
    """Fit all costs to runs.

    Args:
        runs: What was distilled, and what its executor was asked for, on one worker.

    Raises:
        ConfigError: A run asked for something else than its plan.
    """
    seconds, arguments, results, shared, gaps = (Points() for _ in range(5))
    for load, trace in runs:
        steps = planned(load, trace)
        for step, event in zip(steps, trace.events, strict=True):
            sizes = {name: step.mean(name) for name in step.tasks[0][1]}
            if isinstance(event, Share):
                _note(shared, step.label, sizes, event.num_bytes)
                continue
            sizes |= _rows(event)
            _note(seconds, step.label, sizes, _mean(event, lambda task: task.cpu_seconds))
            _note(arguments, step.label, sizes, _mean(event, lambda task: task.argument_bytes))
            _note(results, step.label, sizes, _mean(event, lambda task: task.result_bytes))
        for (_, spent), name in zip(trace.gaps(), gap_names(steps), strict=True):
            _note(gaps, name, load.sizes(), spent)
    return Costs(
        seconds=_each(seconds, SECONDS),
        arguments=_each(arguments, ARGUMENTS),
        results=_each(results, RESULTS),
        shared=_each(shared, SHARED),
        gaps={name: fitted(own, GAPS) for name, own in gaps.items()},
    )


def planned(load: Workload, trace: Trace) -> list[Step]:
    """The plan of a run, made sure to be what the run asked for.

    Raises:
        ConfigError: It is not.
    """
    steps = plan(load)
    wanted, found = [s.kind for s in steps], [e.kind for e in trace.events]
    if wanted != found:
        at = next(
            (i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b),
            min(len(wanted), len(found)),
        )
        raise ConfigError(
            f"{load.locations} locations x {load.steps} steps: the run asked for {len(found)} "
            f"things where the model of it knows {len(wanted)}, and they differ from number {at} "
            f"on: {found[at : at + 3]}, expected {wanted[at : at + 3]}; bring "
            "jobs/benchmarks/scale_plan.py up to date"
        )
    return steps


def gap_names(steps: Sequence[Step]) -> list[str]:
    """What the driver's work before, between and after some steps is called."""
    labels = [BEGIN, *(step.label for step in steps), END]
    return [f"{before} > {after}" for before, after in pairwise(labels)]


def fitted(points: Sequence[tuple[Sizes, float]], names: Sequence[str]) -> Cost:
    """Factors that are not negative and make the relative errors small.

    Args:
        points: Sizes and what was measured there.
        names: Of the sizes that count.
    """
    measured = np.array([max(value, 1e-6) for _, value in points])
    rows = np.array([[sizes.get(name, 0.0) for name in names] for sizes, _ in points])
    # Columns of the same height, or the solver would take small ones for nothing.
    height = np.maximum(rows.max(axis=0), 1e-12)
    factors, _ = nnls(rows / height / measured[:, None], np.ones(len(points)))
    return Cost(dict(zip(names, (factors / height).tolist(), strict=True)))


def phases(load: Workload, costs: Costs) -> list[Phase]:
    """What a simulation is to go through.

    Args:
        load: What is distilled.
        costs: Of everything; :meth:`Costs.missing` must be empty.
    """
    steps, sizes = plan(load), load.sizes()
    gaps = [_known(costs.gaps, name, sizes) for name in gap_names(steps)]
    found = [
        Phase(
            name=step.label,
            driver_seconds=gap,
            shared_bytes=0.0 if step.kind != "share" else _known(costs.shared, step.label, own),
            wave=() if step.kind == "share" else tuple(_works(step, costs)),
        )
        for step, gap in zip(steps, gaps, strict=False)
        for own in (step.tasks[0][1],)
    ]
    return [*found, Phase("end", gaps[-1])]


def _works(step: Step, costs: Costs) -> Iterable[Work]:
    for count, sizes in step.tasks:
        yield Work(
            count=count,
            seconds=costs.seconds[step.label](sizes),
            argument_bytes=_known(costs.arguments, step.label, sizes),
            result_bytes=_known(costs.results, step.label, sizes),
        )


def _known(costs: Mapping[str, Cost], label: str, sizes: Sizes) -> float:
    return costs[label](sizes) if label in costs else 0.0


def _note(points: Points, label: str, sizes: dict[str, float], value: float) -> None:
    points.setdefault(label, []).append((sizes, value))


def _each(points: Points, names: Mapping[str, Sequence[str]]) -> dict[str, Cost]:
    """Costs by label; those that depend on no size are the same everywhere."""
    return {label: fitted(own, names.get(label, ("one",))) for label, own in points.items()}


def _mean(call: Call, value: Callable[..., float]) -> float:
    return float(np.mean([value(task) for task in call.tasks]))


def _rows(call: Call) -> dict[str, float]:
    """The rows of blocks of sums, which are known better than planned."""
    rows = _mean(call, lambda task: task.rows)
    return {"rows": rows} if rows else {}
