"""What the rounds of a distillation work on: base, teacher, balance and clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from stemdist_ray.artifact.checkpoint import Checkpoint
from stemdist_ray.baselines import METHODS
from stemdist_ray.baselines.method import MethodTask, expert_plan, run_begun
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.comparison.passes import series_parts
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.distillation.budget import Balance, choose_balance
from stemdist_ray.distillation.experts import Expert, ExpertKeeper, ExpertPlan, train_experts
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.start import Start, StartTask, run_start
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import RealData
from stemdist_ray.distillation.teacher import (
    MemberKeeper,
    TargetsTask,
    run_targets,
    train_teacher,
)
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.execution.devices import worker_device
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase, fit_base
from stemdist_ray.progress import Reporter
from stemdist_ray.system.points import reached
from stemdist_ray.system.stages import StageClock

Clusterer = Callable[[DistillConfig, PreparedSource, Executor], Clustering]
"""Clusters the locations of a source; the executor's tasks share its :class:`RealData`."""


@dataclass(frozen=True)
class Work:
    """What the rounds of a run work on.

    Args:
        config: Settings, ratios for a budget filled in.
        source: The real series, with its base.
        fitted_base: The base, None without one.
        teacher: Who gave the first targets, None without a teacher.
        clustering: Of the locations.
        real: What tasks read of the source.
        begun: The unlearned start, with the series of the clusters and all that shard tasks read.
        balances: Ways to spend the budget that were tried, best first.
    """

    config: DistillConfig
    source: PreparedSource
    fitted_base: FittedBase | None
    teacher: Teacher | None
    clustering: Clustering
    real: RealData
    begun: Start
    balances: tuple[Balance, ...] = ()


def prepare_work(
    source: PreparedSource,
    config: DistillConfig,
    earlier: Checkpoint | None,
    executor: Executor,
    clock: StageClock,
    reporter: Reporter,
    cluster: Clusterer,
    keeper: MemberKeeper | None = None,
    expert_keeper: Callable[[ExpertPlan], ExpertKeeper] | None = None,
) -> tuple[Work, dict[str, float]]:
    """Base, teacher, balance and clusters, in this order; those of a checkpoint as they are.

    All of them are tasks; this process reads and scales the series, and hands things on.

    Args:
        source: The prepared real series.
        config: The run.
        earlier: A checkpoint to go on from.
        executor: Runs the tasks.
        clock: Takes the time of each.
        reporter: Told of progress.
        cluster: Clusters the locations.
        keeper: Has members of the teacher that were trained before, and keeps others.
        expert_keeper: Gives the same of experts, by how they are trained.

    Returns:
        What the rounds work on, and the validation relative RMSE of those who could give the first
        targets (empty with a checkpoint).
    """
    teachers = dict[str, float]()
    tried: tuple[Balance, ...] = () if earlier is None else earlier.balances
    with clock.stage("base"):
        fitted = _fit_base(config, source, executor) if earlier is None else earlier.fitted_base
        executor.share(source)
        parts = series_parts(fitted, config.worker.coordinator_threads, executor)
        source = source.with_base(parts.base)
    reached("base fitted")
    real = real_data(source, config, parts.mean_window)
    executor.share(real)
    method = METHODS.get(config.method)
    if earlier is None and not method.uses_teacher:
        teacher = None
    elif earlier is None:
        device = worker_device(config)
        with clock.stage("teacher"):
            teacher, teachers = train_teacher(config, real, executor, device, reporter, keeper)
        reached("teacher trained")
        if config.budget is not None and method.make is None:
            with clock.stage("balance"):
                config, tried = choose_balance(config, source, teacher, executor, device, reporter)
    else:
        teacher = earlier.teacher
    experts = _experts(config, executor, clock, reporter, expert_keeper)
    with clock.stage("cluster"):
        begun, clustering = _begun(config, source, earlier, executor, cluster, experts)
        whole = replace(
            begun.clustered,
            real=real,
            assignment=clustering.assignment,
            teacher=teacher,
            known=begun.known,
        )
        begun = replace(begun, clustered=whole)
    reached("clusters found")
    about = source.description
    if about.missing_rows:
        reporter.say(about.missing_rows)
    reporter.say(
        f"{about.source}: {about.steps} steps x {about.locations} locations; distilling "
        f"{len(source.starts['train'])} x {about.locations} train windows into "
        f"{begun.state.num_windows} x {begun.state.num_locations}"
    )
    return Work(config, source, fitted, teacher, clustering, real, begun, tried), teachers


def _experts(
    config: DistillConfig,
    executor: Executor,
    clock: StageClock,
    reporter: Reporter,
    keeper: Callable[[ExpertPlan], ExpertKeeper] | None,
) -> tuple[Expert, ...]:
    """The experts that the method asks for; most ask for none."""
    plan = expert_plan(config)
    if plan is None:
        return ()
    kept = None if keeper is None else keeper(plan)
    with clock.stage("experts"):
        device = worker_device(config)
        return train_experts(plan, config, executor, device, reporter, kept)


def _begun(
    config: DistillConfig,
    source: PreparedSource,
    earlier: Checkpoint | None,
    executor: Executor,
    cluster: Clusterer,
    experts: tuple[Expert, ...],
) -> tuple[Start, Clustering]:
    """What the method makes: of the library's own, what the rounds begin with."""
    if METHODS.get(config.method).make is not None:
        made = MethodTask(f"method {config.method}", config, worker_device(config), experts)
        return executor.run(run_begun, [made], lambda done: None)[0]
    clustering = cluster(config, source, executor) if earlier is None else earlier.clustering
    start = StartTask("start", config, clustering)
    return executor.run(run_start, [start], lambda done: None)[0], clustering


def taught_start(work: Work, executor: Executor) -> SyntheticState:
    """What rounds begin with, with the teacher's targets; as it is without a teacher."""
    state, config = work.begun.state, work.config
    if work.teacher is None:
        return state
    task = TargetsTask(
        "targets",
        work.teacher,
        work.begun.known,
        state.x,
        worker_device(config),
        config.worker.coordinator_threads,
    )
    return SyntheticState.fresh(state.x, executor.run(run_targets, [task], lambda done: None)[0])


def _fit_base(
    config: DistillConfig, source: PreparedSource, executor: Executor
) -> FittedBase | None:
    if config.base == "none":
        return None
    return fit_base(source, config.base, config.seed, executor, config.worker.threads)
