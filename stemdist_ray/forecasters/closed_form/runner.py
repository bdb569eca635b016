"""Who computes the blocks of sums: this process, or an executor's workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class TaskRunner(Protocol):
    """Runs block tasks somewhere; executors do."""

    def share(self, data: object) -> None:
        """Make an object known to all tasks that follow."""

    def run(self, function: Any, tasks: Sequence[Any], on_done: Any) -> list[Any]:
        """Call ``function(shared object, task)`` for all tasks; results in task order."""


class InProcess:
    """Runs block tasks here, one after the other."""

    def __init__(self) -> None:
        self.data: object = None

    def share(self, data: object) -> None:
        """See :class:`TaskRunner`."""
        self.data = data

    def run(self, function: Any, tasks: Sequence[Any], on_done: Any) -> list[Any]:
        """See :class:`TaskRunner`."""
        del on_done
        return [function(self.data, task) for task in tasks]
