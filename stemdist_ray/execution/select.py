"""Which executor runs the tasks: in this process, or on Ray."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from stemdist_ray.config import WorkerConfig
from stemdist_ray.execution.executor import Executor
from stemdist_ray.execution.serial import SerialExecutor


def open_executor(
    data: object,
    config: WorkerConfig,
    most: int,
    given: Executor | None = None,
    *,
    name: str = "",
    say: Callable[[str], None] | None = None,
) -> AbstractContextManager[Executor]:
    """Serial for 0 workers, else Ray (imported only then).

    Args:
        data: Read by all tasks; never changed.
        config: Number and size of workers.
        most: Tasks that there are at a time; more workers would have nothing to do.
        given: One that is open already: it takes the data, and stays open afterwards.
        name: Of the run, for monitors; may be empty.
        say: Told of workers that are missing or lost; None = the log is.
    """
    if given is not None:
        given.share(data)
        return nullcontext(given)
    if config.num_workers == 0:
        return SerialExecutor(data)
    from stemdist_ray.execution.ray_workers import RayExecutor

    return RayExecutor(data, config, most, name, say)
