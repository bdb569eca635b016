"""Distilling a series that is larger than memory may be: what it takes, and who holds what.

A Zarr store of simulated readings is written block by block and distilled with ``streaming``.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
from rich.table import Table

from jobs.benchmarks.driver import Weighing, cpu_seconds
from jobs.benchmarks.figures import write_figures
from stemdist_ray.config import DistillConfig, build_config, parse_assignments
from stemdist_ray.errors import ConfigError
from stemdist_ray.pipeline import distill
from stemdist_ray.progress import Reporter, console_reporter, output_console
from stemdist_ray.system.dependencies import need

_STEPS_PER_BLOCK, _LOOK_EVERY = 2048, 0.2
_DAY, _FACTORS, _KINDS = 288, 12, 40


@dataclass(frozen=True)
class StreamCase:
    """What is distilled.

    Args:
        locations: N.
        steps: T, of five minutes.
        workers: Ray actors.
        settings: NAME=VALUE, over the preset ``standard``.
    """

    locations: int = 10_000
    steps: int = 100_000
    workers: int = 2
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamResult:
    """What it took.

    Args:
        series_mib: Of the readings in float32.
        seconds: Of every stage, by name.
        driver_peak_mib: Resident memory of the driver at most.
        worker_peak_mib: Of one worker: memory of its own, pages of files not counted.
        driver_seconds: CPU time of the driver.
        worker_seconds: CPU time of the workers.
        shared_mib: Shared objects, put into the object store once each.
        tasks_mib: Arguments of all tasks.
        results_mib: What all tasks gave back.
        validation: Relative RMSE of the result on validation.
    """

    series_mib: float
    seconds: dict[str, float]
    driver_peak_mib: float
    worker_peak_mib: float
    driver_seconds: float
    worker_seconds: float
    shared_mib: float
    tasks_mib: float
    results_mib: float
    validation: float


def write_store(path: Path, case: StreamCase) -> None:
    """Write readings with a daily season, common factors and noise, a block of steps at a time."""
    need("this benchmark", "formats", "zarr")
    import zarr

    rng, shape = np.random.default_rng(0), (case.steps, case.locations)
    root = zarr.open_group(str(path), mode="w")
    names, chunk = ("time", "location"), (min(_STEPS_PER_BLOCK, case.steps), case.locations)
    values = root.create_array(
        "speed", shape=shape, chunks=chunk, dtype="f4", dimension_names=names
    )
    times = root.create_array("time", shape=shape[:1], dtype="i8", dimension_names=names[:1])
    times[:] = np.arange(case.steps) * (86_400 // _DAY)
    times.attrs["units"] = "seconds since 2023-01-01"
    season = rng.normal(size=(3, _KINDS))[:, rng.integers(0, _KINDS, case.locations)]
    loadings = rng.normal(size=(_FACTORS, case.locations)) / np.sqrt(_FACTORS)
    level, state = 50 + 10 * rng.normal(size=case.locations), np.zeros(_FACTORS)
    for first in range(0, case.steps, _STEPS_PER_BLOCK):
        steps = np.arange(first, min(first + _STEPS_PER_BLOCK, case.steps))
        angle = steps / _DAY * 2 * np.pi
        waves = np.stack([np.sin(angle), np.cos(angle), np.sin(2 * angle)], axis=1)
        factors = np.empty((len(steps), _FACTORS))
        for step, drawn in enumerate(rng.normal(size=factors.shape)):
            state = factors[step] = 0.98 * state + 0.2 * drawn
        noise = 2 * rng.standard_normal((len(steps), case.locations), dtype=np.float32)
        values[first : first + len(steps)] = (
            level + 6 * waves @ season + 3 * factors @ loadings + noise
        ).astype(np.float32)


def run_stream(case: StreamCase, folder: Path, reporter: Reporter) -> StreamResult:
    """Write the store, distil it, and see what that takes.

    Args:
        case: What.
        folder: With room for twice the series.
        reporter: Is told of progress.
    """
    from stemdist_ray.execution.ray_workers import RayExecutor

    begun = time.perf_counter()
    write_store(folder / "series.zarr", case)
    reporter.say(f"wrote the store in {time.perf_counter() - begun:.0f} s")
    layer = {"streaming": True, "tracking": {"enabled": False}}
    layer |= {"worker": {"num_workers": case.workers}}
    config = build_config("standard", layer, parse_assignments(case.settings, DistillConfig))
    with RayExecutor(None, config.worker, case.workers) as executor:
        executor.wait_for_all()
        workers = [psutil.Process(pid) for pid in executor.process_ids()]
        weighing, driver = Weighing(executor), psutil.Process()
        before = cpu_seconds([driver]), cpu_seconds(workers)
        with _own_memory(workers) as peak:
            result = distill(
                folder / "series.zarr",
                folder / "run",
                config,
                executor=weighing,
                reporter=reporter,
            )
        spent = cpu_seconds([driver]) - before[0], cpu_seconds(workers) - before[1]
    manifest = result.dataset.manifest
    return StreamResult(
        series_mib=4 * case.locations * case.steps / 2**20,
        seconds={name: stage.seconds for name, stage in manifest.stages.items()},
        driver_peak_mib=manifest.peak_rss_mib,
        worker_peak_mib=peak[0],
        driver_seconds=spent[0],
        worker_seconds=spent[1],
        shared_mib=weighing.shared / 2**20,
        tasks_mib=weighing.tasks / 2**20,
        results_mib=weighing.results / 2**20,
        validation=result.best_validation,
    )


@contextmanager
def _own_memory(processes: Sequence[psutil.Process]) -> Iterator[list[float]]:
    """Look at the memory of processes now and then: the peak of the largest, MiB.

    Pages of files are left out: a process that maps a file has them for as long as nobody else
    needs the room.
    """
    peak, over = [0.0], threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_EVERY):
            for process in processes:
                try:
                    info = process.memory_info()
                except psutil.NoSuchProcess:
                    continue
                peak[0] = max(peak[0], (info.rss - getattr(info, "shared", 0)) / 2**20)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def run_stream_command(case: StreamCase, json_file: Path | None, command: str) -> None:
    """Measure and tell the result.

    Args:
        case: What.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A number is out of range.
    """
    if min(case.locations, case.steps, case.workers) < 1:
        raise ConfigError(
            "--locations, --steps and --workers take numbers from 1; found "
            f"{case.locations}, {case.steps} and {case.workers}"
        )
    console = output_console()
    with console_reporter(console) as reporter, tempfile.TemporaryDirectory() as folder:
        result = run_stream(case, Path(folder), reporter)
    console.print(stream_table(result))
    ratios = {"driver's peak / series": result.driver_peak_mib / result.series_mib}
    tree = {**asdict(case), "ratios": ratios, **asdict(result)}
    write_figures(json_file, command, tree, console)


def stream_table(result: StreamResult) -> Table:
    """Lay the result out for people."""
    table = Table(title=f"a series of {result.series_mib:,.0f} MiB, read block by block")
    table.add_column("")
    table.add_column("", justify="right")
    rows = {
        "driver's memory, peak": f"{result.driver_peak_mib:,.0f} MiB",
        "memory of a worker, peak": f"{result.worker_peak_mib:,.0f} MiB",
        "CPU time of the driver": f"{result.driver_seconds:,.0f} s",
        "CPU time of the workers": f"{result.worker_seconds:,.0f} s",
        "shared objects": f"{result.shared_mib:,.1f} MiB",
        "arguments of tasks": f"{result.tasks_mib:,.1f} MiB",
        "results of tasks": f"{result.results_mib:,.1f} MiB",
        "validation relative RMSE": f"{result.validation:.4f}",
    }
    rows |= {f"seconds, {name}": f"{value:,.1f}" for name, value in result.seconds.items()}
    for name, value in rows.items():
        table.add_row(name, value)
    return table
