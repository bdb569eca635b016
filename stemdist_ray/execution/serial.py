"""Run tasks one after the other in this process, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stemdist_ray.execution.executor import R, T


class SerialExecutor:
    """Computes in the calling process.

    Args:
        data: Shared by all tasks.
    """

    def __init__(self, data: object = None) -> None:
        self.data = data

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(self, *unused: object) -> None:
        """Nothing to release."""

    def share(self, data: object) -> None:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        self.data = data

    def run(
        self,
        function: Callable[[Any, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        results = []
        for task in tasks:
            results.append(function(self.data, task))
            on_done(results[-1])
        return results
