"""What runs tasks: the interface that the serial executor and the one on Ray share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from stemdist_ray.execution.ledger import Ledger
from stemdist_ray.execution.metering import Meter


class Task(Protocol):
    """What an executor has to know of a task."""

    @property
    def name(self) -> str:
        """For messages."""
        ...


T = TypeVar("T", bound=Task)
R = TypeVar("R")


@dataclass(frozen=True)
class Standing:
    """How far a call of :meth:`Executor.run` has come.

    Args:
        done: Tasks finished.
        running: Tasks that somebody has.
        total: All of them.
    """

    done: int
    running: int
    total: int


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
