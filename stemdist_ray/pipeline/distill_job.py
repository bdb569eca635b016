"""The main job: a source in, a distilled data set out."""

from __future__ import annotations

import json
import logging
import os
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stemdist_ray.artifact.card import dataset_card
from stemdist_ray.artifact.checkpoint import CheckpointStore
from stemdist_ray.artifact.dataset import MANIFEST, SCHEMA_VERSION, SyntheticDataset
from stemdist_ray.clustering.aggregate import cluster_series
from stemdist_ray.clustering.kmeans import Clustering, cluster_locations, location_vectors
from stemdist_ray.config import DistillConfig, flatten
from stemdist_ray.data.windows import PreparedData, evenly_spaced, prepare
from stemdist_ray.distillation.coordinator import Coordinator, RoundRecord, RunState
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.environment import git_commit, hardware, package_versions
from stemdist_ray.errors import ArtifactError, ConfigError, ExecutionError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.files import replacing_file, write_json
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.memory import PeakMemory
from stemdist_ray.pipeline.inputs import JobInput, Source, read_input
from stemdist_ray.pipeline.judge import SyntheticJudge
from stemdist_ray.pipeline.observe import ProgressObserver, TrackingObserver
from stemdist_ray.progress import Reporter, SilentReporter
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.stages import StageClock
from stemdist_ray.tracking.base import RunDescription, Tracker
from stemdist_ray.tracking.mlflow import create_tracker

logger = logging.getLogger(__name__)

TRACKING = "tracking.json"
EXAMPLES = "examples.npz"


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
    source: Source,
    out: str | Path,
    config: DistillConfig | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> DistillResult:
    """Distil a source into a folder.

    Args:
        source: Path, ``demo``, ``sim:...`` or a series.
        out: Folder of the artifact; its checkpoint lives there while the run goes on.
        config: Settings; with ``resume`` and None, those of the checkpoint.
        resume: Go on from the checkpoint in ``out``. More rounds may be asked for;
            all other settings that change the result must be the same.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first.
        reporter: Told of progress; silent when None.

    Raises:
        DataError: The source cannot be used.
        ConfigError: The settings do not fit the source or the checkpoint.
        ArtifactError: ``out`` is taken, or there is nothing to resume.
        ExecutionError: Workers could not finish their tasks.
    """
    folder, reporter = Path(out), reporter or SilentReporter()
    store = CheckpointStore(folder)
    if config is None:
        config = (
            DistillConfig.model_validate(store.describe()["config"]) if resume else DistillConfig()
        )
    # All that can be wrong is found out before anything is touched.
    check_folder(folder, resume=resume, overwrite=overwrite)
    check_forecaster(config.forecaster)
    compute_device(config)
    return _DistillJob(source, folder, config, reporter, store, resume).run()


def check_folder(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse an output folder that holds something, unless resuming or told to move it aside.

    Raises:
        ArtifactError: The folder is taken.
    """
    if folder.exists() and not folder.is_dir():
        raise ArtifactError(f"{folder} is a file; expected a new or empty folder for --out")
    if folder.exists() and any(folder.iterdir()) and not resume and not overwrite:
        state = "a finished run" if (folder / MANIFEST).exists() else "files"
        hint = "go on with --resume, " if CheckpointStore(folder).exists() else ""
        raise ArtifactError(
            f"{folder} holds {state} already; {hint}choose another --out, or move it aside "
            "with --overwrite"
        )


def make_folder(folder: Path, *, resume: bool) -> None:
    """Make the output folder; what is there steps aside to ``<folder>.previous``.

    Raises:
        ArtifactError: It cannot be made or written to.
    """
    if folder.exists() and any(folder.iterdir()) and not resume:
        previous = folder.with_name(folder.name + ".previous")
        if previous.exists():
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(previous.stat().st_mtime))
            previous.replace(previous.with_name(f"{previous.name}-{stamp}"))
        folder.replace(previous)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be created: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise ArtifactError(f"{folder} cannot be written to")


class _DistillJob:
    """One run of the main job; the steps in order, each timed."""

    def __init__(
        self,
        source: Source,
        folder: Path,
        config: DistillConfig,
        reporter: Reporter,
        store: CheckpointStore,
        resume: bool,
    ) -> None:
        self.source, self.folder, self.config = source, folder, config
        self.reporter, self.store, self.resume = reporter, store, resume
        self.clock = StageClock()

    def run(self) -> DistillResult:
        config, clock = self.config, self.clock
        torch_threads = torch.get_num_threads()
        # The evaluator runs here; a fixed number of threads makes its choice of round repeatable.
        torch.set_num_threads(config.worker.coordinator_threads)
        try:
            with PeakMemory() as memory:
                with clock.stage("read"):
                    job = read_input(self.source, config.data)
                    data = prepare(job.series, config.data)
                loaded = self._load_checkpoint(job)
                make_folder(self.folder, resume=self.resume)
                with clock.stage("cluster"):
                    clustering = loaded[1] if loaded else self._cluster(data)
                    clustered = clustered_data(data, clustering)
                self._say_plan(job, data, clustering)
                state, tracker = self._rounds(job, data, clustering, clustered, loaded)
            return self._finish(job, data, clustered, clustering, state, tracker, memory.peak_mib)
        finally:
            torch.set_num_threads(torch_threads)

    def _load_checkpoint(self, job: JobInput) -> tuple[RunState, Clustering] | None:
        if not self.resume:
            return None
        was = self.store.describe()["source"]
        if was["hash"] != job.description["hash"]:
            raise ConfigError(
                f"cannot resume {self.folder}: the readings of {job.description['source']} are not "
                f"those it was begun with (content hash {job.description['hash']}, then "
                f"{was['hash']}); start anew in another folder"
            )
        return self.store.load(self.config)

    def _cluster(self, data: PreparedData) -> Clustering:
        wanted = max(1, round(self.config.spatial_ratio * data.windows.num_locations))
        vectors = location_vectors(data.windows, data.starts["train"])
        return cluster_locations(vectors, wanted, self.config.clustering, self.config.seed)

    def _say_plan(self, job: JobInput, data: PreparedData, clustering: Clustering) -> None:
        series, train = job.series, data.starts["train"]
        self.reporter.say(
            f"{job.description['source']}: {series.num_steps} steps x {series.num_locations} "
            f"locations; distilling {len(train)} x {series.num_locations} train windows into "
            f"{num_synthetic_windows(self.config, data)} x {clustering.num_clusters}"
        )

    def _rounds(
        self,
        job: JobInput,
        data: PreparedData,
        clustering: Clustering,
        clustered: ClusteredData,
        loaded: tuple[RunState, Clustering] | None,
    ) -> tuple[RunState, Tracker]:
        config = self.config
        tracker = create_tracker(config.tracking, self.folder.absolute().parent)
        with self.clock.stage("tracking"):
            tracker.start(self._run_description(job))
            write_json(self.folder / TRACKING, {"run_id": tracker.run_id})
        status = "KILLED"
        try:
            with ExitStack() as stack:
                with self.clock.stage("start workers"):
                    executor = stack.enter_context(open_executor(clustered, config))
                coordinator = Coordinator(
                    config=config,
                    data=clustered,
                    executor=executor,
                    judge=SyntheticJudge(data, clustering, config),
                    save=lambda s: self.store.save(s, clustering, config, job.description),
                    device=compute_device(config),
                    observers=[
                        ProgressObserver(self.reporter, config.rounds),
                        TrackingObserver(tracker),
                    ],
                )
                with self.clock.stage("distill"):
                    if loaded:
                        state = coordinator.run(loaded[0])
                    else:
                        start = initial_state(config, data, clustered)
                        state = coordinator.run(coordinator.start(start))
            status = "FINISHED"
        except Exception:
            status = "FAILED"
            raise
        finally:
            if status != "FINISHED":
                tracker.finish(status)
        return state, tracker

    def _run_description(self, job: JobInput) -> RunDescription:
        known = self.folder / TRACKING
        existing = None
        if self.resume and known.exists():
            existing = json.loads(known.read_text(encoding="utf-8")).get("run_id")
        about = job.description
        profile = {k: about[k] for k in ("steps", "locations", "features", "missing_share")}
        tags = {"stemdist.job": "distill", "stemdist.source": about["source"]}
        commit = git_commit()
        if commit is not None:
            tags["git.commit"] = commit
        return RunDescription(
            name=self.folder.name,
            params=flatten(self.config.model_dump(mode="json")),
            tags=tags,
            dataset={
                "name": about["name"],
                "digest": about["hash"],
                "source": about["source"],
                "profile": profile,
            },
            existing_run_id=existing,
        )

    def _finish(
        self,
        job: JobInput,
        data: PreparedData,
        clustered: ClusteredData,
        clustering: Clustering,
        state: RunState,
        tracker: Tracker,
        peak_mib: float,
    ) -> DistillResult:
        with self.clock.stage("write"):
            manifest = self._manifest(job, data, clustering, state, tracker, peak_mib)
            dataset = SyntheticDataset(
                x=state.best.x,
                y=state.best.y,
                cluster_size=clustering.cluster_size,
                assignment=clustering.assignment,
                location_ids=job.series.location_ids,
                coordinates=job.series.coordinates,
                encoder_input=data.encoder_input(),
                scaler=data.scaler,
                manifest=manifest,
            )
            save_examples(
                self.folder / EXAMPLES, initial_state(self.config, data, clustered), state
            )
            dataset.save(self.folder, dataset_card(manifest))
            write_json(self.folder / TRACKING, {"run_id": tracker.run_id})
        for name, stage in self.clock.records.items():
            tracker.log_metrics({f"seconds.{name}": stage.seconds})
        tracker.log_metrics({"peak_rss_mib": peak_mib})
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and path.name != TRACKING:
                tracker.log_artifact(path, "dataset")
        tracker.finish("FINISHED")
        return DistillResult(
            path=self.folder,
            dataset=dataset,
            history=state.history,
            best_round=state.best_round,
            best_validation=state.best_score,
            run_id=tracker.run_id,
        )

    def _manifest(
        self,
        job: JobInput,
        data: PreparedData,
        clustering: Clustering,
        state: RunState,
        tracker: Tracker,
        peak_mib: float,
    ) -> dict[str, Any]:
        config, windows, best = self.config, data.windows, state.best
        real_windows = len(data.starts["train"])
        per_location = windows.lookback * windows.num_features + windows.horizon
        return {
            "schema_version": SCHEMA_VERSION,
            "source": job.description,
            "spatial_ratio": config.spatial_ratio,
            "temporal_ratio": config.temporal_ratio,
            "seed": config.seed,
            "size": {
                "windows": best.num_windows,
                "locations": best.num_locations,
                "real_windows": real_windows,
                "real_locations": windows.num_locations,
                "lookback": windows.lookback,
                "horizon": windows.horizon,
                "features": windows.num_features,
                "bytes": int(best.x.nbytes + best.y.nbytes),
                "real_bytes": 4 * real_windows * windows.num_locations * per_location,
            },
            "target": {
                "name": data.target_name,
                "unit": data.target_unit,
                "position": windows.target,
            },
            "scaler": {
                "mean": list(data.scaler.mean),
                "std": list(data.scaler.std),
                "features": [*job.series.feature_names, *config.data.covariates],
            },
            "result": {
                "rounds": state.round,
                "best_round": state.best_round,
                "best_validation": state.best_score,
                "start_validation": state.history[0].validation,
                "stopped_early": state.stopped_early,
                "inertia": clustering.inertia,
            },
            "history": [asdict(record) for record in state.history],
            "stages": self.clock.to_json(),
            "peak_rss_mib": peak_mib,
            "tracking_run_id": tracker.run_id,
            "config": config.model_dump(mode="json"),
            "versions": package_versions(),
            "hardware": hardware(),
        }


def num_synthetic_windows(config: DistillConfig, data: PreparedData) -> int:
    """M_S, at least one."""
    return max(1, round(config.temporal_ratio * len(data.starts["train"])))


def clustered_data(data: PreparedData, clustering: Clustering) -> ClusteredData:
    """Average the series over clusters, with all that shard tasks read."""
    windows = cluster_series(data.windows, clustering)
    train = data.starts["train"]
    # Tasks draw train windows only; the later steps need not travel to the workers.
    steps = data.train_steps
    mask = None if windows.input_mask is None else windows.input_mask[:steps]
    windows = type(windows)(
        windows.inputs[:steps], mask, windows.target, windows.lookback, windows.horizon
    )
    return ClusteredData(windows, train, windows.mean_window(train), clustering.cluster_size)


def initial_state(
    config: DistillConfig, data: PreparedData, clustered: ClusteredData
) -> SyntheticState:
    """The unlearned start: some real windows of the clustered series."""
    starts, wanted = data.starts["train"], num_synthetic_windows(config, data)
    if config.matching.init == "even":
        chosen = starts[evenly_spaced(len(starts), wanted)]
    else:
        rng = numpy_generator(config.seed, "init")
        chosen = np.sort(rng.choice(starts, wanted, replace=False))
    batch = clustered.windows.batch(chosen)
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy())


def save_examples(path: Path, start: SyntheticState, state: RunState, count: int = 6) -> None:
    """Keep a few real windows beside what they became, for the report.

    Writes ``clusters`` (C,), ``real_x`` and ``learned_x`` (C, L, F) and ``real_y`` and
    ``learned_y`` (C, H), one window of each of C clusters, scaled.
    """
    clusters = evenly_spaced(start.num_locations, count)
    windows = evenly_spaced(start.num_windows, len(clusters))
    windows = np.resize(windows, len(clusters))
    with replacing_file(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            clusters=clusters,
            windows=windows,
            real_x=start.x[windows, :, clusters],
            real_y=start.y[windows, :, clusters],
            learned_x=state.best.x[windows, :, clusters],
            learned_y=state.best.y[windows, :, clusters],
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
