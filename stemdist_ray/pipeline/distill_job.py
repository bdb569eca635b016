"""The main job: a source in, a distilled data set out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from stemdist_ray.artifact.card import dataset_card
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.dataset import EXAMPLES, SyntheticDataset
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import PreparedData
from stemdist_ray.distillation.coordinator import (
    Coordinator,
    RoundRecord,
    RunObserver,
    RunState,
)
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.errors import ConfigError, ExecutionError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.memory import PeakMemory
from stemdist_ray.pipeline.folders import check_folder, make_folder
from stemdist_ray.pipeline.inputs import JobInput, PreparedInput, Source, prepare_input
from stemdist_ray.pipeline.judge import SyntheticJudge
from stemdist_ray.pipeline.manifest import build_manifest
from stemdist_ray.pipeline.observe import ProgressObserver, TrackingObserver
from stemdist_ray.pipeline.start import (
    cluster_prepared,
    clustered_data,
    initial_state,
    num_synthetic_windows,
    save_examples,
)
from stemdist_ray.pipeline.teacher import teach
from stemdist_ray.pipeline.track import describe_run, ended, remember_run, remembered_run
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.stages import StageClock
from stemdist_ray.threads import torch_threads
from stemdist_ray.tracking.base import Tracker
from stemdist_ray.tracking.mlflow import create_tracker

Clusterer = Callable[[DistillConfig, PreparedData], Clustering]


@dataclass(frozen=True)
class DistillResult:
    """What a distillation gave.

    Args:
        path: The artifact's folder.
        dataset: The distilled data set (best round).
        history: One record per round, the unlearned start first.
        best_round: The round kept; 0 is the unlearned start.
        best_validation: Its validation relative RMSE.
        run_id: Tracking run, None where nothing was tracked.
    """

    path: Path
    dataset: SyntheticDataset
    history: tuple[RoundRecord, ...]
    best_round: int
    best_validation: float
    run_id: str | None


def distill(
    source: Source | PreparedInput,
    out: str | Path,
    config: DistillConfig | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    observers: Sequence[RunObserver] = (),
    cluster: Clusterer = cluster_prepared,
) -> DistillResult:
    """Distil a source into a folder.

    Args:
        source: Path, ``demo``, ``sim:...``, a series, or one that was prepared for many runs.
        out: Folder of the artifact; its checkpoint lives there while the run goes on.
        config: Settings; with ``resume`` and None, those of the checkpoint.
        resume: Go on from the checkpoint in ``out``. More rounds may be asked for;
            all other settings that change the result must be the same.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first.
        reporter: Told of progress; silent when None.
        observers: Are told of every task and round, besides progress and tracking.
        cluster: Clusters the locations; a pure function of settings and data.

    Raises:
        DataError: The source cannot be used.
        ConfigError: The settings do not fit the source or the checkpoint.
        ArtifactError: ``out`` is taken, or there is nothing to resume.
        ExecutionError: Workers could not finish their tasks.
    """
    folder, reporter = Path(out), reporter or SilentReporter()
    if config is None:
        tree = CheckpointStore(folder).describe()["config"] if resume else {}
        config = DistillConfig.model_validate(tree)
    # All that can be wrong is found out before anything is touched.
    check_folder(folder, resume=resume, overwrite=overwrite)
    check_forecaster(config.forecaster)
    compute_device(config)
    return _DistillJob(source, folder, config, reporter, resume, observers, cluster).run()


@dataclass(frozen=True)
class _Prepared:
    """What a run works on."""

    job: JobInput
    data: PreparedData
    clustering: Clustering
    clustered: ClusteredData
    state: RunState | None


class _DistillJob:
    """One run of the main job; the steps in order, each timed."""

    def __init__(
        self,
        source: Source | PreparedInput,
        folder: Path,
        config: DistillConfig,
        reporter: Reporter,
        resume: bool,
        observers: Sequence[RunObserver],
        cluster: Clusterer,
    ) -> None:
        self.source, self.folder, self.config = source, folder, config
        self.reporter, self.resume = reporter, resume
        self.observers, self.cluster = observers, cluster
        self.store, self.clock = CheckpointStore(folder), StageClock()

    def run(self) -> DistillResult:
        # The teacher trains here; a fixed number of threads makes what it says repeatable.
        with torch_threads(self.config.worker.coordinator_threads), PeakMemory() as memory:
            work = self._prepare()
            existing = remembered_run(self.folder) if self.resume else None
            tracker = create_tracker(self.config.tracking, self.folder.absolute().parent)
            with ended(tracker):
                with self.clock.stage("tracking"):
                    tracker.start(describe_run(self.folder, self.config, work.job, existing))
                    remember_run(self.folder, tracker)
                state = self._run_rounds(work, tracker)
                return self._write(work, state, tracker, memory)

    def _prepare(self) -> _Prepared:
        config, state = self.config, None
        with self.clock.stage("read"):
            ready = prepare_input(self.source, config.data)
            job, data = ready.job, ready.data
        if self.resume:
            self._check_same_readings(job)
            state, clustering = self.store.load(config)
        make_folder(self.folder, resume=self.resume)
        with self.clock.stage("cluster"):
            if not self.resume:
                clustering = self.cluster(config, data)
            clustered = clustered_data(data, clustering)
        train = len(data.starts["train"])
        self.reporter.say(
            f"{job.description['source']}: {job.series.num_steps} steps x "
            f"{job.series.num_locations} locations; distilling {train} x "
            f"{job.series.num_locations} train windows into "
            f"{num_synthetic_windows(config, data)} x {clustering.num_clusters}"
        )
        return _Prepared(job, data, clustering, clustered, state)

    def _check_same_readings(self, job: JobInput) -> None:
        was = self.store.describe()["source"]
        if was["hash"] != job.description["hash"]:
            raise ConfigError(
                f"cannot resume {self.folder}: the readings of {job.description['source']} are not "
                f"those it was begun with (content hash {job.description['hash']}, then "
                f"{was['hash']}); start anew in another folder"
            )

    def _run_rounds(self, work: _Prepared, tracker: Tracker) -> RunState:
        config, state, device = self.config, work.state, compute_device(self.config)
        with ExitStack() as stack:
            # Before the teacher's minutes: a cluster without room for the workers fails here.
            with self.clock.stage("start workers"):
                executor = stack.enter_context(open_executor(work.clustered, config))
            coordinator = Coordinator(
                config=config,
                data=work.clustered,
                executor=executor,
                judge=SyntheticJudge(work.data, work.clustering, config, executor, device),
                save=lambda s: self.store.save(s, work.clustering, config, work.job.description),
                device=device,
                observers=[
                    ProgressObserver(self.reporter, config.rounds),
                    TrackingObserver(tracker),
                    *self.observers,
                ],
            )
            if state is None:
                with self.clock.stage("teacher"):
                    untaught = initial_state(config, work.data, work.clustered)
                    first, teachers = teach(config, work.data, untaught, self.reporter)
                with self.clock.stage("distill"):
                    return coordinator.run(coordinator.start(first, teachers))
            with self.clock.stage("distill"):
                return coordinator.run(state)

    def _write(
        self, work: _Prepared, state: RunState, tracker: Tracker, memory: PeakMemory
    ) -> DistillResult:
        config, peak = self.config, memory.so_far()
        manifest = {
            **build_manifest(config, work.job, work.data, work.clustering, state),
            "stages": self.clock.to_json(),
            "peak_rss_mib": peak,
            "tracking_run_id": tracker.run_id,
        }
        dataset = SyntheticDataset(
            x=state.best.x,
            y=state.best.y,
            cluster_size=work.clustering.cluster_size,
            assignment=work.clustering.assignment,
            location_ids=work.job.series.location_ids,
            coordinates=work.job.series.coordinates,
            encoder_input=work.data.encoder_input(),
            scaler=work.data.scaler,
            manifest=manifest,
        )
        start = initial_state(config, work.data, work.clustered)
        save_examples(self.folder / EXAMPLES, start, state.best)
        dataset.save(self.folder, dataset_card(manifest))
        remember_run(self.folder, tracker)
        seconds = {f"seconds.{n}": r.seconds for n, r in self.clock.records.items()}
        tracker.log_metrics({**seconds, "peak_rss_mib": peak})
        for path in sorted(self.folder.iterdir()):
            if path.is_file():
                tracker.log_artifact(path, "dataset")
        return DistillResult(
            path=self.folder,
            dataset=dataset,
            history=state.history,
            best_round=state.best_round,
            best_validation=state.best_score,
            run_id=tracker.run_id,
        )


def open_executor(data: ClusteredData, config: DistillConfig) -> AbstractContextManager[Any]:
    """Serial for 0 workers, else Ray (imported only then)."""
    if config.worker.num_workers == 0:
        return SerialExecutor(data)
    from stemdist_ray.execution.ray_workers import RayExecutor

    return RayExecutor(data, config.worker, config.num_shards)


def compute_device(config: DistillConfig) -> str:
    """Where tasks compute: "cuda" when workers get a GPU share.

    Raises:
        ExecutionError: A GPU is asked for in a serial run and there is none.
    """
    if config.worker.num_gpus == 0:
        return "cpu"
    if config.worker.num_workers == 0 and not torch.cuda.is_available():
        raise ExecutionError(
            f"worker.num_gpus is {config.worker.num_gpus:g} but this machine has no usable GPU; "
            "set it to 0, or use workers on a cluster with GPUs"
        )
    return "cuda"
