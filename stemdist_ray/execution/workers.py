"""One worker: what runs in its process, and what the driver knows of it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError

from stemdist_ray.execution.executor import R, T
from stemdist_ray.execution.session import register_all
from stemdist_ray.forecasters import Forecaster

# Signs of life have a thread of their own: a worker gives them while it runs a task.
_HEALTH = "health"

_SETTLED_AFTER = 10.0  # seconds in which a cluster finds out that a process is dead


class TaskWorker:
    """Runs tasks. It keeps nothing from one task to the next.

    Args:
        forecasters: Forecasters that the user registered in the driver, by name.
    """

    def __init__(self, forecasters: dict[str, type[Forecaster]]) -> None:
        register_all(forecasters)

    def ping(self) -> int:
        """Return the process id: a sign of life."""
        return os.getpid()

    def run(self, function: Callable[[Any, T], R], data: Any, task: T) -> R:
        """Run one task on the shared data, which come from the object store (read only)."""
        return function(data, task)


def actor_class(needs: dict[str, float]) -> Any:
    """The class of Ray actors that are task workers.

    Args:
        needs: What each reserves, by Ray's names.
    """
    options: dict[str, Any] = {"num_cpus": needs["CPU"], "num_gpus": needs.get("GPU", 0)}
    if "memory" in needs:
        options["memory"] = needs["memory"]
    return ray.remote(concurrency_groups={_HEALTH: 1}, max_restarts=0, **options)(TaskWorker)


@dataclass(frozen=True)
class Job:
    """A task on a worker.

    Args:
        index: Of the task in its run.
        name: For messages.
        kind: Tasks of one kind take about as long as each other.
        begun: When it was handed out, seconds of the pool's clock.
        limit: Seconds it may take, None = no limit.
        abandoned: Whether an error ended its run: nobody waits for the result any more.
    """

    index: int
    name: str
    kind: str
    begun: float
    limit: float | None
    abandoned: bool = False


@dataclass(eq=False)
class Member:
    """A worker of the pool, as the driver knows it.

    Args:
        handle: Of the actor; opaque to the type checker.
        name: Of the actor.
        asked: Reference of the sign of life that is waited for, None = none is.
        pid: Its process, None until its first sign of life: it is starting, or has no place.
        silence: Seconds that ``asked`` has been waited for.
        quiet: Seconds since the last sign of life was asked for.
        sure: Whether it was heard since it was last doubted; the others are given no task.
        job: What it does.
        result: Reference of what ``job`` gives.
        worked: Seconds that ``result`` has been waited for.
    """

    handle: Any
    name: str
    asked: Any = None
    pid: int | None = None
    silence: float = 0.0
    quiet: float = 0.0
    sure: bool = False
    job: Job | None = None
    result: Any = None
    worked: float = 0.0

    @property
    def starting(self) -> bool:
        """Whether it has never been heard."""
        return self.pid is None

    @property
    def free(self) -> bool:
        """Whether it may be given a task."""
        return self.job is None and self.sure

    def ask(self) -> None:
        """Ask for a sign of life; one that was asked for before no longer counts."""
        self.asked = self.handle.ping.options(concurrency_group=_HEALTH).remote()
        self.silence = self.quiet = 0.0

    def doubt(self) -> None:
        """Do not believe that it lives until it is heard again."""
        self.sure = False
        self.ask()

    def heard(self, pid: int) -> None:
        """Note the sign of life that was asked for."""
        self.pid, self.asked, self.sure, self.silence = pid, None, True, 0.0

    def give(self, job: Job, function: Callable[[Any, T], R], data: Any, task: T) -> None:
        """Hand out a task; whether it is begun follows from the next sign of life."""
        self.job, self.worked = job, 0.0
        self.result = self.handle.run.options(name=job.name).remote(function, data, task)
        self.doubt()

    def take(self) -> tuple[Job, Any]:
        """Take the task back that it has finished; returns it with the reference of its result."""
        assert self.job is not None
        job, result = self.job, self.result
        self.job = self.result = None
        return job, result

    def last_word(self, error: RayError) -> RayError:
        """What Ray says of a loss once it knows: at first a death looks like a bad connection.

        Args:
            error: What it said first.
        """
        end = time.monotonic() + _SETTLED_AFTER
        while isinstance(error, ActorUnavailableError) and time.monotonic() < end:
            time.sleep(0.5)
            try:
                self.ask()
                ray.get(self.asked, timeout=end - time.monotonic() + 1.0)
                break  # it lives: the connection was bad
            except GetTimeoutError:
                break
            except RayError as later:
                error = later
        return error

    def kill(self) -> None:
        """End its process, stopped or not; what it reserves becomes free."""
        with contextlib.suppress(RayError, ValueError):
            ray.kill(self.handle, no_restart=True)
