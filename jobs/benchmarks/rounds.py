"""One round of distilling at the size of a large sensor network.

The round itself runs on workers, as in a real run. Its ratio to the plain implementation is that of
one of its shard tasks, which both ways run in turns in this process, on one thread, as a worker
would: the same loop, the same data, only the forecaster's code differs.
"""

from __future__ import annotations

import importlib
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from jobs.benchmarks.timing import Pair, time_pair
from stemdist_ray.config import DistillConfig, ForecasterConfig, build_config
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.run_state import RoundRecord
from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.validation import ValidationResult
from stemdist_ray.distillation.workspace import subsets_that_fit
from stemdist_ray.execution.select import open_executor
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import FORECASTERS
from stemdist_ray.forecasters.mtgnn import Mtgnn, MtgnnOptions
from stemdist_ray.progress import Reporter
from stemdist_ray.system.stages import StageClock

PLAIN = "mtgnn-plain"


@dataclass(frozen=True)
class RoundCase:
    """What is distilled.

    Args:
        source: SOURCE.
        layer: Settings that override the preset ``standard``.
        task_steps: Matching steps of the shard task that both ways run.
    """

    source: str
    layer: dict[str, object]
    task_steps: int = 2


GBA = RoundCase(
    "sim:traffic?locations=2352,steps=2000",
    {
        "spatial_ratio": 0.1,
        "temporal_ratio": 0.05,
        "rounds": 1,
        "num_shards": 4,
        "worker": {"num_workers": 2},
        # The plain twin is one of MTGNN, and the sizes are the paper's: no base, cluster means.
        "base": "none",
        "data": {"covariates": ()},
        "forecaster": {"name": "mtgnn"},
        "matching": {"locations": "centroid", "real": "clusters", "oldest": 0},
    },
)


@dataclass(frozen=True)
class RoundResult:
    """What the round took.

    Args:
        name: Source and ratios.
        stages: Seconds and peak memory of the driver: read, cluster, start workers, round.
        round_seconds: Wall time of the round's tasks on the workers.
        task_seconds: The same summed over tasks.
        worker_peak_mib: Highest resident memory of a worker.
        shard: Shape of a shard task, e.g. "59 windows x 59 locations, subsets of 14".
        task: Seconds of one shard task both ways, in turns.
    """

    name: str
    stages: dict[str, dict[str, float]]
    round_seconds: float
    task_seconds: float
    worker_peak_mib: float
    shard: str
    task: Pair


def run_round(case: RoundCase, reference: str, repeats: int, reporter: Reporter) -> RoundResult:
    """Run one round on workers, then one of its shard tasks both ways in turns.

    Args:
        case: What is distilled.
        reference: "module:function" that turns a library MTGNN into its plain twin.
        repeats: Turns of the shard task.
        reporter: Is told of each stage.
    """
    config, clock = build_config("standard", case.layer), StageClock()
    with clock.stage("read"):
        source = prepare_source(case.source, config.data)
    with clock.stage("cluster"):
        clustering = cluster_source(config, source)
        clustered = clustered_data(source, clustering)
    start, known = initial_state(config, source, clustering, clustered)
    clustered = replace(clustered, known=known)
    reporter.say(f"{case.source}: {start.num_windows} windows x {start.num_locations} clusters")
    record, tasks = _round(config, clustered, start, clock)
    reporter.say(f"the round: {record.seconds:.1f} s, {record.task_seconds:.1f} s over its tasks")
    pair = time_shard_task(clustered, tasks[0], reference, case.task_steps, repeats)
    return RoundResult(
        name=f"{case.source}, {config.spatial_ratio:g} x {config.temporal_ratio:g}",
        stages={name: asdict(record) for name, record in clock.records().items()},
        round_seconds=record.seconds,
        task_seconds=record.task_seconds,
        worker_peak_mib=record.worker_peak_mib,
        shard=_describe(tasks[0]),
        task=pair,
    )


def _round(
    config: DistillConfig,
    clustered: ClusteredData,
    start: SyntheticState,
    clock: StageClock,
) -> tuple[RoundRecord, list[ShardTask]]:
    """Run round 1 from the unlearned start, unvalidated; returns its record and its shard tasks."""
    with ExitStack() as stack:
        with clock.stage("start workers"):
            executor = stack.enter_context(
                open_executor(clustered, config.worker, config.num_shards)
            )
        coordinator = Coordinator(
            config,
            clustered,
            executor,
            validate=lambda state: ValidationResult(0.0, 0.0),
            save=lambda state: None,
        )
        with clock.stage("round"):
            state = coordinator.run(coordinator.start(start))
    return state.history[-1], coordinator.shard_tasks(1, start)


def _describe(task: ShardTask) -> str:
    locations = len(task.locations)
    subsets = subsets_that_fit(task.matching, locations)
    size = f"{task.state.num_windows} windows x {locations} locations"
    return f"{size}, subsets of {locations // subsets}"


def time_shard_task(
    data: ClusteredData, task: ShardTask, reference: str, steps: int, repeats: int
) -> Pair:
    """Time a shard task with the library's MTGNN and with its plain twin, in turns."""
    register_plain_twin(reference)
    matching = task.matching.model_copy(update={"steps": steps})
    fast = replace(task, matching=matching)
    plain = replace(fast, forecaster=ForecasterConfig(name=PLAIN))
    return time_pair(lambda: run_shard(data, fast), lambda: run_shard(data, plain), repeats)


def register_plain_twin(reference: str) -> None:
    """Make the reference a forecaster that a task can name."""
    module, function = reference.split(":")
    twin = getattr(importlib.import_module(module), function)

    @FORECASTERS.register(PLAIN)
    class PlainTwin(torch.nn.Module):
        """The plain twin of a library MTGNN."""

        Options = MtgnnOptions

        def __init__(self, shape: WindowShape, options: MtgnnOptions) -> None:
            super().__init__()
            self.plain = twin(Mtgnn(shape, options))

        def forward(self, x: Tensor, mean_window: Tensor) -> Tensor:
            forecast: Tensor = self.plain(x, mean_window)
            return forecast
