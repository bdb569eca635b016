"""Run shard tasks one after the other in this process, without Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stemdist_ray.distillation.shard import run_shard
from stemdist_ray.distillation.task import ClusteredData, ShardTask, ShardUpdate


class SerialExecutor:
    """Computes in the calling process.

    Args:
        data: The clustered series.
    """

    def __init__(self, data: ClusteredData) -> None:
        self.data = data

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(self, *unused: object) -> None:
        """Nothing to release."""

    def run(
        self, tasks: Sequence[ShardTask], on_done: Callable[[ShardUpdate], None]
    ) -> list[ShardUpdate]:
        """See :class:`stemdist_ray.distillation.coordinator.Executor`."""
        updates = []
        for task in tasks:
            updates.append(run_shard(self.data, task))
            on_done(updates[-1])
        return updates
