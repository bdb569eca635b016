"""What runs tasks: the interface that the serial executor and the one on Ray share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from stemdist_ray.config import WorkerConfig


class Task(Protocol):
    """What an executor has to know of a task."""

    @property
    def name(self) -> str:
        """For messages."""
        ...


T = TypeVar("T", bound=Task)
R = TypeVar("R")


class Executor(Protocol):
    """Runs tasks somewhere; the answer depends on the task and the shared data alone."""

    def run(
        self,
        function: Callable[[Any, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        """Call ``function(shared data, task)`` for all tasks.

        Args:
            function: A pure function of a module, which other processes can import.
            tasks: Its arguments.
            on_done: Called with each result as it arrives.

        Returns:
            The results in task order.

        Raises:
            ExecutionError: A task could not be finished after all attempts.
            Exception: What a task raised; the executor can be used again after it.
        """
        ...


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
        from stemdist_ray.execution.serial import SerialExecutor

        return SerialExecutor(data)
    from stemdist_ray.execution.ray_workers import RayExecutor

    return RayExecutor(data, config, most)
