"""``jobs/benchmark.py methods``: every method, on every data set, under one protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.table import Table

from jobs.benchmarks.methods_cells import CellStore, CellTask, cell_tasks, check_source, run_cell
from jobs.benchmarks.methods_config import MethodsConfig, read_methods_config
from jobs.benchmarks.methods_figures import methods_pictures
from jobs.benchmarks.methods_scores import Score, reasons, scores_of
from jobs.benchmarks.methods_tables import (
    HEADINGS,
    cells_of,
    grouped,
    title_of,
    write_html,
    write_markdown,
    write_records,
)
from stemdist_ray.comparison.table import DISTILLED
from stemdist_ray.config import TrackingConfig, WorkerConfig, flatten
from stemdist_ray.execution.select import open_executor
from stemdist_ray.pipeline.track import ended
from stemdist_ray.progress import Reporter, console_reporter, output_console, warnings_to
from stemdist_ray.report.html import save_bitmaps, save_pictures
from stemdist_ray.system.lease import Lease
from stemdist_ray.system.outputs import check_local, check_writable
from stemdist_ray.tracking.base_class import RunDescription, Tracker
from stemdist_ray.tracking.mlflow import run_tracker

# What a terminal has room for; the pages have all columns.
_SHOWN = (
    *("relative RMSE (95 %)", "gain over random", "loss against full data"),
    *("distilling, s", "training, s"),
)
RESULTS = Path(__file__).resolve().parents[1] / "results"


def run_methods_command(
    config_file: Path,
    out: Path,
    workers: int,
    tracking: bool,
    command: str,
    publish: str | None = None,
    folder: Path | None = None,
) -> None:
    """Compute the cells that are missing, and make tables and figures of all.

    Args:
        config_file: What is compared.
        out: Folder of the benchmark; cells that are in it already are not computed again.
        workers: Processes that compute cells; 0 = this one.
        tracking: Whether MLflow is told, a nested run per cell.
        command: The command line, for the record.
        publish: Also write table and figures as this name to ``jobs/results``; None = do not.
        folder: Of the data files, from which relative sources count; None = where the command runs.

    Raises:
        ConfigError: The file does not hold a benchmark, or ``out`` holds cells of another one.
    """
    config, console = read_methods_config(config_file), output_console()
    check_local(out)
    check_writable(out)
    out.mkdir(parents=True, exist_ok=True)
    with console_reporter(console) as reporter, Lease(out):
        worker, told = WorkerConfig(num_workers=workers), TrackingConfig(enabled=tracking)
        cells = run_benchmark(config, out, worker, told, reporter, command, folder)
        scores = scores_of(cells)
        pictures = methods_pictures(scores)
        save_pictures(out / "figures", pictures)
        write_records(out / "methods.parquet", scores)
        write_markdown(out / "methods.md", scores, pictures, config.model_dump())
        write_html(out / "methods.html", scores, pictures, config.model_dump())
        if publish is not None:
            # Two benchmarks of one data set have figures of one name.
            own = [replace(one, name=f"{publish}-{one.name}") for one in pictures]
            save_bitmaps(RESULTS / "figures", own)
            write_records(RESULTS / f"methods-{publish}.parquet", scores)
            page = RESULTS / f"methods-{publish}.md"
            write_markdown(page, scores, own, config.model_dump())
    for heading, some in grouped(scores):
        console.print(_table(heading, some))
    for name in ("methods.md", "methods.html", "methods.parquet", "figures"):
        console.print(f"wrote {out / name}", highlight=False, soft_wrap=True)
    if publish is not None:
        console.print(f"published as methods-{publish} in {RESULTS}", highlight=False)


def run_benchmark(
    config: MethodsConfig,
    out: Path,
    worker: WorkerConfig,
    tracking: TrackingConfig,
    reporter: Reporter,
    command: str,
    folder: Path | None = None,
) -> list[dict[str, Any]]:
    """Compute the cells that are missing; returns the answers of all, in the order of the file.

    Args:
        config: What is compared.
        out: Folder of the benchmark.
        worker: Who computes.
        tracking: Of the benchmark's run and of those of its cells.
        reporter: Is told of every cell.
        command: The command line, for the record.
        folder: Where relative sources count from; None = where the command runs.

    Raises:
        ConfigError: ``out`` holds cells of another benchmark, or of other readings.
    """
    store, tasks = CellStore(out), cell_tasks(config, folder)
    answers = {task.name: store.load(task) for task in tasks}
    for data in config.data:
        own = [task for task in tasks if task.data == data]
        check_source(own[0], [a for task in own if (a := answers[task.name]) is not None])
    missing = [task for task in tasks if answers[task.name] is None]
    reporter.say(f"{len(tasks)} cells, {len(tasks) - len(missing)} of them known already")
    by_name = {task.name: task for task in tasks}
    parent = run_tracker(tracking, out)
    with ended(parent), ExitStack() as stack:
        if missing:
            about = {"command": command, **flatten(config.model_dump(mode="json"))}
            parent.start(RunDescription(out.name, about, {"stemdist.job": "methods"}))
            say = warnings_to(reporter)
            executor = stack.enter_context(
                open_executor(None, worker, len(missing), name=out.name, say=say)
            )
            reporter.begin("cells", len(missing))

            def on_done(answer: dict[str, Any]) -> None:
                task = by_name[answer["name"]]
                store.save(task, answer)
                _track(task, answer, run_tracker(tracking, out), parent.reference)
                reporter.advance()
                reporter.say(_line(answer))

            for found in executor.run(run_cell, missing, on_done):
                answers[found["name"]] = found
    return [answer for name in by_name if (answer := answers[name]) is not None]


def _track(task: CellTask, answer: Mapping[str, Any], tracker: Tracker, parent: str | None) -> None:
    run = RunDescription(
        name=task.name,
        params=flatten(task.config.model_dump(mode="json")),
        tags={"stemdist.job": "methods cell", "stemdist.method": task.method.name},
        parent_run_id=parent,
    )
    tracker.start(run)
    numbers = {
        f"{track}.{row}.relative_rmse": fmean(found["errors"])
        for track, rows in answer.get("tracks", {}).items()
        for row, found in rows.items()
    }
    known = ("distill_seconds", "coverage", "bytes")
    tracker.log_metrics({**numbers, **{name: answer[name] for name in known if name in answer}})
    tracker.finish("FAILED" if answer["failed"] else "FINISHED")


def _line(answer: Mapping[str, Any]) -> str:
    told = [
        f"{track.replace('_', ' ')} {fmean(rows[DISTILLED]['errors']):.4f}"
        for track, rows in answer.get("tracks", {}).items()
        if DISTILLED in rows
    ]
    if answer["failed"]:
        told.append(f"no result: {reasons(answer['failed'])}")
    if "distill_seconds" in answer:
        told.append(f"distilled in {answer['distill_seconds']:.1f} s")
    return f"{answer['name']}: {'; '.join(told)}"


def _table(heading: str, scores: Sequence[Score]) -> Table:
    table = Table(title=heading, title_justify="left")
    table.add_column("")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    for score in scores:
        cells = cells_of(score)
        told = dict(zip(HEADINGS, cells, strict=True)) if score.errors else {_SHOWN[0]: cells[0]}
        table.add_row(title_of(score), *(told.get(name, "") for name in _SHOWN))
    return table
