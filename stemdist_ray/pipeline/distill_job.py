"""The main job: a source in, a distilled data set out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from stemdist_ray.artifact.checkpoint import Checkpoint, CheckpointStore
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource, Source, prepare_source
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.run_state import RoundRecord, RunObserver, RunState
from stemdist_ray.distillation.start import (
    cluster_source,
    clustered_data,
    initial_state,
    num_synthetic_windows,
)
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.distillation.teacher import teach
from stemdist_ray.distillation.validation import Validator
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.execution.select import open_executor
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.pipeline.folders import check_folder, make_folder
from stemdist_ray.pipeline.observe import ProgressObserver, TrackingObserver
from stemdist_ray.pipeline.track import describe_run, ended, remember_run, remembered_run
from stemdist_ray.pipeline.write_artifact import write_artifact
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.stages import StageClock
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.tracking.base_class import Tracker
from stemdist_ray.tracking.mlflow import create_tracker

Clusterer = Callable[[DistillConfig, PreparedSource], Clustering]


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
    source: Source | PreparedSource,
    out: str | Path,
    config: DistillConfig | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    observers: Sequence[RunObserver] = (),
    cluster: Clusterer = cluster_source,
) -> DistillResult:
    """Distil a source into a folder.

    Args:
        source: Path, ``demo``, ``sim:...``, a series, or one that was prepared for many runs.
        out: Folder of the artifact; its checkpoint lives there while the run goes on.
        config: Settings; with ``resume`` and None, those of the checkpoint.
        resume: Go on from the checkpoint in ``out``. More rounds and more patience may be asked
            for; all other settings that decide the result must be the same. The result is that of
            a run with these settings from the beginning.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first.
        reporter: Told of progress; silent when None.
        observers: Are told of every task and round, besides progress and tracking.
        cluster: Clusters the locations; a pure function of settings and source.

    Raises:
        DataError: The source cannot be used.
        ConfigError: The settings do not fit the source or the checkpoint.
        ArtifactError: ``out`` is taken, or there is nothing to resume.
        ExecutionError: Workers could not finish their tasks.
    """
    folder, reporter = Path(out), reporter or SilentReporter()
    if config is None:
        config = CheckpointStore(folder).config() if resume else DistillConfig()
    # All that can be wrong is found out before anything is touched.
    check_folder(folder, resume=resume, overwrite=overwrite)
    check_forecaster(config.forecaster)
    worker_device(config)
    return _DistillJob(source, folder, config, reporter, resume, observers, cluster).run()


@dataclass(frozen=True)
class _Work:
    """What a run works on.

    Args:
        source: The real series.
        clustering: Of its locations.
        clustered: The series of the clusters.
        state: To go on from, None = from the start.
    """

    source: PreparedSource
    clustering: Clustering
    clustered: ClusteredData
    state: RunState | None


class _DistillJob:
    """One run of the main job; the steps in order, each timed."""

    def __init__(
        self,
        source: Source | PreparedSource,
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
                    about = work.source.description
                    tracker.start(describe_run(self.folder, self.config, about, existing))
                    remember_run(self.folder, tracker)
                state = self._run_rounds(work, tracker)
                return self._finish(work, state, tracker, memory)

    def _prepare(self) -> _Work:
        config, earlier = self.config, None
        with self.clock.stage("read"):
            source = prepare_source(self.source, config.data)
            self.source = source  # lets a series that was only read for this run go
        if self.resume:
            earlier = self.store.resume(config, source.description)
            self.clock.add_earlier(earlier.stages)
        make_folder(self.folder, resume=self.resume)
        with self.clock.stage("cluster"):
            clustering = self.cluster(config, source) if earlier is None else earlier.clustering
            clustered = clustered_data(source, clustering)
        train, about = len(source.starts["train"]), source.description
        self.reporter.say(
            f"{about.source}: {about.steps} steps x {about.locations} locations; distilling "
            f"{train} x {about.locations} train windows into "
            f"{num_synthetic_windows(config, source)} x {clustering.num_clusters}"
        )
        state = None if earlier is None else earlier.state
        if state is not None and state.stopped_early:
            self.reporter.say(
                f"patience ran out after round {state.round} (validation.patience is "
                f"{config.validation.patience}); a larger one would go on"
            )
        return _Work(source, clustering, clustered, state)

    def _checkpoint(self, work: _Work, state: RunState) -> Checkpoint:
        about = work.source.description
        return Checkpoint(state, work.clustering, self.config, about, self.clock.records())

    def _run_rounds(self, work: _Work, tracker: Tracker) -> RunState:
        config, state, device = self.config, work.state, worker_device(self.config)
        with ExitStack() as stack:
            # Before the teacher's minutes: a cluster without room for the workers fails here.
            with self.clock.stage("start workers"):
                executor = stack.enter_context(
                    open_executor(work.clustered, config.worker, config.num_shards)
                )
            sizes = work.clustering.cluster_size
            coordinator = Coordinator(
                config=config,
                data=work.clustered,
                executor=executor,
                validate=Validator(work.source, sizes, config, executor, device),
                save=lambda state: self.store.save(self._checkpoint(work, state)),
                device=device,
                observers=[
                    ProgressObserver(self.reporter, config.rounds),
                    TrackingObserver(tracker),
                    *self.observers,
                ],
            )
            if state is None:
                with self.clock.stage("teacher"):
                    untaught = initial_state(config, work.source, work.clustered)
                    first, teachers = teach(config, work.source, untaught, self.reporter)
                with self.clock.stage("distill"):
                    return coordinator.run(coordinator.start(first, teachers))
            with self.clock.stage("distill"):
                return coordinator.run(state)

    def _finish(
        self, work: _Work, state: RunState, tracker: Tracker, memory: PeakMemory
    ) -> DistillResult:
        checkpoint, peak = self._checkpoint(work, state), memory.so_far()
        dataset = write_artifact(self.folder, work.source, checkpoint, peak, tracker.run_id)
        remember_run(self.folder, tracker)
        seconds = {f"seconds.{n}": r.seconds for n, r in checkpoint.stages.items()}
        tracker.log_metrics({**seconds, "peak_rss_mib": peak})
        for path in sorted(self.folder.iterdir()):
            if path.is_file():
                tracker.log_artifact(path, "dataset")
        kept = state.kept()
        return DistillResult(
            path=self.folder,
            dataset=dataset,
            history=state.history,
            best_round=kept.round,
            best_validation=kept.error,
            run_id=tracker.run_id,
        )
