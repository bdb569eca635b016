"""Run tasks on Ray actors; a lost worker costs only the task it was running."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, ObjectLostError, OutOfMemoryError, RayActorError

from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution.executor import R, T, Task
from stemdist_ray.execution.policy import Decision, after_lost_worker, workers_that_fit
from stemdist_ray.execution.session import ray_session, register_all, registered_by_user
from stemdist_ray.forecasters import Forecaster

logger = logging.getLogger(__name__)

_LOST = (RayActorError, ObjectLostError, OutOfMemoryError)


class TaskWorker:
    """Runs tasks. It keeps nothing from one task to the next.

    Args:
        forecasters: Forecasters that the user registered in the driver, by name.
    """

    def __init__(self, forecasters: dict[str, type[Forecaster]]) -> None:
        register_all(forecasters)

    def ready(self) -> int:
        """Return the process id, once the worker can take tasks."""
        return os.getpid()

    def run(self, function: Callable[[Any, T], R], data: Any, task: T) -> R:
        """Run one task on the shared data, which come from the object store (read only)."""
        return function(data, task)


@dataclass
class _Pool:
    """Workers by state. An actor handle is opaque to the type checker."""

    idle: list[Any] = field(default_factory=list)
    starting: dict[Any, Any] = field(default_factory=dict)  # ready() reference -> worker
    busy: dict[Any, tuple[int, Any]] = field(default_factory=dict)  # reference -> task, worker
    # Workers on tasks of a run that an error ended; nobody waits for their results any more.
    stale: dict[Any, Any] = field(default_factory=dict)  # reference -> worker

    def everyone(self) -> list[Any]:
        at_work = [*self.stale.values(), *(worker for _, worker in self.busy.values())]
        return [*self.idle, *self.starting.values(), *at_work]

    def abandon(self) -> None:
        """Give up the tasks that are running; their workers are busy until they have finished."""
        self.stale |= {reference: worker for reference, (_, worker) in self.busy.items()}
        self.busy = {}


class RayExecutor:
    """A pool of actors behind the executor interface; use it as a context manager.

    Args:
        data: Shared by all tasks until :meth:`share`; put into the object store once.
        config: Number and size of workers, attempts, time-out.
        most: Bounds the number of workers when the configuration leaves it open.
    """

    def __init__(self, data: object, config: WorkerConfig, most: int) -> None:
        self.data, self.config, self.most = data, config, most
        self.pool = _Pool()
        self._stack = contextlib.ExitStack()
        self._arguments: tuple[Any, ...] = ()
        self._shared: Any = None  # reference; tasks that run keep the one they were given
        self._actor: Any = None

    def __enter__(self) -> RayExecutor:
        config = self.config
        self._stack.enter_context(
            ray_session(config.address, config.num_workers or 1, config.num_cpus)
        )
        try:
            # The references live as long as the workers, which are built from them after a loss.
            self._arguments = (ray.put(registered_by_user()),)
            self._shared = ray.put(self.data)
            self._actor = ray.remote(TaskWorker).options(  # type: ignore[attr-defined]
                num_cpus=self.config.num_cpus,
                num_gpus=self.config.num_gpus,
                max_restarts=0,
                max_task_retries=0,
            )
            for _ in range(self._wanted_workers()):
                self._start_worker()
            self._wait_for_first_worker()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        for worker in self.pool.everyone():
            ray.kill(worker)
        self.pool = _Pool()
        self._arguments, self._shared = (), None
        self._stack.close()

    def share(self, data: object) -> None:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        self.data, self._shared = data, ray.put(data)

    def process_ids(self) -> list[int]:
        """Process ids of the idle workers (for fault-injection tests and diagnostics)."""
        return list(ray.get([w.ready.remote() for w in self.pool.idle]))

    def run(
        self,
        function: Callable[[Any, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        try:
            return self._run(function, tasks, on_done)
        finally:
            # After an error or an interruption tasks may still be running; a later run must not
            # take their results for its own.
            self.pool.abandon()

    def _run(
        self,
        function: Callable[[Any, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        pending, attempts = deque(range(len(tasks))), [0] * len(tasks)
        done: dict[int, R] = {}
        if not self.pool.everyone():  # the last one was lost with a task that was given up
            self._start_worker()
        while len(done) < len(tasks):
            while pending and self.pool.idle:
                index, worker = pending.popleft(), self.pool.idle.pop()
                attempts[index] += 1
                reference = worker.run.remote(function, self._shared, tasks[index])
                self.pool.busy[reference] = (index, worker)
            for reference in self._wait():
                if reference in self.pool.starting:
                    self._admit(reference)
                    continue
                if reference in self.pool.stale:
                    self._release(reference)
                    continue
                index, worker = self.pool.busy.pop(reference)
                try:
                    done[index] = self._result(reference, worker)
                except _LOST as error:
                    self._replace_worker(error, tasks[index], attempts[index])
                    pending.appendleft(index)
                else:
                    on_done(done[index])
        return [done[index] for index in range(len(tasks))]

    def _release(self, reference: Any) -> None:
        """Take back the worker of an abandoned task, whatever became of the task."""
        worker = self.pool.stale.pop(reference)
        try:
            ray.get(reference)
        except ray.exceptions.RayTaskError:
            pass  # raised by the task, which nobody asks for any more
        except ray.exceptions.RayError:
            self._start_worker()
            return
        self.pool.idle.append(worker)

    def _result(self, reference: Any, worker: Any) -> Any:
        """Fetch what a finished task returned or raised; its worker is idle again."""
        try:
            result = ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            # Raised by the task itself: it would fail the same way anywhere.
            self.pool.idle.append(worker)
            raise error.cause if isinstance(error.cause, Exception) else error from None
        self.pool.idle.append(worker)
        return result

    def _replace_worker(self, error: Exception, task: Task, attempt: int) -> None:
        """Start a worker in place of one that was lost with its task."""
        reason = type(error).__name__
        if after_lost_worker(attempt, self.config.max_attempts) is Decision.GIVE_UP:
            raise ExecutionError(
                f"{task.name}: its worker was lost {attempt} times ({reason}); most often "
                "that is a lack of memory: use more shards, fewer workers or a smaller "
                "matching.real_batch, then go on with resume=True"
            ) from error
        logger.warning("%s: worker lost (%s), running it again", task.name, reason)
        self._start_worker()

    def _wanted_workers(self) -> int:
        if self.config.num_workers is not None:
            return self.config.num_workers
        have = ray.available_resources()
        return workers_that_fit(
            self.most,
            have.get("CPU", 0.0),
            have.get("GPU", 0.0),
            self.config.num_cpus,
            self.config.num_gpus,
        )

    def _start_worker(self) -> None:
        worker = self._actor.remote(*self._arguments)
        self.pool.starting[worker.ready.remote()] = worker

    def _admit(self, reference: Any) -> None:
        worker = self.pool.starting.pop(reference)
        try:
            ray.get(reference)
        except _LOST as error:
            if not self.pool.everyone():
                raise ExecutionError(f"no worker could start: {error}") from error
            logger.warning("a worker died while starting: %s", type(error).__name__)
            return
        self.pool.idle.append(worker)

    def _wait(self) -> list[Any]:
        """Wait for any event; raises when nothing can happen because no worker gets a place."""
        while True:
            at_work = [*self.pool.busy, *self.pool.stale]
            watched = [*at_work, *self.pool.starting]
            timeout = None if at_work else self.config.start_timeout
            ready, _ = ray.wait(watched, num_returns=1, timeout=timeout)
            if ready:
                return list(ready)
            raise ExecutionError(self._placement_problem())

    def _wait_for_first_worker(self) -> None:
        deadline = time.monotonic() + self.config.start_timeout
        while not self.pool.idle:
            if time.monotonic() > deadline or not self.pool.starting:
                raise ExecutionError(self._placement_problem())
            for reference in self._wait():
                self._admit(reference)

    def wait_for_all(self) -> None:
        """Wait until every worker that is starting is ready or has failed."""
        while self.pool.starting:
            for reference in self._wait():
                if reference in self.pool.stale:
                    self._release(reference)
                else:
                    self._admit(reference)

    def _placement_problem(self) -> str:
        have: dict[str, float] = {}
        with contextlib.suppress(GetTimeoutError, RuntimeError):
            have = ray.cluster_resources()
        return (
            f"no worker could be placed within {self.config.start_timeout:g} s: each wants "
            f"{self.config.num_cpus:g} CPU and {self.config.num_gpus:g} GPU, the cluster has "
            f"{have.get('CPU', 0):g} CPU and {have.get('GPU', 0):g} GPU in all; lower "
            "worker.num_cpus or worker.num_gpus, or add nodes"
        )
