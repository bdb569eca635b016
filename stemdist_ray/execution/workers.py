"""One worker: what runs in its process, and what the driver knows of it."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import ray
import torch
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayError

from stemdist_ray.execution.executor import R, T
from stemdist_ray.execution.ledger import UNKNOWN_GPU, Place, here
from stemdist_ray.execution.metering import GPU_MEMORY, GPU_MEMORY_PEAK, WORKER_MEMORY
from stemdist_ray.execution.ray_meter import RayMeter
from stemdist_ray.execution.session import register_all
from stemdist_ray.execution.words import Notebook, Word, take_notes
from stemdist_ray.forecasters import Forecaster

# Signs of life have a thread of their own: a worker gives them while it runs a task.
_HEALTH = "health"

_SETTLED_AFTER = 10.0  # seconds in which a cluster finds out that a process is dead


@dataclass(frozen=True)
class Setup:
    """What a worker is told at its start.

    Args:
        run: Tells the run apart in a monitor.
        name: Of the worker.
        gpu: Whether it has a share of a GPU.
        level: From which on it keeps what this package logs.
    """

    run: str
    name: str
    gpu: bool = False
    level: int = logging.WARNING


@dataclass(frozen=True)
class Sign:
    """A sign of life.

    Args:
        pid: The process.
        place: Where it computes.
        words: What it has logged that the driver has not read.
    """

    pid: int
    place: Place
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a task returned.

    Args:
        value: Its result.
        seconds: That it computed.
        words: What the worker has logged that the driver had not read when it was handed out.
    """

    value: Any
    seconds: float
    words: tuple[Word, ...] = ()


class TaskWorker:
    """Runs tasks. Of one it keeps nothing for the next, but for what was logged.

    Args:
        forecasters: Forecasters that the user registered in the driver, by name.
        setup: None = it keeps no log and shows nothing to a monitor.
    """

    def __init__(
        self, forecasters: dict[str, type[Forecaster]], setup: Setup | None = None
    ) -> None:
        self._setup, self._notebook = setup, Notebook()
        self._meter = None if setup is None else RayMeter(setup.run)
        self._place: Place | None = None
        if setup is not None:
            self._notebook = take_notes(setup.level)
        register_all(forecasters)

    def ping(self, read: int = 0) -> Sign:
        """Return a sign of life.

        Args:
            read: Records of its log that the driver has read.
        """
        self._show()
        return Sign(os.getpid(), self._where(), self._notebook.after(read))

    def run(self, function: Callable[[Any, T], R], data: Any, task: T, read: int = 0) -> Outcome:
        """Run one task on the shared data, which come from the object store (read only)."""
        begun = time.perf_counter()
        value = function(data, task)
        seconds = time.perf_counter() - begun
        self._show()
        return Outcome(value, seconds, self._notebook.after(read))

    def _where(self) -> Place:
        if self._place is None:
            gpu = self._setup is not None and self._setup.gpu
            self._place = here(_gpu_name() if gpu else None)
        return self._place

    def _show(self) -> None:
        """Show its memory to a monitor."""
        if self._meter is None or self._setup is None:
            return
        name = self._setup.name
        self._meter.set(WORKER_MEMORY, psutil.Process().memory_info().rss, name)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            self._meter.set(GPU_MEMORY, torch.cuda.memory_allocated(), name)
            self._meter.set(GPU_MEMORY_PEAK, torch.cuda.max_memory_allocated(), name)


def _gpu_name() -> str:
    # A device that is out of order is found out, and said, by the first task that uses it.
    try:
        return torch.cuda.get_device_name()
    except (RuntimeError, AssertionError):
        return UNKNOWN_GPU


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

    @property
    def function(self) -> str:
        """The function that it calls, see :func:`stemdist_ray.execution.policy.kind_of`."""
        return self.kind.partition(": ")[0]


@dataclass(eq=False)
class Member:
    """A worker of the pool, as the driver knows it.

    Args:
        handle: Of the actor; opaque to the type checker.
        name: Of the actor.
        asked: Reference of the sign of life that is waited for, None = none is.
        pid: Its process, None until its first sign of life: it is starting, or has no place.
        place: Where it computes, None until then.
        read: Records of its log that were read.
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
    place: Place | None = None
    read: int = 0
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
        self.asked = self.handle.ping.options(concurrency_group=_HEALTH).remote(self.read)
        self.silence = self.quiet = 0.0

    def doubt(self) -> None:
        """Do not believe that it lives until it is heard again."""
        self.sure = False
        self.ask()

    def heard(self, sign: Sign) -> None:
        """Note the sign of life that was asked for."""
        self.pid, self.place = sign.pid, sign.place
        self.asked, self.sure, self.silence = None, True, 0.0

    def unread(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Those of some records that were not read yet; from now on they are."""
        fresh = tuple(word for word in words if word.number >= self.read)
        if fresh:
            self.read = fresh[-1].number + 1
        return fresh

    @property
    def who(self) -> str:
        """Its name and machine, for people."""
        return self.name if self.place is None else f"{self.name} on {self.place.host}"

    def give(self, job: Job, function: Callable[[Any, T], R], data: Any, task: T) -> None:
        """Hand out a task; whether it is begun follows from the next sign of life."""
        self.job, self.worked = job, 0.0
        call = self.handle.run.options(name=job.name)
        self.result = call.remote(function, data, task, self.read)
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
