"""What a trial needs of a cluster, and how many fit beside each other. Pure; tested without Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.policy import describe, needs, room

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
        nodes: CPUs, GPUs and memory of every machine.

    Raises:
        ExecutionError: The cluster is too small for one trial.
    """
    workers = worker.num_workers
    if workers is None:
        share = {name: amount / (concurrent or 1) for name, amount in _total(nodes).items()}
        share["CPU"] = share.get("CPU", 0.0) - coordinator_cpus
        workers = room(share, needs(worker))
        if worker.num_gpus > 0:
            workers = max(1, workers)
        workers = max(0, min(workers, num_shards))
    bundles = _bundles(worker, workers, coordinator_cpus)
    fit = how_many_fit(bundles, nodes)
    if fit == 0:
        raise ExecutionError(_too_small(bundles, nodes))
    return TrialPlan(workers, bundles, min(fit, concurrent or fit))


def wanted_bundles(
    worker: WorkerConfig, num_shards: int, coordinator_cpus: float, concurrent: int | None
) -> tuple[dict[str, float], ...]:
    """What to ask an autoscaler for: the trials that run at a time, one where that is open.

    Args:
        worker: Number and size of workers; None = open: as many as there are shards.
        num_shards: Of a trial (the largest).
        coordinator_cpus: Reserved for the coordinator beside workers.
        concurrent: Trials at a time, None = open.
    """
    workers = num_shards if worker.num_workers is None else worker.num_workers
    return _bundles(worker, workers, coordinator_cpus) * (concurrent or 1)


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
    each = needs(worker)
    if workers == 0:
        return (each,)
    return ({"CPU": coordinator_cpus}, *(dict(each) for _ in range(workers)))


def _total(things: Sequence[Resources]) -> dict[str, float]:
    names = {name for thing in things for name in thing}
    return {name: sum(thing.get(name, 0.0) for thing in things) for name in names}


def _too_small(bundles: Sequence[Resources], nodes: Sequence[Resources]) -> str:
    wanted, have = _total(bundles), _total(nodes)
    if "memory" not in wanted:
        have.pop("memory", None)
    pieces = " + ".join(describe(bundle) for bundle in bundles)
    return (
        f"one trial wants {describe(wanted)} ({pieces}), the cluster has {describe(have)} on "
        f"{len(nodes)} machine{'s' if len(nodes) != 1 else ''}, too little; lower "
        "worker.num_workers, worker.num_cpus or worker.num_gpus, or add nodes"
    )
