"""What a model of scale is fitted to: runs, empty tasks and messages on this machine.

The machines of a cluster are simulated: nodes of Ray on this one, beside a head without CPUs. They
share its cores, and what travels between them never leaves it.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from jobs.benchmarks.driver import cluster_without_head, cpu_seconds
from jobs.benchmarks.scale_plan import Workload
from jobs.benchmarks.scale_trace import Trace, Tracing
from stemdist_ray.config import DistillConfig, WorkerConfig, build_config
from stemdist_ray.execution.executor import Executor
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import Reporter

# Small trainings: what is measured is how work spreads, not what it gives.
LAYER: dict[str, Any] = {
    "rounds": 2,
    "num_shards": 8,
    "spatial_ratio": 0.2,
    "temporal_ratio": 0.02,
    "matching": {"steps": 2, "unroll_steps": 4, "oldest": 8, "real_batch": 32},
    "refine": {"steps": 1},
    "teacher": {"members": 2, "epochs": 10},
    "validation": {"repeats": 2, "epochs": 5, "every": 1},
    # One thread per task: the seconds of a core are what the model is made of.
    "worker": {"threads": 1, "coordinator_threads": 1},
    "tracking": {"enabled": False},
}


@dataclass(frozen=True)
class Point:
    """One run to measure.

    Args:
        locations: Of simulated traffic.
        steps: Of it.
        workers: Processes.
        machines: Simulated, each with its share of the workers.
        layer: Settings over :data:`LAYER`.
        small: Whether trainings are as short as :data:`LAYER` says; else they are those of the
            preset ``standard``.
    """

    locations: int
    steps: int
    workers: int = 1
    machines: int = 1
    layer: tuple[tuple[str, Any], ...] = ()
    small: bool = True

    @property
    def source(self) -> str:
        """SOURCE."""
        return f"sim:traffic?locations={self.locations},steps={self.steps}"

    def config(self) -> DistillConfig:
        """All settings."""
        usual = LAYER if self.small else {"tracking": LAYER["tracking"]}
        return build_config("standard", usual, dict(self.layer))

    def workload(self) -> Workload:
        """The same for the model."""
        return Workload(self.locations, self.steps, self.config())


@dataclass(frozen=True)
class Measured:
    """What a run took.

    Args:
        point: Which run.
        trace: What it asked for.
        busy_elsewhere: Cores that other programs kept busy meanwhile, on average; daemons of Ray
            are among them.
        driver_seconds: CPU time of the driver.
    """

    point: Point
    trace: Trace
    busy_elsewhere: float
    driver_seconds: float

    @property
    def efficiency(self) -> float:
        """CPU time of the tasks / (workers x wall time of the whole run)."""
        return self.trace.busy() / (self.point.workers * self.trace.seconds)


@dataclass(frozen=True)
class Overheads:
    """What running a task costs besides the task.

    Args:
        round_trip_seconds: Of an empty task on one worker, from one to the next.
        driver_seconds: CPU time of the driver per empty task.
        start_seconds: Until all workers are there, Ray running already.
        put_bytes_per_second: Shared data into the object store.
        copy_bytes_per_second: Arguments there and results back, both counted.
        fetch_bytes_per_second: Shared data to another node; on this machine memory to memory.
    """

    round_trip_seconds: float
    driver_seconds: float
    start_seconds: float
    put_bytes_per_second: float
    copy_bytes_per_second: float
    fetch_bytes_per_second: float


@dataclass(frozen=True)
class Echo:
    """A task that gives back what it was sent.

    Args:
        name: For messages.
        values: What.
    """

    name: str
    values: Any = None


def echo(data: object, task: Echo) -> Any:
    """Give back what a task was sent."""
    del data
    return task.values


@contextmanager
def workers_of(workers: int, machines: int) -> Iterator[tuple[Any, float]]:
    """An executor on simulated machines, and the seconds until its workers were there."""
    from stemdist_ray.execution.ray_workers import RayExecutor

    each = -(-workers // machines)
    with cluster_without_head(each, machines):
        begun = time.perf_counter()
        with RayExecutor(None, WorkerConfig(num_workers=workers), workers) as executor:
            executor.wait_for_all()
            yield executor, time.perf_counter() - begun


def measure_runs(executor: Any, points: Sequence[Point], reporter: Reporter) -> list[Measured]:
    """Run some points, which must have the number of workers that there are."""
    found = []
    warm = replace(points[0], layer=(*points[0].layer, ("rounds", 0)))
    _run(executor, replace(warm, locations=24, steps=400))  # libraries are loaded
    for point in points:
        found.append(_run(executor, point))
        reporter.say(
            f"{point.source}, {point.workers} workers on {point.machines} machines: "
            f"{found[-1].trace.seconds:.1f} s, {found[-1].trace.busy():.1f} s of the workers, "
            f"{found[-1].busy_elsewhere:.2f} cores busy elsewhere"
        )
    return found


def _run(executor: Any, point: Point) -> Measured:
    tracing = Tracing(executor)
    with tempfile.TemporaryDirectory() as parent, load_watched(executor.process_ids()) as watch:
        begun = time.time()
        distill(point.source, Path(parent) / "run", point.config(), executor=tracing)
        ended = time.time()
    trace = tracing.trace(begun, ended)
    return Measured(point, trace, watch["elsewhere"], watch["driver"])


@contextmanager
def load_watched(workers: Sequence[int]) -> Iterator[dict[str, float]]:
    """Fills in, at the end of the block, CPU time of the driver and cores busy elsewhere.

    Args:
        workers: Ids of their processes.
    """
    found: dict[str, float] = {}
    driver = psutil.Process()
    ours = [psutil.Process(pid) for pid in {driver.pid, *workers}]
    before = time.perf_counter(), _machine_busy(), cpu_seconds(ours), cpu_seconds([driver])
    yield found
    seconds = time.perf_counter() - before[0]
    own = cpu_seconds(ours) - before[2]
    found["driver"] = cpu_seconds([driver]) - before[3]
    found["elsewhere"] = max(0.0, (_machine_busy() - before[1] - own) / seconds)


def _machine_busy() -> float:
    """Seconds that all cores of the machine have been busy."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def measure_overheads(executor: Any, start_seconds: float, tasks: int, mib: int) -> Overheads:
    """Empty tasks, messages and shared data on one worker.

    Args:
        executor: With one worker, on another node than the driver.
        start_seconds: That it took to start.
        tasks: Empty ones, at least 1.
        mib: Size of messages and shared data, MiB.
    """
    driver = psutil.Process()
    _seconds_of(executor, [Echo("warm-up")] * 3)
    cpu = cpu_seconds([driver])
    trip = _seconds_of(executor, [Echo("empty")] * tasks) / tasks
    cpu = (cpu_seconds([driver]) - cpu) / tasks
    values = np.zeros(mib * 2**20, np.uint8)
    puts, fetches, copies = [], [], []
    for _ in range(3):
        begun = time.perf_counter()
        executor.share(values)
        puts.append(time.perf_counter() - begun)
        fetches.append(_seconds_of(executor, [Echo("first")]))
        copies.append(_seconds_of(executor, [Echo("message", values)]))
    executor.share(None)
    rate = float(values.nbytes)
    return Overheads(
        round_trip_seconds=trip,
        driver_seconds=cpu,
        start_seconds=start_seconds,
        put_bytes_per_second=rate / statistics.median(puts),
        copy_bytes_per_second=2 * rate / max(statistics.median(copies) - trip, 1e-9),
        fetch_bytes_per_second=rate / max(statistics.median(fetches) - trip, 1e-9),
    )


def _seconds_of(executor: Executor, tasks: Sequence[Echo]) -> float:
    begun = time.perf_counter()
    executor.run(echo, tasks, lambda value: None)
    return time.perf_counter() - begun


def physical_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))
