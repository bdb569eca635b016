"""Run tasks one after the other in this process, without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from stemdist_ray.execution.executor import R, T
from stemdist_ray.execution.ledger import Ledger, function_name, here
from stemdist_ray.execution.metering import Meter, NullMeter
from stemdist_ray.progress import Standing


class SerialExecutor:
    """Computes in the calling process.

    Args:
        data: Shared by all tasks.
    """

    def __init__(self, data: object = None) -> None:
        self.data = data
        self.meter: Meter = NullMeter()
        self.ledger = Ledger()
        self.standing: Standing | None = None

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
        results: list[R] = []
        kind = function_name(function)
        try:
            for task in tasks:
                self.standing, begun = Standing(len(results), 1, len(tasks)), time.perf_counter()
                results.append(function(self.data, task))
                self.ledger.done(kind, here(), time.perf_counter() - begun)
                on_done(results[-1])
        finally:
            self.standing = None
        return results
