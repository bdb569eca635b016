"""Which executor runs the tasks: in this process, or on Ray."""

from __future__ import annotations

from contextlib import AbstractContextManager

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.serial import SerialExecutor


def open_executor(
    data: object, config: WorkerConfig, most: int
) -> AbstractContextManager[Executor]:
    """Serial for 0 workers, else Ray (imported only then).

    Args:
        data: Read by all tasks; never changed.
        config: Number and size of workers.
        most: Tasks that there are at a time; more workers would have nothing to do.
    """
    if config.num_workers == 0:
        return SerialExecutor(data)
    from stemdist_ray.execution.ray_workers import RayExecutor

    return RayExecutor(data, config, most)
