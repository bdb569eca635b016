"""``jobs/benchmark.py scale``: measure, print tables, write the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.scale import Checked, ScaleCase, ScaleResult, run_scale
from jobs.benchmarks.scale_measure import LAYER, Measured, physical_cores, workers_of
from jobs.benchmarks.scale_predict import GPU_SECONDS, Prediction, largest
from jobs.benchmarks.scale_shards import SHARDS, SOURCE, ShardsResult, run_shards
from stemdist_ray.config import build_config
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import console_reporter, output_console


def run_scale_command(case: ScaleCase, json_file: Path | None, command: str) -> None:
    """Measure, fit, hold against other runs, predict, and tell the result.

    Args:
        case: What.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A number is out of range.
    """
    numbers = (case.locations, case.steps, case.empty_tasks, *case.workers, *case.machines)
    if min(numbers) < 1 or case.rounds < 1 or case.network_bytes_per_second <= 0:
        raise ConfigError(
            "--locations, --steps, --workers, --machines and --rounds take numbers from 1, "
            f"--network one above 0; found {list(numbers)}, {case.rounds} and "
            f"{case.network_bytes_per_second * 8 / 1e9:g}"
        )
    console = output_console()
    with console_reporter(console) as reporter:
        result = run_scale(case, reporter)
    _print(console, result)
    write_figures(json_file, command, {"case": asdict(case), **scale_json(result)}, console)


def run_shards_command(
    source: str | None,
    shards: Sequence[int],
    workers: int,
    rounds: int,
    json_file: Path | None,
    command: str,
) -> None:
    """Measure the serial share of rounds by the number of shards and tell the result.

    Args:
        source: SOURCE, None = simulated traffic of 640 locations.
        shards: Numbers of shards, empty = 4, 16 and 64.
        workers: Processes, at least 2.
        rounds: Of each.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A number is out of range.
    """
    shards = list(shards) or list(SHARDS)
    if min(shards) < 2 or workers < 2 or rounds < 1:
        raise ConfigError(
            "--shards and --workers take numbers from 2 here, --rounds from 1; found "
            f"{shards}, {workers} and {rounds}"
        )
    layer = {**LAYER, "rounds": rounds, "spatial_ratio": 0.4, "refine": {"steps": 2}}
    matching = {"matching": {"steps": 5, "unroll_steps": 8, "oldest": 20, "learning_rate": 1e-3}}
    config, console = build_config("standard", layer, matching), output_console()
    with console_reporter(console) as reporter, workers_of(workers, 1) as (executor, _):
        results = run_shards(source or SOURCE, config, shards, executor, reporter)
    console.print(shards_table(results, workers))
    rows = [asdict(result) for result in results]
    tree = {"source": source or SOURCE, "workers": workers, "rounds": rounds, "rows": rows}
    write_figures(json_file, command, tree, console)


def _print(console: Console, result: ScaleResult) -> None:
    over = result.overheads
    console.print(
        f"a task costs {over.round_trip_seconds * 1e3:.1f} ms ({over.driver_seconds * 1e3:.1f} ms "
        f"CPU time of the driver); shared data {over.put_bytes_per_second / 1e9:.2f} GB/s into the "
        f"store and {over.fetch_bytes_per_second / 1e9:.2f} to another simulated node, messages "
        f"{over.copy_bytes_per_second / 1e9:.2f} GB/s; a first worker after "
        f"{over.start_seconds:.1f} s. Where two tasks run beside each other each takes "
        f"{result.contention:.2f} times its time; times scatter by {result.sigma:.2f}"
    )
    console.print(checked_table(result.checked))
    if result.whole is not None:
        console.print(whole_table(*result.whole))
    if result.missing:
        console.print(
            f"nothing is predicted: {', '.join(result.missing)} were not measured, as the base of "
            "so few windows and locations is fitted by the driver; measure larger runs"
        )
        return
    console.print(predictions_table(result.predictions))
    for row in result.predictions:
        console.print(
            f"{row.gpus} GPUs, {row.scenario}: a round goes to {largest(row.round_parts)}; "
            f"everything to {largest(row.parts, 4)}",
            highlight=False,
            soft_wrap=True,
        )


def checked_table(checked: Sequence[Checked]) -> Table:
    """Lay out how far off the model is where it was not fitted."""
    table = Table(title="held-out runs: wall seconds measured / predicted")
    table.add_column("workers", justify="right")
    table.add_column("nodes", justify="right")
    table.add_column("locations x steps", no_wrap=True)
    for name in ("busy elsewhere", "before rounds", "rounds", "whole run", "error"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in checked:
        both = row.measured, row.predicted
        before = (f"{found['all'] - found['rounds']:.1f}" for found in both)
        table.add_row(
            str(row.point.workers),
            str(row.point.machines),
            f"{row.point.locations} x {row.point.steps}",
            f"{row.busy_elsewhere:.2f}",
            " / ".join(before),
            *(" / ".join(f"{found[s]:.1f}" for found in both) for s in ("rounds", "all")),
            f"{row.error():+.0%}",
        )
    table.caption = (
        "nodes are simulated, on this machine; the model is told how many cores other programs "
        "and Ray's own kept busy meanwhile"
    )
    return table


def whole_table(run: Measured, start_seconds: float) -> Table:
    """Lay out how busy the workers were over a whole run."""
    trace, workers = run.trace, run.point.workers
    table = Table(title=f"whole distill: {run.point.source}, {workers} workers")
    for name in ("wall, s", "tasks, CPU s", "driver, CPU s", "efficiency", "with their start"):
        table.add_column(name, justify="right")
    table.add_column("busy elsewhere, cores", justify="right")
    table.add_column("of the cores left", justify="right")
    left = min(workers, max(0.25, physical_cores() - run.busy_elsewhere))
    table.add_row(
        f"{trace.seconds:.1f}",
        f"{trace.busy():.1f}",
        f"{run.driver_seconds:.1f}",
        f"{run.efficiency:.2f}",
        f"{trace.busy() / (workers * (trace.seconds + start_seconds)):.2f}",
        f"{run.busy_elsewhere:.2f}",
        f"{trace.busy() / (left * trace.seconds):.2f}",
    )
    table.caption = "efficiency: CPU time of the tasks / (workers x wall time), reading included"
    return table


def predictions_table(rows: Sequence[Prediction]) -> Table:
    """Lay out what the model says of clusters."""
    table = Table(title="predicted: workers with a GPU each, 8 to a machine")
    table.add_column("locations x steps", no_wrap=True)
    names = ("GPUs", "shards", "round, s", "one refine task, s", "run, s", "driver, s")
    for name in (*names, "messages, GiB", "shared, GiB", "efficiency, rounds", "run"):
        table.add_column(name, justify="right")
    for row in rows:
        sizes = (row.round_seconds, row.whole_refine_seconds, row.seconds, row.driver_seconds)
        table.add_row(
            row.scenario,
            str(row.gpus),
            str(row.shards),
            *(f"{size:,.0f}" for size in (*sizes, row.message_gib, row.shared_gib)),
            f"{row.round_efficiency:.2f}",
            f"{row.efficiency:.3f}",
        )
    table.caption = "one refine task: a round if one task refined everything"
    return table


def shards_table(rows: Sequence[ShardsResult], workers: int) -> Table:
    """Lay out rounds by their number of shards."""
    table = Table(title=f"rounds by their number of shards, {workers} workers")
    for name in ("shards", "refine", "round, s", "serial share", "refine in task seconds"):
        table.add_column(name, justify="right")
    for name in ("error of the start", "after the rounds"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.shards),
            row.refine,
            f"{row.round_seconds:.1f}",
            f"{row.serial_share:.0%}",
            f"{row.refine_share:.0%}",
            f"{row.start_error:.4f}",
            f"{row.error:.4f}",
        )
    table.caption = "serial: at most one worker computes; errors: validation relative RMSE"
    return table


def scale_json(result: ScaleResult) -> dict[str, Any]:
    """The figures; of every run what a wave took, not every task."""
    whole = result.whole
    return {
        "ratios": {
            _name(row): row.predicted["all"] / row.measured["all"] for row in result.checked
        },
        "overheads": asdict(result.overheads),
        "contention": result.contention,
        "sigma": result.sigma,
        "costs": asdict(result.costs),
        "gpu_seconds": {label: asdict(cost) for label, cost in GPU_SECONDS.items()},
        "fitted": [_run_json(run) for run in result.fitted],
        "held_out": [asdict(row) for row in result.checked],
        "whole": None if whole is None else {**_run_json(whole[0]), "start_seconds": whole[1]},
        "predictions": [asdict(row) for row in result.predictions],
        "not_measured": result.missing,
    }


def _name(row: Checked) -> str:
    point = row.point
    size = f"{point.locations}x{point.steps}"
    return f"{size}, {point.workers} workers, {point.machines} nodes"


def _run_json(run: Measured) -> dict[str, Any]:
    return {
        "point": asdict(run.point),
        "seconds": run.trace.seconds,
        "worker_seconds": run.trace.busy(),
        "driver_seconds": run.driver_seconds,
        "efficiency": run.efficiency,
        "busy_elsewhere": run.busy_elsewhere,
        "serial_seconds": run.trace.serial_seconds(),
    }
