"""How much of the work a driver does itself, and how much passes through it.

The cluster is one of this machine whose head offers no CPUs to tasks, as a head beside GPU nodes
does. Counted is CPU time, not wall time, so that it does not matter what else the machine does.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ray import cloudpickle

from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.execution.executor import Executor, R, T
from stemdist_ray.execution.ledger import Ledger
from stemdist_ray.execution.metering import Meter
from stemdist_ray.pipeline import distill, evaluate, evaluate_forecasters
from stemdist_ray.progress import Reporter, Standing

# One training per row says as much of the driver's share as several, in a fraction of the time.
_EVALUATION = {"repeats": 1, "rate_factors": (1.0,)}
SOURCE = "sim:traffic?locations=300,steps=4000"


@dataclass(frozen=True)
class DriverCase:
    """What is distilled and evaluated.

    Args:
        source: SOURCE.
        layer: Settings that override the preset ``standard``.
        workers: Actors, and CPUs of the node they run on.
    """

    source: str
    layer: dict[str, Any]
    workers: int = 2


@dataclass(frozen=True)
class DriverResult:
    """What one job took.

    Args:
        job: "distill", "evaluate" or "evaluate, all forecasters".
        driver_seconds: CPU time of the driver.
        worker_seconds: CPU time of the workers.
        shared_mib: Shared objects, put into the object store once each.
        tasks_mib: Arguments of all tasks.
        results_mib: What all tasks gave back.
    """

    job: str
    driver_seconds: float
    worker_seconds: float
    shared_mib: float
    tasks_mib: float
    results_mib: float

    @property
    def share(self) -> float:
        """Of the driver in all CPU time."""
        return self.driver_seconds / (self.driver_seconds + self.worker_seconds)


class Around:
    """An executor around another one, which runs the tasks.

    Args:
        inner: The other one.
    """

    def __init__(self, inner: Executor) -> None:
        self.inner = inner

    @property
    def meter(self) -> Meter:
        """See :class:`Executor`."""
        return self.inner.meter

    @property
    def ledger(self) -> Ledger:
        """See :class:`Executor`."""
        return self.inner.ledger

    @property
    def standing(self) -> Standing | None:
        """See :class:`Executor`."""
        return self.inner.standing


class Weighing(Around):
    """Notes what passes through it."""

    def __init__(self, inner: Executor) -> None:
        super().__init__(inner)
        self.shared, self.tasks, self.results = 0, 0, 0

    def share(self, data: object) -> None:
        """See :class:`Executor`."""
        self.shared += pickled_bytes(data)
        self.inner.share(data)

    def run(
        self, function: Callable[[Any, T], R], tasks: Sequence[T], on_done: Callable[[R], None]
    ) -> list[R]:
        """See :class:`Executor`."""
        self.tasks += sum(pickled_bytes(task) for task in tasks)
        results = self.inner.run(function, tasks, on_done)
        self.results += sum(pickled_bytes(result) for result in results)
        return results


def pickled_bytes(value: object) -> int:
    """Bytes of a message that holds a value; its arrays are counted where they lie."""
    arrays: list[int] = []
    head = cloudpickle.dumps(
        value, protocol=5, buffer_callback=lambda b: arrays.append(b.raw().nbytes)
    )
    return len(head) + sum(arrays)


def run_driver(case: DriverCase, all_forecasters: bool, reporter: Reporter) -> list[DriverResult]:
    """Distil and evaluate on a cluster whose head has no CPUs.

    Args:
        case: What.
        all_forecasters: Also make the cross-architecture table.
        reporter: Is told of the jobs' own progress.
    """
    from stemdist_ray.execution.ray_workers import RayExecutor

    settings = {"worker": {"num_workers": case.workers}, "tracking": {"enabled": False}}
    config = build_config("standard", {"evaluation": _EVALUATION}, case.layer, settings)
    with (
        cluster_without_head(case.workers),
        RayExecutor(None, config.worker, case.workers) as executor,
        tempfile.TemporaryDirectory() as parent,
    ):
        executor.wait_for_all()
        workers = [psutil.Process(pid) for pid in executor.process_ids()]
        jobs = _jobs(case.source, Path(parent) / "run", config, all_forecasters, reporter)
        results = []
        for name, job in jobs.items():
            results.append(_measure(name, job, executor, workers))
            reporter.say(
                f"{name}: CPU seconds of the driver {results[-1].driver_seconds:.2f}, of the "
                f"workers {results[-1].worker_seconds:.2f}: {results[-1].share:.2%}"
            )
        return results


def _jobs(
    source: str, folder: Path, config: DistillConfig, all_forecasters: bool, reporter: Reporter
) -> dict[str, Callable[[Executor], object]]:
    jobs: dict[str, Callable[[Executor], object]] = {
        "distill": lambda executor: distill(
            source, folder, config, executor=executor, reporter=reporter
        ),
        "evaluate": lambda executor: evaluate(
            folder, source, config, executor=executor, reporter=reporter
        ),
    }
    if all_forecasters:
        jobs["evaluate, all forecasters"] = lambda executor: evaluate_forecasters(
            folder, source, None, config, executor=executor, reporter=reporter
        )
    return jobs


def _measure(
    name: str,
    job: Callable[[Executor], object],
    executor: Executor,
    workers: Sequence[psutil.Process],
) -> DriverResult:
    weighing, driver = Weighing(executor), psutil.Process()
    before = cpu_seconds([driver]), cpu_seconds(workers)
    job(weighing)
    return DriverResult(
        job=name,
        driver_seconds=cpu_seconds([driver]) - before[0],
        worker_seconds=cpu_seconds(workers) - before[1],
        shared_mib=weighing.shared / 2**20,
        tasks_mib=weighing.tasks / 2**20,
        results_mib=weighing.results / 2**20,
    )


def cpu_seconds(processes: Sequence[psutil.Process]) -> float:
    """CPU time of some processes so far, all their threads together."""
    times = [process.cpu_times() for process in processes]
    return sum(own.user + own.system for own in times)


@contextmanager
def cluster_without_head(num_cpus: int, nodes: int = 1) -> Iterator[None]:
    """A cluster of a head without CPUs and nodes with some each, joined by this process."""
    import logging

    import ray

    from stemdist_ray.execution.session import use_private_token

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # as in a local Ray of a run
    use_private_token()
    cluster = _started(num_cpus, nodes)
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()
    finally:
        cluster.shutdown()


def _started(num_cpus: int, nodes: int) -> Any:
    from ray.cluster_utils import Cluster

    from stemdist_ray.execution.session import patiently

    head = {"num_cpus": 0, "include_dashboard": False}

    def start() -> Any:
        cluster = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(nodes):
            cluster.add_node(num_cpus=num_cpus)
        return cluster

    return patiently(start)
