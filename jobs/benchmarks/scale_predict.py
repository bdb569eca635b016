"""What the model says of clusters that are not at hand.

Tasks that use a GPU have the seconds of :data:`GPU_SECONDS`; all others, the driver and messages
have what was fitted on CPU cores here, far beyond the sizes that it was fitted at.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jobs.benchmarks.scale_fit import Cost, Costs, phases
from jobs.benchmarks.scale_model import Machines, Phase, PhaseOutcome, Work, simulate
from jobs.benchmarks.scale_plan import Workload, plan
from jobs.benchmarks.scale_trace import REFINE
from stemdist_ray.config import build_config

# Seconds of a task on one H200, measured for STID and the preset standard at 2,352 locations x
# 2,000 steps (jobs/README.md, "On a GPU"): four shard and four refine tasks 10.4 s, of 10 and 2
# matching steps; two members 17.2 s; round with validation 18.1 s, of which two evaluators. These
# sizes are bound by the launching of kernels, so that the seconds hardly grow. What grows with the
# size is estimated: MTGNN takes 86 ms for a training step of 16 x 2352 entries, STID a tenth.
_ENTRY = 0.1 * 0.086 / (16 * 2352)  # seconds per window x location of a training step
_STEPS = 100 + 10 * 8 * 3  # of a shard task: on average before it, and unrolled, there and back
_SUBSETS = 4  # a step is on a quarter of the locations
GPU_SECONDS: dict[str, Cost] = {
    "shard": Cost({"one": 2.2, "shard": _STEPS / _SUBSETS * _ENTRY}),
    REFINE: Cost({"one": 0.43, "shard": 0.4 * _STEPS / _SUBSETS * _ENTRY}),
    "evaluator": Cost({"one": 3.8, "synthetic": 50 * _ENTRY, "locations": 10 * 32 * _ENTRY / 3}),
    "member": Cost({"one": 8.6, "locations": 30 * 32 * _ENTRY / 3}),
    "score": Cost({"one": 0.5, "locations": 2 * 32 * _ENTRY / 3}),
    "targets": Cost({"one": 0.1, "synthetic": 2 * _ENTRY / 3}),
}
GPUS_PER_MACHINE = 8
_LEAST_CLUSTERS, _MOST_CLUSTERS = 10, 160  # of a shard


@dataclass(frozen=True)
class Scenario:
    """What would be distilled.

    Args:
        name: For tables.
        locations: N.
        steps: T.
        steps_per_day: Of a season.
        streaming: Whether the series stays in a file that all machines see; how fast they read it
            is not modelled.
    """

    name: str
    locations: int
    steps: int
    steps_per_day: int
    streaming: bool = False


SCENARIOS = (
    Scenario("8,600 x 105,120", 8_600, 105_120, 288),
    Scenario("1,000,000 x 8,760", 1_000_000, 8_760, 24, streaming=True),
)
GPUS = (8, 64, 512)


@dataclass(frozen=True)
class Prediction:
    """What the model says of a run.

    Args:
        scenario: Its name.
        gpus: Workers, one on each.
        shards: Of a round.
        round_seconds: Wall time of a round, mean, with its validations and checkpoints.
        whole_refine_seconds: The same if one task refined everything.
        seconds: Wall time of the whole run.
        driver_seconds: In which the driver was busy.
        message_gib: Arguments and results, all through the driver.
        shared_gib: Shared data, once for every machine that fetched them.
        round_efficiency: Seconds of tasks / (workers x wall time), of the rounds.
        efficiency: The same of the whole run.
        parts: Wall seconds by what they went to, the largest first.
        round_parts: The same of a round.
        lost: Tasks that were run again.
    """

    scenario: str
    gpus: int
    shards: int
    round_seconds: float
    whole_refine_seconds: float
    seconds: float
    driver_seconds: float
    message_gib: float
    shared_gib: float
    round_efficiency: float
    efficiency: float
    parts: dict[str, float]
    round_parts: dict[str, float]
    lost: int


def shards_for(workers: int, clusters: int) -> int:
    """As many shards as workers, or a multiple, of 10 to 160 clusters each where that can be."""
    waves = max(1, math.ceil(clusters / (_MOST_CLUSTERS * workers)))
    return max(1, min(waves * workers, clusters // _LEAST_CLUSTERS))


def workload(scenario: Scenario, workers: int, rounds: int) -> Workload:
    """A scenario under the preset ``standard`` with rounds, cut for some workers."""
    plain = Workload(scenario.locations, scenario.steps, build_config(), scenario.steps_per_day)
    shards = shards_for(workers, plain.clusters)
    layer = {"rounds": rounds, "num_shards": shards, "streaming": scenario.streaming}
    return replace(plain, config=build_config("standard", layer))


def on_gpus(costs: Costs) -> Costs:
    """The same with the seconds of a GPU for tasks that use one."""
    return replace(costs, seconds={**costs.seconds, **GPU_SECONDS})


def predict(
    scenario: Scenario, gpus: int, rounds: int, costs: Costs, machines: Machines
) -> Prediction:
    """Let a run on GPUs happen.

    Args:
        scenario: What is distilled.
        gpus: Workers.
        rounds: Of the run.
        costs: As fitted on CPU cores.
        machines: Rates and overheads; numbers of workers and machines are filled in.
    """
    load, costs = workload(scenario, gpus, rounds), on_gpus(costs)
    machines = replace(machines, workers=gpus, machines=math.ceil(gpus / GPUS_PER_MACHINE))
    steps, todo = plan(load), phases(load, costs)
    outcomes = simulate(machines, todo)
    first = next((i for i, s in enumerate(steps) if s.stage == "rounds"), len(steps))
    own, own_todo = outcomes[first:-1], todo[first:-1]  # the last writes the result
    refined_whole = simulate(machines, _whole_refine(load, costs, own_todo))
    return Prediction(
        scenario=scenario.name,
        gpus=gpus,
        shards=load.config.num_shards,
        round_seconds=_seconds(own) / max(rounds, 1),
        whole_refine_seconds=_seconds(refined_whole) / max(rounds, 1),
        seconds=_seconds(outcomes),
        driver_seconds=sum(o.driver_seconds for o in outcomes),
        message_gib=sum(o.message_bytes for o in outcomes) / 2**30,
        shared_gib=sum(o.shared_bytes for o in outcomes) / 2**30,
        round_efficiency=_efficiency(own, gpus),
        efficiency=_efficiency(outcomes, gpus),
        parts=parts(todo, outcomes, machines),
        round_parts={
            name: seconds / max(rounds, 1)
            for name, seconds in parts(own_todo, own, machines).items()
        },
        lost=sum(o.lost for o in outcomes),
    )


def _whole_refine(load: Workload, costs: Costs, todo: Sequence[Phase]) -> list[Phase]:
    """The same run if a single task refined all of the synthetic data."""
    sizes = load.sizes()
    whole = load.sizes(shard=sizes["synthetic"])
    return [
        replace(phase, wave=(_joined(phase.wave, costs.seconds[REFINE](whole)),))
        if phase.name == REFINE
        else phase
        for phase in todo
    ]


def _joined(wave: Sequence[Work], seconds: float) -> Work:
    """One task in place of many, which carries what they carried."""
    sent = sum(work.count * work.argument_bytes for work in wave)
    returned = sum(work.count * work.result_bytes for work in wave)
    return Work(1, seconds, sent, returned)


def parts(
    todo: Sequence[Phase], outcomes: Sequence[PhaseOutcome], machines: Machines
) -> dict[str, float]:
    """Wall seconds by what they went to, the largest first.

    Of a wave, the seconds in which the driver was busy count as messages: whatever else went on
    meanwhile, the wave could not be shorter.
    """
    found: dict[str, float] = {}
    for phase, outcome in zip(todo, outcomes, strict=True):
        put = phase.shared_bytes / machines.copy_bytes_per_second
        messages = outcome.driver_seconds - phase.driver_seconds - put
        rest = outcome.seconds - outcome.driver_seconds
        _add(found, _alone(phase.name), phase.driver_seconds)
        _add(found, "put shared data", put)
        _add(found, "messages", messages)
        _add(found, phase.name, rest)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _alone(name: str) -> str:
    """What the driver does alone before a phase."""
    if name == "share nothing":
        return "read and scale"
    if name in ("shard", REFINE, "evaluator"):
        return "merge, cut, checkpoint"
    return "write the result" if name == "end" else "driver between stages"


def _add(found: dict[str, float], name: str, seconds: float) -> None:
    if seconds > 0:
        found[name] = found.get(name, 0.0) + seconds


def _seconds(outcomes: Sequence[PhaseOutcome]) -> float:
    return sum(outcome.seconds for outcome in outcomes)


def _efficiency(outcomes: Sequence[PhaseOutcome], workers: int) -> float:
    seconds = _seconds(outcomes)
    return sum(o.work_seconds for o in outcomes) / (workers * seconds) if seconds else 0.0


def largest(found: Mapping[str, float], count: int = 3) -> str:
    """The largest parts in words, with their shares."""
    total = sum(found.values()) or 1.0
    first = list(found.items())[:count]
    return ", ".join(f"{name} {seconds / total:.0%}" for name, seconds in first)
