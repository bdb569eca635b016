"""Numbers that a monitor sees while a run goes on: their names, and who takes them.

The names are a contract: Ray exports them with ``ray_`` in front, and the dashboard in ``infra/``
asks for them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Metric:
    """A number that is exported.

    Args:
        name: With its unit at the end.
        about: What it is, in a line.
        labels: What tells its series apart, besides the run. Few values each: every one is a
            series that a monitor keeps.
        counts: Whether it only grows, and is added to; else it is set.
    """

    name: str
    about: str
    labels: tuple[str, ...] = ()
    counts: bool = False

    @property
    def exported(self) -> str:
        """Its name in what a node exports."""
        return f"ray_{self.name}"


ROUNDS = Metric("stemdist_rounds", "rounds finished")
ROUND_SECONDS = Metric("stemdist_round_seconds", "wall time of the last round's tasks")
VALIDATION_SECONDS = Metric("stemdist_validation_seconds", "wall time of the last validation")
OBJECTIVE = Metric("stemdist_objective", "mean objective of the last round")
ERROR = Metric("stemdist_validation_relative_rmse", "of the last round that was validated")
BEST_ERROR = Metric("stemdist_best_validation_relative_rmse", "of the round kept so far")
TASK_SECONDS = Metric(
    "stemdist_task_seconds", "that the last task of a kind computed on its worker", ("Kind",)
)
TASKS_DONE = Metric("stemdist_tasks_done_total", "tasks finished", ("Kind",), counts=True)
TASKS_LOST = Metric(
    "stemdist_tasks_lost_total", "tasks lost with their worker, by reason", ("Reason",), counts=True
)
TASKS_PENDING = Metric("stemdist_tasks_pending", "tasks that wait for a worker")
TASKS_RUNNING = Metric("stemdist_tasks_running", "tasks that workers have")
WORKERS_LIVE = Metric("stemdist_workers_live", "workers that have their place")
WORKERS_WANTED = Metric("stemdist_workers_wanted", "workers that there should be")
WORKER_MEMORY = Metric(
    "stemdist_worker_memory_bytes", "resident memory of a worker's process", ("Worker",)
)
GPU_MEMORY = Metric(
    "stemdist_worker_gpu_memory_bytes", "GPU memory of a worker's tensors", ("Worker",)
)
GPU_MEMORY_PEAK = Metric(
    "stemdist_worker_gpu_memory_peak_bytes", "the same at its highest", ("Worker",)
)

METRICS = (
    *(ROUNDS, ROUND_SECONDS, VALIDATION_SECONDS, OBJECTIVE, ERROR, BEST_ERROR),
    *(TASK_SECONDS, TASKS_DONE, TASKS_LOST, TASKS_PENDING, TASKS_RUNNING),
    *(WORKERS_LIVE, WORKERS_WANTED, WORKER_MEMORY, GPU_MEMORY, GPU_MEMORY_PEAK),
)
"""All of them."""


class Meter(Protocol):
    """Takes numbers for a monitor. Never raises: nobody may be looking."""

    def set(self, metric: Metric, value: float | None, label: str = "") -> None:
        """Show a number until another one is set; None, and what is not finite, are left out."""
        ...

    def count(self, metric: Metric, label: str = "") -> None:
        """Add one."""
        ...


class NullMeter:
    """Takes nothing; used where there is no Ray that could export it."""

    def set(self, metric: Metric, value: float | None, label: str = "") -> None:
        """Do nothing."""

    def count(self, metric: Metric, label: str = "") -> None:
        """Do nothing."""


def run_label(name: str, token: str) -> str:
    """What tells a run apart in a monitor, and the names of its workers.

    Args:
        name: Of the run's folder, without those above it; may be empty.
        token: Makes it unique.

    Returns:
        At most 49 letters, digits, dots, underscores and hyphens.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:40]
    return f"{plain}-{token}" if plain else token
