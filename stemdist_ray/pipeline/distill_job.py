"""The main job: a source in, a distilled data set out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stemdist_ray.artifact.checkpoint import Checkpoint, CheckpointStore
from stemdist_ray.artifact.dataset import SyntheticDataset
from stemdist_ray.artifact.expert_files import ExpertStore
from stemdist_ray.artifact.member_files import MemberStore
from stemdist_ray.baselines.method import check_method, expert_plan, sized
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.data.streaming import opened_source
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.members import check_forecasters
from stemdist_ray.distillation.run_state import RoundRecord, RunObserver, RunState
from stemdist_ray.distillation.start import cluster_by_task
from stemdist_ray.distillation.validation import Validator
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.ledger import Execution, merged, mixture
from stemdist_ray.execution.select import OnDemand, open_executor
from stemdist_ray.pipeline.folders import RunFolder
from stemdist_ray.pipeline.observe import run_observers
from stemdist_ray.pipeline.stream_task import streaming_by
from stemdist_ray.pipeline.track import describe_run, ended, remember_run, remembered_run
from stemdist_ray.pipeline.work import Clusterer, Work, prepare_work, taught_start
from stemdist_ray.pipeline.write_artifact import finished_artifact, write_artifact
from stemdist_ray.progress import Pulse, Reporter, SilentReporter, kept_up, warnings_to
from stemdist_ray.system.memory import PeakMemory
from stemdist_ray.system.outputs import check_local
from stemdist_ray.system.points import reached
from stemdist_ray.system.stages import StageClock
from stemdist_ray.system.threads import torch_threads
from stemdist_ray.tracking.base_class import Tracker
from stemdist_ray.tracking.mlflow import run_tracker


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
    cluster: Clusterer = cluster_by_task,
    executor: Executor | None = None,
    teachers: Path | None = None,
) -> DistillResult:
    """Distil a source into a folder.

    Args:
        source: Path, ``demo``, ``sim:...``, what ``as_series`` takes, or one already prepared.
        out: Folder of the artifact; its checkpoint lives there while the run goes on.
        config: Settings; with ``resume`` and None, those of the checkpoint.
        resume: Go on from the checkpoint in ``out``, or start where there is none yet. More
            rounds and more patience may be asked for; all other settings that decide the result
            must be the same. The result is that of a run with these settings from the beginning.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first; where there is
            something to resume and that is asked for, it is gone on with.
        reporter: Told of progress; silent when None.
        observers: Are told of every task and round, besides progress and tracking.
        cluster: Clusters the locations; what it gives depends on settings and source alone.
        executor: Runs the tasks and stays open; None = one of its own, as ``config.worker`` says.
        teachers: Folder of trained members of teachers, shared by several runs: what one has
            trained the others take, and wait for. None = members are kept for this run alone.

    Raises:
        DataError: The source cannot be used.
        ConfigError: The settings do not fit the source or the checkpoint.
        ArtifactError: ``out`` is taken, in use by another run, cannot be written to, or damaged.
        ExecutionError: Workers could not finish their tasks.
    """
    check_local(out)
    folder, reporter = Path(out), reporter or SilentReporter()
    # All that can be wrong is found out before anything is touched.
    with RunFolder(folder, resume=resume, overwrite=overwrite) as run:
        run.say_if_anew(reporter)
        if config is None:
            config = CheckpointStore(folder).config() if run.resumes else DistillConfig()
        if run.resumes and config.budget is not None:
            config = _with_picked_ratios(config, CheckpointStore(folder).config())
        check_forecasters(config)
        check_method(config)
        worker_device(config)
        options, clock = _Options(observers, cluster, executor, teachers), StageClock()
        with kept_up(reporter, clock.running) as pulse:
            return _DistillJob(source, run, config, pulse, clock, options).run()


def _with_picked_ratios(config: DistillConfig, begun: DistillConfig) -> DistillConfig:
    """The ratios that a run picked for the same budget when it began."""
    if config.budget != begun.budget:
        return config
    ratios = {"spatial_ratio": begun.spatial_ratio, "temporal_ratio": begun.temporal_ratio}
    return config.model_copy(update=ratios)


@dataclass(frozen=True)
class _Options:
    """What a caller may lend to a run."""

    observers: Sequence[RunObserver]
    cluster: Clusterer
    executor: Executor | None
    teachers: Path | None


class _DistillJob:
    """One run of the main job; the steps in order, each timed."""

    def __init__(
        self,
        source: Source | PreparedSource,
        out: RunFolder,
        config: DistillConfig,
        reporter: Pulse,
        clock: StageClock,
        options: _Options,
    ) -> None:
        self.source, self.out, self.config, self.reporter = source, out, config, reporter
        self.options, self.folder, self.clock = options, out.folder, clock
        self.store = CheckpointStore(self.folder)
        self.device = worker_device(config)
        self.before: Sequence[Execution] = ()  # who ran what where, until this run went on
        self.executor = OnDemand(self._workers)
        reporter.standing = self.executor.standing

    def run(self) -> DistillResult:
        # A fixed number of threads makes what the driver computes repeatable.
        config = self.config
        with (
            torch_threads(config.worker.coordinator_threads),
            PeakMemory() as memory,
            self.executor,
            ExitStack() as files,  # of a streamed series, there until the run has ended
        ):
            with self.clock.stage("read"):
                stream = streaming_by(self.executor)
                source = files.enter_context(
                    opened_source(
                        self.source,
                        config.data,
                        config.streaming,
                        self.folder,
                        self.reporter,
                        stream,
                    )
                )
                self.source = source  # lets a series that was only read for this run go
            # Refused before anything is written or trained.
            self.config = sized(config, source)
            earlier = self._earlier(source)
            reached("source read")
            self.out.make()
            existing = remembered_run(self.folder) if self.out.resumes else None
            tracker = run_tracker(self.config.tracking, self.folder)
            with ended(tracker):
                with self.clock.stage("tracking"):
                    about = source.description
                    tracker.start(describe_run(self.folder, self.config, about, existing))
                    remember_run(self.folder, tracker)
                reached("run remembered")
                work, state = self._run_rounds(source, earlier, tracker)
                work.begun.clustered.windows.discard()
                return self._finish(work, state, tracker, memory)

    def _earlier(self, source: PreparedSource) -> Checkpoint | None:
        if not self.out.resumes:
            return None
        earlier = self.store.resume(self.config, source.description)
        self.store.sweep()
        self.clock.add_earlier(earlier.stages)
        self.before = earlier.executions
        if earlier.state.stopped_early:
            self.reporter.say(
                f"patience ran out after round {earlier.state.round} (validation.patience is "
                f"{self.config.validation.patience}); a larger one would go on"
            )
        return earlier

    def _run_rounds(
        self, source: PreparedSource, earlier: Checkpoint | None, tracker: Tracker
    ) -> tuple[Work, RunState]:
        with self.executor:
            executor = self.executor()
            work, teachers = prepare_work(
                source,
                self.config,
                earlier,
                executor,
                self.clock,
                self.reporter,
                self.options.cluster,
                self._members(source),
                lambda plan: ExpertStore(
                    self.store.trained, self.config, plan, source.description.hash
                ),
            )
            executor.share(work.begun.clustered)
            coordinator = self._coordinator(work, executor, tracker)
            with self.clock.stage("distill"):
                if earlier is not None:
                    return work, coordinator.run(earlier.state)
                first = taught_start(work, executor)
                reached("start taught")
                return work, coordinator.run(coordinator.start(first, teachers))

    @contextmanager
    def _workers(self) -> Iterator[Executor]:
        """Who runs the tasks; a cluster without room for the workers fails here."""
        worker, most = self.config.worker, _tasks_at_a_time(self.config)
        given, say = self.options.executor, warnings_to(self.reporter)
        with ExitStack() as stack:
            with self.clock.stage("start workers"):
                executor = stack.enter_context(
                    open_executor(None, worker, most, given, name=self.folder.name, say=say)
                )
            yield executor

    def _members(self, source: PreparedSource) -> MemberStore:
        """Where members of the teacher are kept as soon as they are trained."""
        shared, about = self.options.teachers, source.description
        if shared is not None:
            return MemberStore(shared, self.config, about.hash, shared=True)
        return self.store.members(self.config, about)

    def _coordinator(self, work: Work, executor: Executor, tracker: Tracker) -> Coordinator:
        config = work.config
        return Coordinator(
            config=config,
            data=work.begun.clustered,
            executor=executor,
            validate=Validator(config, executor, self.device),
            save=lambda state: self.store.save(self._checkpoint(work, state)),
            device=self.device,
            observers=[
                *run_observers(self.reporter, config.rounds, tracker, executor.meter),
                *self.options.observers,
            ],
        )

    def _checkpoint(self, work: Work, state: RunState) -> Checkpoint:
        return Checkpoint(
            state=state,
            clustering=work.clustering,
            config=work.config,
            source=work.source.description,
            stages=self.clock.records(),
            fitted_base=work.fitted_base,
            teacher=work.teacher,
            balances=work.balances,
            executions=merged(self.before, self.executor.executed()),
        )

    def _finish(
        self, work: Work, state: RunState, tracker: Tracker, memory: PeakMemory
    ) -> DistillResult:
        reached("rounds done")
        checkpoint, peak = self._checkpoint(work, state), memory.so_far()
        run, kept = tracker.run_id or tracker.reference, state.kept()
        if (note := mixture(checkpoint.executions)) is not None:
            self.reporter.say(note)
        dataset = finished_artifact(self.folder, checkpoint)
        if dataset is None:
            mean_window = work.real.mean_window
            dataset = write_artifact(
                self.folder, work.source, checkpoint, work.begun, mean_window, peak, run
            )
        remember_run(self.folder, tracker)
        seconds = {f"seconds.{n}": r.seconds for n, r in checkpoint.stages.items()}
        tracker.log_metrics({**seconds, "peak_rss_mib": peak})
        for path in sorted(self.folder.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                tracker.log_artifact(path, "dataset")
        reached("run finished")
        return DistillResult(
            path=self.folder,
            dataset=dataset,
            history=state.history,
            best_round=kept.round,
            best_validation=kept.error,
            run_id=run,
        )


def _tasks_at_a_time(config: DistillConfig) -> int:
    """More workers than this would never have something to do."""
    plan = expert_plan(config)
    experts = 0 if plan is None else plan.count
    return max(config.num_shards, config.teacher.members, config.validation.repeats, experts)
