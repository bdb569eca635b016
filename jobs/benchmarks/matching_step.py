"""What one matching step asks of torch: operators, kernels, waits, seconds.

Small operators one after the other are what a shard task consists of, and on a GPU each of them is
a kernel that the host has to launch. A step must never make the host wait for the device (read a
number, copy a result): that would empty the queue of kernels.

Axis letters: W windows, N locations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from torch.utils._python_dispatch import TorchDispatchMode

from jobs.benchmarks.figures import write_figures
from jobs.benchmarks.timing import peak_in_fresh_process, synchronizer, time_alone
from stemdist_ray.config import DistillConfig, build_config
from stemdist_ray.config.layers import parse_assignments
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.shard import OBJECTIVES
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.distillation.task import ClusteredData, ShardTask
from stemdist_ray.distillation.validation import ValidationResult, real_data
from stemdist_ray.distillation.workspace import Workspace
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import console_reporter, output_console
from stemdist_ray.system.threads import torch_threads

# Operators that make the host wait for what a GPU has computed.
WAITS = ("aten._local_scalar_dense.default", "aten.nonzero.default", "aten.equal.default")


@dataclass(frozen=True)
class StepCase:
    """The task whose steps are looked at.

    Args:
        windows: W, synthetic.
        locations: N, synthetic.
        layer: Settings that override the preset ``standard``.
    """

    windows: int = 42
    locations: int = 160
    layer: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class StepResult:
    """What one matching step took.

    Args:
        name: Windows and locations, and the objective.
        device: Where.
        operators: Calls of torch operators.
        waits: Of those that make the host wait for a GPU, by name.
        kernels: Launched on a GPU, None on a CPU.
        seconds: Median of some steps.
        peak_mib: Memory of the steps, beyond a process (or a GPU) that holds the same task.
        piece: Windows at a time, None where the graph of all unrolled steps was kept.
    """

    name: str
    device: str
    operators: int
    waits: dict[str, int]
    kernels: int | None
    seconds: float
    peak_mib: float
    piece: int | None


class CountOperators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that are called inside the block, by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Count and go on."""
        self.calls[str(func)] += 1
        return func(*args, **(kwargs or {}))


def build_task(case: StepCase, device: str) -> tuple[ClusteredData, ShardTask]:
    """A task of one shard on simulated traffic, without base and teacher."""
    layer = {
        "base": "none",
        "teacher": {"epochs": 0},
        "num_shards": 1,
        "spatial_ratio": 0.5,
        "matching": {"oldest": 0},
    }
    config: DistillConfig = build_config("standard", layer, case.layer)
    source = prepare_source(f"sim:traffic?locations={2 * case.locations},steps=2000", config.data)
    ratio = case.windows / len(source.starts["train"])
    config = config.model_copy(update={"temporal_ratio": ratio})
    clustering = cluster_source(config, source)
    clustered = replace(
        clustered_data(source, clustering),
        real=real_data(source, config),
        assignment=clustering.assignment,
    )
    start, known = initial_state(config, source, clustering, clustered)
    clustered = replace(clustered, known=known)
    coordinator = Coordinator(
        config,
        clustered,
        SerialExecutor(),
        validate=lambda state: ValidationResult(0.0, 0.0),
        save=lambda state: None,
        device=device,
    )
    (task,) = coordinator.shard_tasks(1, start)
    return clustered, task


def workspace(data: ClusteredData, task: ShardTask) -> Workspace:
    """The running task, ready for its first matching step."""
    torch.manual_seed(0)
    return OBJECTIVES[task.matching.objective](data, task)


def run_step(case: StepCase, device: str, repeats: int, threads: int = 1) -> StepResult:
    """Count and time matching steps.

    Args:
        case: Whose.
        device: "cpu" or "cuda".
        repeats: Steps that are timed, after one that warms up.
        threads: torch threads.
    """
    with torch_threads(threads):
        run = workspace(*build_task(case, device))
        run.matching_step()
        with CountOperators() as counted:
            run.matching_step()
        kernels = count_kernels(run) if device == "cuda" else None
        held = 0 if kernels is None else _held_by_gpu()
        seconds = time_alone(run.matching_step, repeats, synchronizer(device))
    if kernels is None:
        idle = peak_in_fresh_process(_steps, case, threads, 0)
        peak = peak_in_fresh_process(_steps, case, threads, 2) - idle
    else:
        peak = (torch.cuda.max_memory_allocated() - held) / 2**20
    return StepResult(
        name=f"{len(run.synthetic.x)} x {len(run.task.locations)}, {run.task.matching.objective}",
        device=device,
        operators=counted.calls.total(),
        waits={name: counted.calls[name] for name in WAITS if counted.calls[name]},
        kernels=kernels,
        seconds=seconds,
        peak_mib=peak,
        piece=run.piece,
    )


def _held_by_gpu() -> int:
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _steps(case: StepCase, threads: int, count: int) -> None:
    """Take steps on the CPU, for the peak of a process that does nothing else."""
    with torch_threads(threads):
        run = workspace(*build_task(case, "cpu"))
        for _ in range(count):
            run.matching_step()


def step_table(results: Sequence[StepResult]) -> Table:
    """Lay the results out for people."""
    table = Table(title="one matching step, one thread; memory beyond that of the task itself")
    table.add_column("windows x locations, objective")
    for name in ("device", "operators", "waits", "kernels", "seconds", "MiB", "windows at a time"):
        table.add_column(name, justify="right")
    for r in results:
        table.add_row(
            r.name,
            r.device,
            f"{r.operators:,}",
            f"{sum(r.waits.values())}",
            "-" if r.kernels is None else f"{r.kernels:,}",
            f"{r.seconds:.3f}",
            f"{r.peak_mib:.0f}",
            "all, one graph" if r.piece is None else f"{r.piece}",
        )
    return table


def run_step_command(
    windows: Sequence[int],
    locations: int,
    settings: Sequence[str],
    device: str,
    repeats: int,
    json_file: Path | None,
    command: str,
) -> None:
    """Measure matching steps and tell the result.

    Args:
        windows: Sizes, one after the other.
        locations: Of each.
        settings: NAME=VALUE, over those of :func:`build_task`.
        device: "cpu" or "cuda".
        repeats: Steps that are timed.
        json_file: Where to write the figures, None = nowhere.
        command: The command line, for the record.

    Raises:
        ConfigError: A number is out of range, a setting unknown, or there is no GPU.
    """
    if min(windows) < 1 or locations < 1 or repeats < 1:
        raise ConfigError(
            f"--windows, --locations and --repeats take numbers from 1; found {list(windows)}, "
            f"{locations} and {repeats}"
        )
    if device not in ("cpu", "cuda") or (device == "cuda" and not torch.cuda.is_available()):
        raise ConfigError(f"--device {device}: not usable here; expected cpu, or cuda with a GPU")
    layer, console = parse_assignments(settings, DistillConfig), output_console()
    with console_reporter(console) as reporter:
        reporter.begin("steps", len(windows))
        results = []
        for count in windows:
            results.append(run_step(StepCase(count, locations, layer), device, repeats))
            reporter.advance()
    console.print(step_table(results))
    rows = [asdict(result) for result in results]
    write_figures(json_file, command, {"rows": rows}, console)


def count_kernels(run: Workspace) -> int:
    """Kernels of one matching step on a GPU."""
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds, acc_events=True) as profile:
        run.matching_step()
        torch.cuda.synchronize()
    return sum(event.device_type.name == "CUDA" for event in profile.events() or ())
