"""One trial: a distillation with its own coordinator and workers, reporting to Ray Tune."""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.run_state import RoundRecord, RunObserver, RunState
from stemdist_ray.distillation.start import cluster_by_task, num_clusters
from stemdist_ray.errors import ExecutionError, FolderInUseError, StemdistError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.session import register_all
from stemdist_ray.forecasters import Forecaster
from stemdist_ray.pipeline.distill_job import distill
from stemdist_ray.pipeline.work import Clusterer
from stemdist_ray.sweeps.records import SweepStore
from stemdist_ray.sweeps.space import SearchSpace
from stemdist_ray.system.seal import read_sealed_bytes, write_sealed_bytes

TRIAL = "trial"  # key of what a trial is told: its name, and its proposal


@dataclass(frozen=True)
class SharedSweep:
    """What all trials share; lies in the object store once.

    Args:
        folder: Of the sweep; with several machines one that all of them see.
        source: The series, read and prepared.
        space: Turns points into settings.
        workers: Actors per trial.
        forecasters: Forecasters that the user registered in the driver, by name.
    """

    folder: Path
    source: PreparedSource
    space: SearchSpace
    workers: int
    forecasters: dict[str, type[Forecaster]]

    def settings(self, point: dict[str, Any]) -> DistillConfig:
        """The configuration of a trial. The driver does the tracking."""
        placed = {"worker": {"num_workers": self.workers}, "tracking": {"enabled": False}}
        return build_config(self.space.preset, self.space.settings(point), placed)


def run_trial(config: dict[str, Any], shared: SharedSweep) -> None:
    """What Ray Tune runs as a trial; goes on from the last round where one was begun."""
    told = config[TRIAL]
    distill_point(told["point"], told["id"], shared, lambda metrics: tune.report(metrics))


def distill_point(
    point: dict[str, Any],
    identifier: str,
    shared: SharedSweep,
    report: Callable[[dict[str, float]], None],
) -> None:
    """Distil one point into the trial's folder.

    Args:
        point: Settings by name.
        identifier: Of the trial.
        shared: What all trials share.
        report: Is given the metrics of every validated round.

    Raises:
        StemdistError: The trial cannot succeed; the reason is also written down, so that a second
            attempt ends at once.
    """
    register_all(shared.forecasters)
    store = SweepStore(shared.folder)
    store.refuse_failed(identifier)
    folder = store.trial(identifier)
    begun = CheckpointStore(folder).exists()
    observer = ReportObserver(report)
    try:
        result = distill(
            shared.source,
            folder,
            shared.settings(point),
            resume=begun,
            overwrite=not begun,
            observers=[observer],
            cluster=stored_clusterings(store.clusterings),
            teachers=store.teachers,
        )
    except (ExecutionError, FolderInUseError):
        raise  # workers were lost, an attempt before is not known to be dead: another may do better
    except StemdistError as error:
        store.keep_failure(identifier, str(error))
        raise
    if not observer.reported:  # all rounds were done before
        size = dict(result.dataset.manifest.size)
        report(trial_metrics(result.history, result.best_validation, size, 0.0))


class ReportObserver(RunObserver):
    """Reports every validated round.

    Args:
        report: Is given the metrics.
    """

    def __init__(self, report: Callable[[dict[str, float]], None]) -> None:
        self.report, self.begun, self.reported = report, time.perf_counter(), False

    def round_done(self, record: RoundRecord, state: RunState) -> None:
        """Report, where the round was validated."""
        if record.validation is None:
            return
        self.reported = True
        data = state.synthetic
        size = {
            "windows": data.num_windows,
            "locations": data.num_locations,
            "bytes": data.x.nbytes + data.y.nbytes,
        }
        seconds = time.perf_counter() - self.begun
        self.report(trial_metrics(state.history, state.kept().error, size, seconds))


def trial_metrics(
    history: tuple[RoundRecord, ...], error: float, size: Mapping[str, float], seconds: float
) -> dict[str, float]:
    """The metrics of a trial after some rounds.

    Args:
        history: Of all rounds.
        error: The best validation relative RMSE so far.
        size: ``windows``, ``locations`` and ``bytes`` of the synthetic data.
        seconds: Spent in this process.
    """
    trained = [r.evaluator_seconds for r in history if r.evaluator_seconds is not None]
    return {
        "round": history[-1].round,
        "error": error,
        "bytes": size["bytes"],
        # The fastest: others share the machine, and the size does not change.
        "train_seconds": min(trained) if trained else float("nan"),
        "windows": size["windows"],
        "locations": size["locations"],
        "seconds": seconds,
        "worker_peak_mib": max(r.worker_peak_mib for r in history),
    }


def stored_clusterings(folder: Path) -> Clusterer:
    """A clusterer that keeps its results, for all trials of the same K, seed and settings."""

    def cluster(config: DistillConfig, source: PreparedSource, executor: Executor) -> Clustering:
        key = repr((num_clusters(config, source), config.clustering, config.seed, "medoids"))
        name = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
        path = folder / f"{name}.npz"
        with contextlib.suppress(FileNotFoundError):
            return read_clustering(path)
        found = cluster_by_task(config, source, executor)
        write_clustering(path, found)
        return found

    return cluster


def read_clustering(path: Path) -> Clustering:
    """Read what :func:`write_clustering` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ArtifactError: It is damaged.
    """
    content = read_sealed_bytes(path, "delete it, and it is made again", unsealed=b"PK")
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        return Clustering(
            assignment=file["assignment"],
            cluster_size=file["cluster_size"],
            inertia=float(file["inertia"]),
            medoids=file["medoids"],
        )


def write_clustering(path: Path, found: Clustering) -> None:
    """Write a fresh clustering, which knows its medoids."""
    assert found.medoids is not None
    buffer = io.BytesIO()
    np.savez(
        buffer,
        assignment=found.assignment,
        cluster_size=found.cluster_size,
        inertia=np.float64(found.inertia),
        medoids=found.medoids,
    )
    write_sealed_bytes(path, buffer.getbuffer())
