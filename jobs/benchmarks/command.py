"""``jobs/benchmark.py``: run the cases, print a table, write the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from jobs.benchmarks.clustering import COMPARED, YEAR, ClusteringResult, run_clustering
from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.kernels import (
    CASES,
    KernelResult,
    build_work,
    default_threads,
    run_kernels,
)
from jobs.benchmarks.rounds import GBA, RoundResult, run_round
from jobs.benchmarks.shares import GROUPS, REST, time_shares
from stemdist_ray.errors import ConfigError
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.system.threads import torch_threads


def run_kernels_command(
    reference: str,
    only: str | None,
    repeats: int,
    threads: int | None,
    device: str,
    json_file: Path | None,
    command: str,
    profile: bool = False,
) -> None:
    """Measure the kernels and tell the result.

    Args:
        reference: "module:function" of the plain twin.
        only: Measure only the cases whose name contains this text.
        repeats: Turns per case.
        threads: torch threads, None = all cores.
        device: "cpu" or "cuda".
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.
        profile: Also tell which operators the time of each kernel goes to.

    Raises:
        ConfigError: No case has such a name, or a number is out of range, or there is no GPU.
    """
    cases = tuple(case for case in CASES if only is None or only in case.name)
    if not cases:
        names = ", ".join(case.name for case in CASES)
        raise ConfigError(f"--only {only}: no such case; there are {names}")
    if repeats < 1 or (threads is not None and threads < 1):
        raise ConfigError(
            f"--repeats and --threads take numbers from 1; found {repeats} and {threads}"
        )
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"--device {device}: not usable here; expected cpu, or cuda with a GPU")
    console, threads = output_console(), threads or default_threads()
    with torch_threads(threads), console_reporter(console) as reporter:
        reporter.begin("kernels", len(cases))
        results, peak = run_kernels(reference, cases, repeats, device, reporter)
        shares = {
            case.name: time_shares(build_work(case, device, None), repeats)
            for case in cases
            if profile
        }
    console.print(kernels_table(results, peak, threads, device))
    if profile:
        console.print(shares_table(shares))
    about = {"threads": threads, "device": device, "repeats": repeats}
    tree = {**kernels_json(results, peak), "time_shares": shares}
    write_figures(json_file, command, {**about, **tree}, console)


def run_clustering_command(year: bool, json_file: Path | None, command: str) -> None:
    """Measure clustering and tell the result.

    Args:
        year: Also cluster 8,600 locations x 35,040 steps (needs 4 GiB and some minutes).
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.
    """
    console = output_console()
    with console_reporter(console) as reporter:
        cases = (COMPARED, YEAR) if year else (COMPARED,)
        results = [run_clustering(case, reporter) for case in cases]
    console.print(clustering_table(results))
    write_figures(json_file, command, clustering_json(results), console)


def run_round_command(
    reference: str, source: str | None, repeats: int, json_file: Path | None, command: str
) -> None:
    """Measure one round of distilling and tell the result.

    Args:
        reference: "module:function" of the plain twin.
        source: What is distilled, None = simulated traffic at 2,352 locations.
        repeats: Turns of the shard task that both ways run.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: ``repeats`` is below 1.
        DataError: The source cannot be read.
    """
    if repeats < 1:
        raise ConfigError(f"--repeats takes a number from 1; found {repeats}")
    console = output_console()
    with console_reporter(console) as reporter:
        case = GBA if source is None else replace(GBA, source=source)
        result = run_round(case, reference, repeats, reporter)
    console.print(round_table(result))
    tree = {"ratios": {"shard_task": result.task.ratio}, "rows": [asdict(result)]}
    write_figures(json_file, command, tree, console)


def clustering_table(results: Sequence[ClusteringResult]) -> Table:
    """Lay the results out for people; memory is what the process needs beyond an idle one."""
    table = Table(title="k-means over locations, one thread, same start; memory beyond idle")
    table.add_column("locations x steps")
    names = (
        "series, MiB",
        "raw, s",
        "raw, MiB",
        "inertia",
        "windows, s",
        "windows, MiB",
        "inertia",
    )
    for name in (*names, "same labels"):
        table.add_column(name, justify="right")
    for row in results:
        flat = None if row.flat_peak_mib is None else row.flat_peak_mib - row.idle_mib
        table.add_row(
            row.name,
            f"{row.series_mib:.0f}",
            f"{row.seconds:.2f}",
            f"{row.peak_mib - row.idle_mib:.0f}",
            f"{row.inertia:.6g}",
            _number(row.flat_seconds, ".2f"),
            _number(flat, ".0f"),
            _number(row.flat_inertia, ".6g"),
            "-" if row.same_labels is None else str(row.same_labels).lower(),
        )
    return table


def clustering_json(results: Sequence[ClusteringResult]) -> dict[str, Any]:
    """The figures by case: ``ratios`` are flattened windows / weighted raw series."""
    ratios, memory = {}, {}
    for row in results:
        if row.flat_seconds is not None and row.flat_peak_mib is not None:
            ratios[row.name] = row.flat_seconds / row.seconds
            memory[row.name] = _memory_ratio(row.flat_peak_mib, row.peak_mib, row.idle_mib)
    return {"ratios": ratios, "memory_ratios": memory, "rows": [asdict(r) for r in results]}


def kernels_table(results: Sequence[KernelResult], peak: float, threads: int, device: str) -> Table:
    """Lay the results out for people."""
    table = Table(
        title=f"kernels on {device}, {threads} threads, measured GEMM peak {peak:.0f} GFLOP/s"
    )
    table.add_column("windows x locations", no_wrap=True)
    for name in ("fast, s", "reference, s", "ratio", "peak, MiB", "reference, MiB"):
        table.add_column(name, justify="right")
    for name in ("dense GFLOP", "GFLOP/s (of peak)", "floor, s"):
        table.add_column(name, justify="right")
    for row in results:
        table.add_row(
            row.name,
            f"{row.seconds:.3f}",
            _number(row.reference_seconds, ".3f"),
            _number(row.ratio, ".2f"),
            f"{row.peak_mib:.0f}",
            _number(row.reference_peak_mib, ".0f"),
            f"{row.gflop:.2f}",
            f"{row.gflops:.0f} ({row.gflops / peak:.0%})",
            f"{row.floor_seconds:.3f}",
        )
    table.caption = "floor: the dense arithmetic alone, at the measured peak"
    if device == "cpu" and results:
        table.caption += (
            f"; an idle process with the libraries loaded has {results[0].idle_mib:.0f} MiB"
        )
    return table


def shares_table(shares: Mapping[str, Mapping[str, float]]) -> Table:
    """Lay out which groups of operators the time of each kernel goes to."""
    table = Table(title="share of the CPU time of this library's kernels, by operators")
    table.add_column("windows x locations", no_wrap=True)
    groups = [*GROUPS, REST]
    for group in groups:
        table.add_column(group, justify="right")
    for name, row in shares.items():
        table.add_row(name, *(f"{row[group]:.0%}" for group in groups))
    return table


def round_table(result: RoundResult) -> Table:
    """Lay out what a round took."""
    table = Table(title=f"one round of {result.name}")
    table.add_column("stage")
    table.add_column("seconds", justify="right")
    table.add_column("peak of the driver, MiB", justify="right")
    for name, row in result.stages.items():
        table.add_row(name, f"{row['seconds']:.1f}", f"{row['peak_rss_mib']:.0f}")
    table.caption = (
        f"round: {result.round_seconds:.1f} s, {result.task_seconds:.1f} s summed over its tasks, "
        f"peak of a worker {result.worker_peak_mib:.0f} MiB; one shard task ({result.shard}; "
        f"fewer steps): {result.task.fast:.2f} s, plain {result.task.slow:.2f} s, ratio "
        f"{result.task.ratio:.2f}"
    )
    return table


def kernels_json(results: Sequence[KernelResult], peak: float) -> dict[str, Any]:
    """The figures by case: ``ratios`` are reference / fast, of time and of memory.

    Memory ratios are of what a process needs beyond an idle one.
    """
    return {
        "ratios": {r.name: r.ratio for r in results if r.ratio is not None},
        "memory_ratios": {
            r.name: _memory_ratio(r.reference_peak_mib, r.peak_mib, r.idle_mib)
            for r in results
            if r.reference_peak_mib is not None
        },
        "gemm_peak_gflops": peak,
        "rows": [asdict(r) for r in results],
    }


def _memory_ratio(slow_mib: float, fast_mib: float, idle_mib: float) -> float:
    """How many times the memory the slow way needs, beyond that of an idle process."""
    return (slow_mib - idle_mib) / max(fast_mib - idle_mib, 1.0)


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)
