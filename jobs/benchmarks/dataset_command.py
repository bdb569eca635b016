"""``jobs/benchmark.py``: the linear base, data sets, variants, and the tables made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jobs.benchmarks.base import LARGE, run_base
from jobs.benchmarks.datasets import CASES, Case, run_case, write_result
from jobs.benchmarks.result_tables import filled, tables
from jobs.benchmarks.variants import SETS, run_variants
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.system.environment import hardware, package_versions
from stemdist_ray.system.files import write_json, write_text
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
    if json_file is not None:
        write_json(
            json_file,
            {
                **asdict(result),
                "command": command,
                "versions": package_versions(),
                "hardware": hardware(),
            },
        )


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
