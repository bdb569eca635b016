"""What runs tasks: the interface that the serial executor and the one on Ray share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from stemdist_ray.execution.ledger import Ledger
from stemdist_ray.execution.metering import Meter
from stemdist_ray.progress import Standing


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

    @property
    def meter(self) -> Meter:
        """Takes numbers for a monitor."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Who ran what where, since it was opened."""
        ...

    @property
    def standing(self) -> Standing | None:
        """How far it is, None between two runs; any thread may ask."""
        ...

    def share(self, data: object) -> None:
        """Let all tasks that follow read an object; it takes the place of the one before."""
        ...

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
