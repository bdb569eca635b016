"""The end of a sweep: the front, the chosen points, and their errors on the test split."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from stemdist_ray.artifact.generation import MANIFEST
from stemdist_ray.artifact.sweep_files import RESULTS_VERSION
from stemdist_ray.config import DistillConfig, WorkerConfig, merge_layers
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.execution.devices import in_this_process
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.select import open_executor
from stemdist_ray.pipeline.evaluate_job import evaluate
from stemdist_ray.pipeline.report_job import need_report_packages
from stemdist_ray.pipeline.train_job import TrainResult
from stemdist_ray.pipeline.write_artifact import write_artifact_of_checkpoint
from stemdist_ray.progress import Reporter
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.pareto import pareto_front, spread
from stemdist_ray.sweeps.records import SweepStore, TrialRecord
from stemdist_ray.sweeps.space import Point
from stemdist_ray.system.dependencies import need
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import replacing_folder, write_csv
from stemdist_ray.system.seal import write_sealed
from stemdist_ray.tracking.base_class import Tracker


def need_packages(search: SearchConfig, *, models: bool) -> None:
    """Find out before the first trial whether the last step can be taken.

    Args:
        search: Names the searcher.
        models: Whether models are searched, of which there is no report.

    Raises:
        DependencyError: The extra ``sweeps`` or ``report`` is not installed.
    """
    if not models:
        need_report_packages()  # a sweep ends with its report
    if search.searcher in ("tpe", "nsga2"):
        need(f"search.searcher {search.searcher}", "sweeps", "optuna")


@dataclass(frozen=True)
class SweepResult:
    """What a sweep gave.

    Args:
        path: Its folder; the best data set is in ``best/``.
        trials: All trials in the order in which they began.
        front: Trials that no other one beats in the objectives; with one objective the best.
        chosen: Those that were evaluated on the test split.
        best: The trial with the lowest validation error.
        run_id: Tracking run, None where nothing was tracked.
        trained: Of a search for models: the winner, trained on everything.
    """

    path: Path
    trials: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    chosen: tuple[TrialRecord, ...]
    best: TrialRecord
    run_id: str | None
    trained: TrainResult | None = None


def finish_sweep(
    store: SweepStore,
    prepared: PreparedSource,
    search: SearchConfig,
    settings: Callable[[Point], DistillConfig],
    tracker: Tracker,
    reporter: Reporter,
    workers: Callable[[], AbstractContextManager[Executor]] | None = None,
) -> SweepResult:
    """Choose, evaluate, write the tables and keep the best data set.

    Args:
        store: Files of the sweep.
        prepared: The series; it is neither read nor prepared again.
        search: Objectives and how many points to evaluate.
        settings: From a point to its configuration.
        tracker: Of the sweep's own run.
        reporter: Told of progress.
        workers: Opens who computes, where there is something to: data sets of trials that were
            stopped, evaluations. They must see the sweep's folder. None = this process.
    """
    records = [r for r in store.records() if r.metrics and r.status != "failed"]
    values = [r.values(search.objectives) for r in records]
    front = pareto_front(values)
    chosen = spread(front, values, search.evaluate_points)
    best = min(range(len(records)), key=lambda i: records[i].metrics["error"])
    incomplete = _without_data([records[i] for i in sorted({*chosen, best})], store)
    # A sweep that goes on has read the test split already.
    unread = [index for index in chosen if records[index].test is None]
    with ExitStack() as stack:
        executor = None
        if workers is not None and (incomplete or unread):
            executor = stack.enter_context(workers())
        if incomplete:
            first = open_executor(prepared, WorkerConfig(num_workers=0), 1, executor)
            stack.enter_context(first).run(run_complete, incomplete, lambda done: None)
        for index in unread:
            record = records[index]
            reporter.say(f"evaluating trial {record.number} on the test split")
            table = evaluate(
                store.trial(record.id),
                prepared,
                _quiet(settings(record.point), executor is None),
                full_data=search.full_data,
                executor=executor,
            )
            error = table.distilled.test.values["relative_rmse"]
            records[index] = replace(record, test=dict(error))
            store.write(records[index])
            reporter.say(f"trial {record.number}: test relative RMSE {error['mean']:.4f}")
    result = SweepResult(
        path=store.folder,
        trials=tuple(store.records()),
        front=tuple(records[i] for i in front),
        chosen=tuple(records[i] for i in chosen),
        best=records[best],
        run_id=tracker.run_id,
    )
    _write(store, result, search, prepared)
    _track(store, result, tracker)
    return result


def _quiet(config: DistillConfig, here: bool) -> DistillConfig:
    """The same without tracking of its own, and for this process where nobody else computes."""
    tree = config.model_dump(mode="json")
    over = {
        "tracking": {"enabled": False},
        "worker": in_this_process(config.worker) if here else {},
    }
    return DistillConfig.model_validate(merge_layers(tree, over))


@dataclass(frozen=True)
class CompleteTask:
    """Writing the data set of a trial that was stopped early, as of its last round.

    Args:
        name: For messages.
        folder: Of the trial.
    """

    name: str
    folder: Path


def run_complete(prepared: PreparedSource, task: CompleteTask) -> None:
    """See :func:`write_artifact_of_checkpoint`."""
    write_artifact_of_checkpoint(task.folder, prepared)


def _without_data(records: Sequence[TrialRecord], store: SweepStore) -> list[CompleteTask]:
    """Those of some trials that have no data set yet."""
    folders = [store.trial(record.id) for record in records]
    return [
        CompleteTask(f"data set of trial {record.number}", folder)
        for record, folder in zip(records, folders, strict=True)
        if not (folder / MANIFEST).exists()
    ]


def _write(
    store: SweepStore, result: SweepResult, search: SearchConfig, prepared: PreparedSource
) -> None:
    rows = rows_of_trials(result.trials)
    write_csv(store.trials_csv, rows)
    inside = {r.id for r in result.front}
    write_csv(store.front_csv, [row for row in rows if row["id"] in inside])
    with replacing_folder(store.best) as aside:
        shutil.copytree(
            store.trial(result.best.id),
            aside,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("checkpoint", "stale", "figures", "report.html"),
        )
    write_sealed(
        store.results,
        {
            "version": RESULTS_VERSION,
            "source": prepared.description.to_json(),
            "objectives": list(search.objectives),
            "best": result.best.id,
            "front": [r.id for r in result.front],
            "chosen": [r.id for r in result.chosen],
            "trials": [asdict(r) for r in result.trials],
            "versions": package_versions(),
            "hardware": hardware(),
        },
    )


def rows_of_trials(trials: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """A flat row per trial, all with the same keys."""
    names = sorted({name for record in trials for name in record.point})
    return [{**dict.fromkeys(["trial", "status", *names]), **r.to_row()} for r in trials]


def _track(store: SweepStore, result: SweepResult, tracker: Tracker) -> None:
    best = result.best
    metrics: dict[str, Any] = {
        "best_validation_relative_rmse": best.metrics["error"],
        "best_bytes": best.metrics["bytes"],
        "trials": len(result.trials),
        "failed_trials": sum(r.status == "failed" for r in result.trials),
    }
    if best.test is not None:
        metrics["best_test_relative_rmse"] = best.test["mean"]
    tracker.log_metrics(metrics)
    for path in (store.settings, store.results, store.trials_csv, store.front_csv):
        tracker.log_artifact(path)
    tracker.log_artifact(store.best, "best")
    from stemdist_ray.report.sweep import write_sweep_report

    tracker.log_artifact(write_sweep_report(store.folder))
    tracker.log_artifact(store.folder / "figures", "figures")
