"""The driver of a sweep: plan, run or go on, choose, evaluate once, write down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from stemdist_ray.artifact.sweep_files import SETTINGS, is_sweep
from stemdist_ray.config import (
    DistillConfig,
    Section,
    build_config,
    flatten,
    merge_layers,
)
from stemdist_ray.config.secrets import conceal_settings
from stemdist_ray.data.prepared import PreparedSource, Source
from stemdist_ray.data.streaming import opened_source
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.policy import start_timeout
from stemdist_ray.execution.select import open_executor
from stemdist_ray.execution.session import ask_for, ray_session, registered_by_user
from stemdist_ray.execution.waiting import wait_for_room
from stemdist_ray.forecasters import check_forecaster
from stemdist_ray.pipeline.evaluate_job import TRAININGS
from stemdist_ray.pipeline.folders import RunFolder
from stemdist_ray.pipeline.track import ended
from stemdist_ray.progress import (
    Reporter,
    SilentReporter,
    kept_up,
    stage_from_now,
    warnings_to,
)
from stemdist_ray.sweeps.config import ModelsConfig, SearchConfig
from stemdist_ray.sweeps.finish import SweepResult, finish_sweep, need_packages
from stemdist_ray.sweeps.going_on import check_as_begun, check_same_data, data_set_of
from stemdist_ray.sweeps.model_space import model_space
from stemdist_ray.sweeps.monitor import SweepMonitor
from stemdist_ray.sweeps.records import SETTINGS_VERSION, SweepStore
from stemdist_ray.sweeps.resources import TrialPlan, plan_trials, wanted_bundles
from stemdist_ray.sweeps.space import Point, SearchSpace
from stemdist_ray.system.outputs import check_local
from stemdist_ray.tracking.base_class import RunDescription, Tracker
from stemdist_ray.tracking.mlflow import run_tracker


class SweepConfig(Section):
    """Everything that determines a sweep."""

    preset: str = Field("standard", description="preset of the trials")
    config: dict[str, Any] = Field(
        default_factory=dict, description="settings of every trial that override the preset"
    )
    search: SearchConfig = SearchConfig()
    models: ModelsConfig | None = Field(
        None, description="search a model on a distilled data set instead of a data set"
    )

    @field_validator("config")
    @classmethod
    def _conceal(cls, config: dict[str, Any]) -> dict[str, Any]:
        return conceal_settings(config)

    def space(self) -> SearchSpace:
        """The search space over the settings of every trial.

        Raises:
            ArtifactError, ConfigError: Models are searched and their data set is none, or
                another preset than its settings is asked for.
        """
        if self.models is not None:
            return model_space(self.models, self.search, self.preset, self.config)
        # One validation per round: schedulers and the front live on them. One thread: trials
        # run beside each other.
        defaults = {"validation": {"every": 1}, "worker": {"coordinator_threads": 1}}
        layer = merge_layers(defaults, self.config)
        return SearchSpace(self.search, self.preset, layer)


def search(
    source: Source | PreparedSource,
    out: str | Path,
    sweep: SweepConfig | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> SweepResult:
    """Search settings of a distillation with Ray Tune.

    Args:
        source: Path, ``demo``, ``sim:...``, what ``as_series`` takes, or one already prepared.
        out: Output folder; with several machines one that all of them see.
        sweep: Settings; with ``resume`` those that the sweep was begun with, or None.
        resume: Go on with the sweep in ``out``, or begin it where there is none yet: trials that
            are over are kept, others go on from their last round.
        overwrite: Move an existing ``out`` aside to ``<out>.previous`` first.
        reporter: Told of progress; silent when None.

    Returns:
        All trials, the front, and the chosen points with their test errors.

    Raises:
        DataError, ConfigError, ArtifactError: The input, settings or folder cannot be used.
        ExecutionError: The cluster is too small for one trial, or every trial failed.
    """
    check_local(out)
    folder, reporter = Path(out).absolute(), reporter or SilentReporter()
    with RunFolder(folder, SETTINGS, is_sweep, resume=resume, overwrite=overwrite) as run:
        run.say_if_anew(reporter)
        with kept_up(reporter, stage_from_now("sweep")) as pulse:
            return _search(source, run, sweep, pulse)


def _search(
    source: Source | PreparedSource, out: RunFolder, sweep: SweepConfig | None, reporter: Reporter
) -> SweepResult:
    folder = out.folder
    store, earlier = SweepStore(folder), None
    if out.resumes:
        earlier = store.read_settings()
        begun = SweepConfig.model_validate(earlier["sweep"])
        check_as_begun(folder, begun, sweep)
        sweep = begun
    sweep = sweep or SweepConfig()
    need_packages(sweep.search, models=sweep.models is not None)
    space = sweep.space()
    space.check()
    base = build_config(space.preset, space.layer)
    check_forecaster(base.forecaster)
    with opened_source(source, base.data, base.streaming, folder, reporter) as prepared:
        if earlier is not None:
            check_same_data(folder, earlier, prepared, sweep.models)
        kind = Sweep
        if sweep.models is not None:
            from stemdist_ray.sweeps.models import ModelSearch

            kind = ModelSearch
        return kind(prepared, out, store, sweep, space, base, reporter, earlier).run()


@dataclass(frozen=True)
class Sweep:
    """One sweep, its steps in order; ``base`` are the settings that all trials share."""

    prepared: PreparedSource
    out: RunFolder
    store: SweepStore
    sweep: SweepConfig
    space: SearchSpace
    base: DistillConfig
    reporter: Reporter
    earlier: dict[str, Any] | None

    def run(self) -> SweepResult:
        """Plan, run the trials that are missing, finish."""
        self.check()
        points = self._points()
        planned = self.sweep.search.trials if points is None else len(points)
        with ExitStack() as stack:
            # One machine of its own: a local Ray claims no more cores than there are.
            joined = stack.enter_context(ray_session(self.base.worker.address, 0, 1.0))
            plan = self._wait_for_room(joined)
            trial = self._trial(plan)  # what it cannot be made of is said before the sweep begins
            if joined:
                stack.callback(ask_for, [])
            self.out.make()
            if self.earlier is None:
                self._write_settings(None)  # a sweep whose driver dies from here on can be resumed
            tracker = run_tracker(self.base.tracking, self.store.folder)
            stack.enter_context(ended(tracker))
            tracker.start(self._describe())
            self._write_settings(tracker.reference)
            monitor = self._monitor(planned, plan, tracker)
            stack.callback(monitor.close)
            self._announce(planned, plan)
            self._run_trials(*trial, points, plan, monitor)
            return self._finish(tracker)

    def check(self) -> None:
        """Find out before the first trial whether all that follows can be done."""

    def _finish(self, tracker: Tracker) -> SweepResult:
        """On workers of its own: trials are over, so what they reserved is free."""
        own = self.base.worker.num_workers or None  # workers even where trials had none
        worker = self.base.worker.model_copy(update={"num_workers": own})
        name, say = self.store.folder.name, warnings_to(self.reporter)
        return finish_sweep(
            self.store,
            self.prepared,
            self.sweep.search,
            self._settings,
            tracker,
            self.reporter,
            lambda: open_executor(self.prepared, worker, TRAININGS, name=name, say=say),
        )

    def _points(self) -> list[Point] | None:
        """The points that are known beforehand, None where a searcher proposes them."""
        kind = self.sweep.search.searcher
        if kind == "grid":
            return self.space.grid()
        return self.space.random_points() if kind == "random" else None

    def _wait_for_room(self, joined: bool) -> TrialPlan:
        worker, shards, search = self.base.worker, self._most_shards(), self.sweep.search
        wanted = wanted_bundles(worker, shards, search.coordinator_cpus, search.concurrent)
        patience = start_timeout(worker.start_timeout, joined) if joined else 0.0
        return wait_for_room(self._plan, lambda: ask_for(wanted), self.reporter.say, patience)

    def _most_shards(self) -> int:
        shards = self.sweep.search.space.get("num_shards")
        largest = self.base.num_shards
        if shards is not None:
            largest = max(shards.choice or shards.integer or (largest,))
        return largest

    def _plan(self) -> TrialPlan:
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        search = self.sweep.search
        return plan_trials(
            self.base.worker,
            self._most_shards(),
            search.coordinator_cpus,
            search.concurrent,
            nodes,
        )

    def _write_settings(self, run_id: str | None) -> None:
        self.store.write_settings(
            {
                "version": SETTINGS_VERSION,
                "source": self.prepared.description.to_json(),
                "data_set": data_set_of(self.sweep.models),
                "sweep": self.sweep.model_dump(mode="json"),
                "tracking_run_id": run_id,
            }
        )

    def _describe(self) -> RunDescription:
        about = self.prepared.description
        return RunDescription(
            name=self.store.folder.name,
            params=flatten(self.sweep.model_dump(mode="json")),
            tags={"stemdist.job": "tune", "stemdist.source": about.source},
            existing_run_id=None if self.earlier is None else self.earlier["tracking_run_id"],
        )

    def _monitor(self, planned: int, plan: TrialPlan, tracker: Tracker) -> SweepMonitor:
        def open_tracker(run: RunDescription) -> Tracker:
            child = run_tracker(self.base.tracking, self.store.folder)
            child.start(run)
            return child

        return SweepMonitor(
            self.store,
            self.reporter,
            planned,
            plan.concurrent,
            open_tracker,
            lambda point: flatten(self._settings(point).model_dump(mode="json")),
            tracker.reference,
        )

    def _settings(self, point: Point) -> DistillConfig:
        return build_config(self.space.preset, self.space.settings(point))

    def _announce(self, planned: int, plan: TrialPlan) -> None:
        each = "itself" if plan.workers == 0 else f"on {plan.workers} workers"
        self.reporter.say(
            f"{planned} trials, {plan.concurrent} at a time, each distils {each}; "
            f"{self.sweep.search.searcher} search, scheduler {self.sweep.search.scheduler}"
        )

    def _run_trials(
        self,
        run_trial: Callable[[dict[str, Any], Any], None],
        shared: object,
        points: list[Point] | None,
        plan: TrialPlan,
        monitor: SweepMonitor,
    ) -> None:
        from stemdist_ray.sweeps.experiment import run_experiment

        run_experiment(
            self.store,
            self.sweep.search,
            self.space,
            run_trial,
            shared,
            points,
            plan,
            self.base.rounds,
            monitor,
        )
        if all(record.status == "failed" for record in monitor.records.values()):
            reasons = sorted({str(r.reason) for r in monitor.records.values()})
            raise ExecutionError(f"every trial failed: {'; '.join(reasons)}")

    def _trial(self, plan: TrialPlan) -> tuple[Callable[[dict[str, Any], Any], None], object]:
        """What a trial does, and what all of them share."""
        from stemdist_ray.sweeps.trial import SharedSweep, run_trial

        return run_trial, SharedSweep(
            self.store.folder, self.prepared, self.space, plan.workers, registered_by_user()
        )
