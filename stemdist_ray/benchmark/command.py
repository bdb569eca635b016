"""``jobs/benchmark.py``: run the cases, print a table, write the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.table import Table

from stemdist_ray.benchmark.kernels import CASES, KernelResult, default_threads, run_kernels
from stemdist_ray.environment import hardware, package_versions
from stemdist_ray.errors import ConfigError
from stemdist_ray.files import write_json
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.threads import torch_threads


def run_kernels_command(
    reference: str,
    only: str | None,
    repeats: int,
    threads: int | None,
    device: str,
    json_file: Path | None,
    command: str,
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
    console.print(kernels_table(results, peak, threads, device))
    if json_file is not None:
        tree = kernels_json(results, peak)
        about = {"command": command, "threads": threads, "device": device, "repeats": repeats}
        write_json(
            json_file, {**about, **tree, "hardware": hardware(), "versions": package_versions()}
        )
        console.print(f"wrote {json_file}")


def kernels_table(results: Sequence[KernelResult], peak: float, threads: int, device: str) -> Table:
    """Lay the results out for people."""
    table = Table(
        title=f"kernels on {device}, {threads} threads, measured GEMM peak {peak:.0f} GFLOP/s"
    )
    table.add_column("windows x locations")
    for name in ("fast, s", "reference, s", "ratio", "peak, MiB", "reference, MiB"):
        table.add_column(name, justify="right")
    table.add_column("dense GFLOP", justify="right")
    table.add_column("GFLOP/s (of peak)", justify="right")
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
        )
    if device == "cpu" and results:
        table.caption = (
            f"an idle process with the libraries loaded has {results[0].idle_mib:.0f} MiB"
        )
    return table


def kernels_json(results: Sequence[KernelResult], peak: float) -> dict[str, Any]:
    """The figures by case: ``ratios`` are reference / fast, of time and of memory.

    Memory ratios are of what a process needs beyond an idle one.
    """
    compared = [r for r in results if r.ratio is not None and r.reference_peak_mib is not None]
    return {
        "ratios": {r.name: r.ratio for r in compared},
        "memory_ratios": {
            r.name: ((r.reference_peak_mib or 0) - r.idle_mib) / max(r.peak_mib - r.idle_mib, 1.0)
            for r in compared
        },
        "gemm_peak_gflops": peak,
        "rows": [asdict(r) for r in results],
    }


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)
