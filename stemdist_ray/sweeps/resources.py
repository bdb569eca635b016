"""What a trial needs of a cluster, and how many fit beside each other. Pure; tested without Ray."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError

Resources = Mapping[str, float]


@dataclass(frozen=True)
class TrialPlan:
    """How trials are placed.

    Args:
        workers: Actors per trial; 0 = the trial runs its tasks itself.
        bundles: What its placement group reserves: the coordinator first, then every worker.
        concurrent: Trials at a time.
    """

    workers: int
    bundles: tuple[dict[str, float], ...]
    concurrent: int


def plan_trials(
    worker: WorkerConfig,
    num_shards: int,
    coordinator_cpus: float,
    concurrent: int | None,
    nodes: Sequence[Resources],
) -> TrialPlan:
    """Decide how many workers a trial gets and how many trials run at a time.

    An open number of workers is filled from an equal share of the cluster for each concurrent
    trial; where a share has no room for a worker beside the coordinator, the trial does the work
    itself. The result of a trial does not depend on any of this.

    Args:
        worker: Number and size of workers; None = open.
        num_shards: Of a trial (the largest); more workers would have nothing to do.
        coordinator_cpus: Reserved for the coordinator beside workers.
        concurrent: Trials at a time, None = open.
        nodes: CPUs and GPUs of every machine.

    Raises:
        ExecutionError: The cluster is too small for one trial.
    """
    cpus = sum(n.get("CPU", 0.0) for n in nodes)
    gpus = sum(n.get("GPU", 0.0) for n in nodes)
    workers = worker.num_workers
    if workers is None:
        share = 1.0 / (concurrent or 1)
        workers = math.floor((cpus * share - coordinator_cpus) / worker.num_cpus + 1e-9)
        if worker.num_gpus > 0:
            workers = max(1, min(workers, math.floor(gpus * share / worker.num_gpus + 1e-9)))
        workers = max(0, min(workers, num_shards))
    bundles = _bundles(worker, workers, coordinator_cpus)
    fit = how_many_fit(bundles, nodes)
    if fit == 0:
        raise ExecutionError(_too_small(bundles, nodes))
    return TrialPlan(workers, bundles, min(fit, concurrent or fit))


def how_many_fit(bundles: Sequence[Resources], nodes: Sequence[Resources]) -> int:
    """How many trials fit, filling machines greedily with the largest bundles first."""
    free = [dict(node) for node in nodes]
    ordered = sorted(bundles, key=lambda b: (b.get("GPU", 0.0), b.get("CPU", 0.0)), reverse=True)
    count = 0
    while all(_place(bundle, free) for bundle in ordered):
        count += 1
    return count


def _place(bundle: Resources, free: list[dict[str, float]]) -> bool:
    for node in free:
        if all(node.get(name, 0.0) + 1e-9 >= amount for name, amount in bundle.items()):
            for name, amount in bundle.items():
                node[name] = node.get(name, 0.0) - amount
            return True
    return False


def _bundles(
    worker: WorkerConfig, workers: int, coordinator_cpus: float
) -> tuple[dict[str, float], ...]:
    each = {"CPU": worker.num_cpus} | ({"GPU": worker.num_gpus} if worker.num_gpus > 0 else {})
    if workers == 0:
        return (each,)
    return ({"CPU": coordinator_cpus}, *(dict(each) for _ in range(workers)))


def _too_small(bundles: Sequence[Resources], nodes: Sequence[Resources]) -> str:
    def total(things: Sequence[Resources]) -> str:
        sums = {n: sum(t.get(n, 0.0) for t in things) for n in ("CPU", "GPU")}
        return " and ".join(f"{v:g} {n}" for n, v in sums.items() if v > 0 or n == "CPU")

    pieces = " + ".join(
        " and ".join(f"{amount:g} {name}" for name, amount in b.items()) for b in bundles
    )
    return (
        f"one trial wants {total(bundles)} ({pieces}), the cluster has {total(nodes)} on "
        f"{len(nodes)} machine{'s' if len(nodes) != 1 else ''}, too little; lower "
        "worker.num_workers, worker.num_cpus or worker.num_gpus, or add nodes"
    )
