"""When every task of a job ran, on which worker, and what travelled: an executor that notes it.

Driver and workers are on one machine here, so that their clocks are one clock.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Generic

from jobs.benchmarks.driver import Around, pickled_bytes
from stemdist_ray.execution.executor import Executor, R, T

BEGIN, END = "begin", "end"
REFINE = "refine"


@dataclass(frozen=True)
class TaskRecord:
    """One task.

    Args:
        name: As in the executor's messages.
        process: Id of the process that ran it.
        begun: When, seconds since the epoch.
        ended: When.
        cpu_seconds: CPU time of that process meanwhile, all its threads.
        argument_bytes: Of the message that brought the task, without shared data.
        result_bytes: Of the message that took its result back.
        rows: Windows times locations of a block of sums; 0 for other tasks.
    """

    name: str
    process: int
    begun: float
    ended: float
    cpu_seconds: float
    argument_bytes: int
    result_bytes: int
    rows: int = 0

    @property
    def seconds(self) -> float:
        """Wall time."""
        return self.ended - self.begun


@dataclass(frozen=True)
class Call:
    """Tasks that ran beside each other.

    Args:
        kind: Name of their function; "refine" for shard tasks that refine.
        begun: When they were handed to the executor.
        ended: When it gave all their results.
        tasks: In their order.
    """

    kind: str
    begun: float
    ended: float
    tasks: tuple[TaskRecord, ...]

    @property
    def seconds(self) -> float:
        """Wall time."""
        return self.ended - self.begun


@dataclass(frozen=True)
class Share:
    """Shared data that took the place of others.

    Args:
        begun: When.
        ended: When the driver could go on.
        num_bytes: Their size.
    """

    begun: float
    ended: float
    num_bytes: int
    kind: str = "share"

    @property
    def seconds(self) -> float:
        """Wall time."""
        return self.ended - self.begun


@dataclass(frozen=True)
class Trace:
    """What an executor was asked for during a job.

    Args:
        begun: When the job began.
        ended: When it ended.
        events: In their order.
    """

    begun: float
    ended: float
    events: tuple[Call | Share, ...]

    @property
    def seconds(self) -> float:
        """Wall time of the job."""
        return self.ended - self.begun

    def calls(self) -> list[Call]:
        """All calls, in their order."""
        return [event for event in self.events if isinstance(event, Call)]

    def tasks(self) -> list[TaskRecord]:
        """All tasks."""
        return [task for call in self.calls() for task in call.tasks]

    def gaps(self) -> list[tuple[str, float]]:
        """Seconds in which the driver worked alone, each called "kind before > kind after"."""
        ends = [(BEGIN, self.begun), *((e.kind, e.ended) for e in self.events)]
        begins = [*((e.kind, e.begun) for e in self.events), (END, self.ended)]
        return [
            (f"{before} > {after}", begun - ended)
            for (before, ended), (after, begun) in zip(ends, begins, strict=True)
        ]

    def busy(self) -> float:
        """CPU seconds of the workers' tasks."""
        return sum(task.cpu_seconds for task in self.tasks())

    def serial_seconds(self) -> float:
        """Wall seconds in which at most one worker computed."""
        edges = sorted(
            edge for task in self.tasks() for edge in ((task.begun, 1), (task.ended, -1))
        )
        parallel, running = 0.0, 0
        for (at, change), (following, _) in pairwise(edges):
            running += change
            parallel += (following - at) * (running > 1)
        return self.seconds - parallel


@dataclass(frozen=True)
class _Timed(Generic[R]):
    """What a task gave, and when it ran."""

    value: R
    process: int
    begun: float
    ended: float
    cpu_seconds: float


class _Timing(Generic[T, R]):
    """A task's function that also tells when it ran; bears the name of the function.

    Args:
        function: Of a module.
    """

    def __init__(self, function: Callable[[Any, T], R]) -> None:
        self.function = function
        self.__qualname__ = function.__qualname__

    def __call__(self, data: Any, task: T) -> _Timed[R]:
        begun, cpu = time.time(), time.process_time()
        value = self.function(data, task)
        return _Timed(value, os.getpid(), begun, time.time(), time.process_time() - cpu)


@dataclass
class _Noted:
    """A call whose tasks and results are weighed later, so that this takes no time of the job."""

    kind: str
    begun: float
    ended: float
    tasks: list[Any]
    results: list[_Timed[Any]]

    def weighed(self) -> Call:
        pairs = zip(self.tasks, self.results, strict=True)
        records = tuple(_record(task, result) for task, result in pairs)
        return Call(self.kind, self.begun, self.ended, records)


def _record(task: Any, result: _Timed[Any]) -> TaskRecord:
    starts, locations = getattr(task, "starts", ()), getattr(task, "locations", ())
    return TaskRecord(
        name=task.name,
        process=result.process,
        begun=result.begun,
        ended=result.ended,
        cpu_seconds=result.cpu_seconds,
        argument_bytes=pickled_bytes(task),
        result_bytes=pickled_bytes(result.value),
        rows=len(starts) * len(locations),
    )


class Tracing(Around):
    """Notes when its tasks ran."""

    def __init__(self, inner: Executor) -> None:
        super().__init__(inner)
        self._events: list[_Noted | tuple[float, float, Any]] = []

    def share(self, data: object) -> None:
        """See :class:`Executor`."""
        begun = time.time()
        self.inner.share(data)
        self._events.append((begun, time.time(), data))

    def run(
        self, function: Callable[[Any, T], R], tasks: Sequence[T], on_done: Callable[[R], None]
    ) -> list[R]:
        """See :class:`Executor`."""
        begun = time.time()
        timing: Callable[[Any, T], _Timed[R]] = _Timing(function)
        results = self.inner.run(timing, tasks, lambda timed: on_done(timed.value))
        kind = function.__qualname__
        if any(f" {REFINE} " in task.name for task in tasks):
            kind = REFINE
        self._events.append(_Noted(kind, begun, time.time(), list(tasks), results))
        return [result.value for result in results]

    def trace(self, begun: float, ended: float) -> Trace:
        """What was noted between two times; the notes begin anew.

        Args:
            begun: When the job began, seconds since the epoch.
            ended: When it ended.
        """
        noted, self._events = self._events, []
        return Trace(begun, ended, tuple(_weighed(noted)))


def _weighed(noted: Sequence[_Noted | tuple[float, float, Any]]) -> Iterator[Call | Share]:
    for event in noted:
        if isinstance(event, _Noted):
            yield event.weighed()
        else:
            yield Share(event[0], event[1], pickled_bytes(event[2]))
