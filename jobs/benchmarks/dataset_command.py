"""``jobs/benchmark.py``: the linear base, the driver, data sets, variants, and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from jobs.benchmarks.base import LARGE, run_base
from jobs.benchmarks.datasets import CASES, Case, run_case, write_result
from jobs.benchmarks.driver import SOURCE, DriverCase, DriverResult, run_driver
from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.result_tables import filled, tables
from jobs.benchmarks.variants import SETS, run_variants
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.system.files import write_text
from stemdist_ray.system.threads import torch_threads


def run_base_command(source: str | None, json_file: Path | None, command: str) -> None:
    """Measure fitting a base and tell the result.

    Args:
        source: The series, None = 8,600 simulated locations x 2,000 steps.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.
    """
    console = output_console()
    with torch_threads(1), console_reporter(console) as reporter:
        result = run_base(source or LARGE, reporter)
    console.print(
        f"{result.source}: {result.seconds:.1f} s, {result.beyond_mib:.0f} MiB beyond the series "
        f"({result.series_mib:.0f} MiB), the base {result.base_kib:.0f} KiB"
    )
    write_figures(json_file, command, asdict(result), console)


def run_driver_command(
    source: str | None,
    workers: int,
    rounds: int,
    all_forecasters: bool,
    json_file: Path | None,
    command: str,
) -> None:
    """Measure what the driver does itself and tell the result.

    Args:
        source: What is distilled and evaluated, None = simulated traffic.
        workers: Actors.
        rounds: Of the distillation.
        all_forecasters: Also make the cross-architecture table.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A number is out of range.
    """
    if workers < 1 or rounds < 0:
        raise ConfigError(
            f"--workers takes numbers from 1 and --rounds from 0; found {workers} and {rounds}"
        )
    console, case = output_console(), DriverCase(source or SOURCE, {"rounds": rounds}, workers)
    with console_reporter(console) as reporter:
        results = run_driver(case, all_forecasters, reporter)
    console.print(driver_table(results))
    ratios = {result.job: result.share for result in results}
    rows = [asdict(result) for result in results]
    write_figures(json_file, command, {**asdict(case), "ratios": ratios, "rows": rows}, console)


def driver_table(results: Sequence[DriverResult]) -> Table:
    """Lay the results out for people."""
    table = Table(title="what the driver does itself, and what passes through it")
    names = ("driver, CPU s", "workers, CPU s", "driver's share")
    table.add_column("job")
    for name in (*names, "shared, MiB", "tasks, MiB", "results, MiB"):
        table.add_column(name, justify="right")
    for row in results:
        sizes = (row.shared_mib, row.tasks_mib, row.results_mib)
        seconds = (f"{row.driver_seconds:.1f}", f"{row.worker_seconds:.1f}")
        table.add_row(row.job, *seconds, f"{row.share:.1%}", *(f"{size:.1f}" for size in sizes))
    return table


def run_datasets_command(
    folder: Path,
    only: Sequence[str] | None,
    seeds: int,
    full_data: bool,
    settings: Sequence[str],
    out: Path,
    command: str,
) -> None:
    """Distil and evaluate public data sets; a file per data set.

    Args:
        folder: Of the data files.
        only: Names of data sets, None = all.
        seeds: Distillations each.
        full_data: Also train on all data, for the first seed.
        settings: NAME=VALUE over the preset.
        out: Folder of the results.
        command: The command line, for the record.

    Raises:
        ConfigError: No such data set, or its file is not there.
    """
    if seeds < 1:
        raise ConfigError(f"--seeds takes numbers from 1; found {seeds}")
    for case in _chosen(only):
        with console_reporter(output_console()) as reporter:
            reporter.say(case.title)
            result = run_case(case, folder, range(seeds), full_data, settings, reporter)
        write_result(out / f"{case.name}.json", case, result, command)


def run_tables_command(results: Path, readme: Path) -> None:
    """Make the tables of a README anew from the results.

    Args:
        results: Folder of the result files.
        readme: The file with places for tables.
    """
    write_text(readme, filled(readme.read_text(encoding="utf-8"), tables(results)))


def run_variants_command(
    name: str, folder: Path, only: Sequence[str], out: Path, command: str
) -> None:
    """Distil and judge the variants of some data sets; a file per data set.

    Args:
        name: Of the set of variants.
        folder: Of the data files.
        only: Names of data sets.
        out: Folder of the results.
        command: The command line, for the record.

    Raises:
        ConfigError: No such data set, or its file is not there.
    """
    for case in _chosen(only):
        with console_reporter(output_console()) as reporter:
            found = run_variants(case, folder, SETS[name], reporter)
        tree = {"name": case.name, "title": case.title, "variants": found}
        write_result(out / f"{name}-{case.name}.json", case, tree, command)


def _chosen(only: Sequence[str] | None) -> list[Case]:
    """Data sets by name, all of them for None."""
    known = {case.name: case for case in CASES}
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: no such data set; there are {', '.join(known)}")
    return [known[name] for name in only] if only else list(CASES)
