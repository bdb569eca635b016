"""Run tasks on Ray actors; a lost worker costs only the task it was running."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution import metering
from stemdist_ray.execution.executor import R, T
from stemdist_ray.execution.ledger import UNKNOWN_GPU, Ledger, Place, function_name
from stemdist_ray.execution.losses import Loss, in_a_line, loss_of_raised, loss_of_worker
from stemdist_ray.execution.policy import (
    Decision,
    after_lost_worker,
    give_up_message,
    kind_of,
    mixed_gpus,
    needs,
    start_timeout,
    time_limit,
)
from stemdist_ray.execution.pool import Finished, Pool
from stemdist_ray.execution.ray_meter import RayMeter
from stemdist_ray.execution.session import ray_session, registered_by_user
from stemdist_ray.execution.staffing import Staffing
from stemdist_ray.execution.words import level_here
from stemdist_ray.execution.workers import Job, Member, Outcome, Setup, actor_class
from stemdist_ray.progress import Standing

logger = logging.getLogger(__name__)

_NOWHERE = Place("unknown", "unknown")  # of a worker that was never heard


@dataclass
class _Progress:
    """How far a call of :meth:`RayExecutor.run` has come; positions are those of its tasks."""

    on_done: Callable[[Any], None]
    pending: deque[int]
    losses: list[Counter[Loss]]
    done: dict[int, Any] = field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        """The same in numbers."""
        total, done = len(self.losses), len(self.done)
        return Standing(done, total - done - len(self.pending), total)


class _TaskLostError(Exception):
    """A task that another worker may finish.

    Args:
        loss: Why it was lost.
        reason: The same in words of Ray's or of the task.
    """

    def __init__(self, loss: Loss, reason: str) -> None:
        super().__init__(reason)
        self.loss, self.reason = loss, reason


def _fetch(reference: Any, member: Member) -> Outcome:
    """What a task returned.

    Args:
        reference: Of the result; it is there.
        member: The worker.

    Raises:
        _TaskLostError: It was lost with its worker, or would do better on another one.
        Exception: What the task raised.
    """
    try:
        outcome: Outcome = ray.get(reference)
        return outcome
    except RayTaskError as error:
        cause = error.cause if isinstance(error.cause, Exception) else error
        loss = loss_of_raised(cause)
        if loss is None:
            # It would fail the same way anywhere.
            raise cause from None
        raise _TaskLostError(loss, in_a_line(cause)) from cause
    except RayError as first:
        begun, settled = member.sure, member.last_word(first)
        loss = loss_of_worker(settled, begun)
        if loss is None:
            raise ExecutionError(f"Ray failed: {in_a_line(settled)}") from first
        raise _TaskLostError(loss, in_a_line(settled)) from first


class RayExecutor:
    """A pool of actors behind the executor interface; use it as a context manager.

    Args:
        data: Shared by all tasks until :meth:`share`; put into the object store once.
        config: Number and size of workers, attempts, time-outs.
        most: Bounds the number of workers when the configuration leaves it open.
        name: Of the run, for monitors; may be empty.
        say: Told of workers that are missing or lost; None = the log is.
    """

    def __init__(
        self,
        data: object,
        config: WorkerConfig,
        most: int,
        name: str = "",
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.data, self.config, self.most = data, config, most
        self.pool = Pool(self._spawn, config.heartbeat_timeout)
        self.run_label = metering.run_label(name, secrets.token_hex(4))
        self.meter: metering.Meter = RayMeter(self.run_label)
        self.ledger = Ledger()
        self.standing: Standing | None = None
        self._say = say or logger.warning
        self._stack = contextlib.ExitStack()
        self._arguments: tuple[Any, ...] = ()
        self._shared: Any = None  # reference; tasks that run keep the one they were given
        self._actor: Any = None
        self._staffing: Staffing | None = None

    def __enter__(self) -> RayExecutor:
        config, each = self.config, needs(self.config)
        joined = self._stack.enter_context(
            ray_session(config.address, config.num_workers or 1, config.num_cpus)
        )
        try:
            # The references live as long as the workers, which are built from them after a loss.
            self._arguments = (ray.put(registered_by_user()),)
            self._shared = ray.put(self.data)
            self._actor = actor_class(each)
            self._stack.callback(self.pool.clear)
            patience = start_timeout(config.start_timeout, joined)
            self._staffing = self._stack.enter_context(
                Staffing(
                    self.pool, each, config.num_workers, self.most, patience, joined, self._say
                )
            )
            while not self.pool.placed():
                self._step(None)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *unused: object) -> None:
        for metric in (metering.WORKERS_LIVE, metering.WORKERS_WANTED):
            self.meter.set(metric, 0)  # the process may live on, and would go on showing them
        self._stack.close()
        self._arguments, self._shared, self._staffing = (), None, None

    def share(self, data: object) -> None:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        self.data, self._shared = data, ray.put(data)

    def process_ids(self) -> list[int]:
        """Process ids of the workers (for fault-injection tests and diagnostics)."""
        return [m.pid for m in self.pool.members if m.pid is not None]

    def wait_for_all(self) -> None:
        """Wait until all workers that are wanted have their place."""
        assert self._staffing is not None
        while len(self.pool.placed()) < self._staffing.wanted:
            self._step(None)

    def run(
        self,
        function: Callable[[Any, T], R],
        tasks: Sequence[T],
        on_done: Callable[[R], None],
    ) -> list[R]:
        """See :class:`stemdist_ray.execution.executor.Executor`."""
        count = len(tasks)
        progress = _Progress(on_done, deque(range(count)), [Counter() for _ in range(count)])
        self.pool.doubt_idle()  # nobody has listened since the run before
        try:
            while len(progress.done) < count:
                self._hand_out(function, tasks, progress)
                self._show(progress)
                self._step(progress)
        finally:
            self._show(None)
            # After an error or an interruption tasks may still be running; a later run must not
            # take their results for its own.
            self.pool.abandon()
        return [progress.done[index] for index in range(count)]

    def _hand_out(
        self, function: Callable[[Any, T], R], tasks: Sequence[T], progress: _Progress
    ) -> None:
        while progress.pending and (member := self.pool.free()) is not None:
            index = progress.pending.popleft()
            name = tasks[index].name
            kind = kind_of(function_name(function), name)
            limit = time_limit(
                self.config.task_timeout,
                self.pool.longest.get(kind),
                progress.losses[index][Loss.OVERDUE],
            )
            job = Job(index, name, kind, self.pool.clock(), limit)
            member.give(job, function, self._shared, tasks[index])

    def _step(self, progress: _Progress | None) -> None:
        """Wait a moment, and see to what happened.

        Args:
            progress: Of the tasks; None while there are none.
        """
        assert self._staffing is not None
        self._staffing.keep_up(bool(progress and progress.pending))
        for event in self.pool.watch():
            if isinstance(event, Finished):
                self._finish(event.member, progress)
            elif event.starting:
                self._staffing.failed_to_start(event)
            else:
                self._note_lost(event.member, event.member.job, event.loss)
                self._lost(event.member.job, event.loss, event.reason, progress)
        self._check_devices()

    def _check_devices(self) -> None:
        """Make sure that all GPUs are of one kind.

        Raises:
            ExecutionError: They are not.
        """
        if self.config.num_gpus == 0 or self.config.mixed_gpus:
            return
        names = {m.place.device for m in self.pool.members if m.place is not None} - {UNKNOWN_GPU}
        if (wrong := mixed_gpus(names)) is not None:
            raise ExecutionError(wrong)

    def _show(self, progress: _Progress | None) -> None:
        """Let others know how far it is."""
        assert self._staffing is not None
        self.standing = None if progress is None else progress.standing
        meter, pending = self.meter, 0 if progress is None else len(progress.pending)
        meter.set(metering.TASKS_PENDING, pending)
        meter.set(metering.TASKS_RUNNING, sum(m.job is not None for m in self.pool.members))
        meter.set(metering.WORKERS_LIVE, len(self.pool.placed()))
        meter.set(metering.WORKERS_WANTED, self._staffing.wanted)

    def _finish(self, member: Member, progress: _Progress | None) -> None:
        """Fetch what a finished task returned or raised; its worker is idle again."""
        job, reference = self.pool.take(member)
        try:
            outcome = _fetch(reference, member)
        except _TaskLostError as error:
            self.pool.remove(member)
            self._note_lost(member, job, error.loss)
            self._lost(job, error.loss, error.reason, progress)
        except Exception:
            if not job.abandoned:
                raise
        else:
            self.pool.repeat(member, outcome.words)
            if progress is not None and not job.abandoned:
                self._note_done(member, job, outcome.seconds)
                progress.done[job.index] = outcome.value
                progress.on_done(outcome.value)

    def _note_done(self, member: Member, job: Job, seconds: float) -> None:
        self.ledger.done(job.function, member.place or _NOWHERE, seconds)
        self.meter.set(metering.TASK_SECONDS, seconds, job.function)
        self.meter.count(metering.TASKS_DONE, job.function)

    def _note_lost(self, member: Member, job: Job | None, loss: Loss) -> None:
        if job is not None and not job.abandoned:
            self.ledger.lost(job.function, member.place or _NOWHERE, loss.value)
            self.meter.count(metering.TASKS_LOST, loss.name.lower())

    def _lost(self, job: Job | None, loss: Loss, reason: str, progress: _Progress | None) -> None:
        """Run the task of a lost worker again, or give up; another worker takes its place."""
        assert self._staffing is not None
        self._staffing.lost(loss)
        self.pool.doubt_idle()  # what took one may have taken others
        if job is None or job.abandoned or progress is None:
            self._say(f"an idle worker was lost ({loss.value}: {reason})")
            return
        losses = progress.losses[job.index]
        losses[loss] += 1
        if after_lost_worker(loss, losses, self.config.max_attempts) is Decision.GIVE_UP:
            raise ExecutionError(give_up_message(job.name, loss, losses, reason))
        self._say(f"{job.name}: worker lost ({loss.value}: {reason}), running it again")
        progress.pending.appendleft(job.index)

    def _spawn(self, name: str) -> Any:
        setup = Setup(self.run_label, name, self.config.num_gpus > 0, level_here())
        # Names are unique in a cluster; another run has another token.
        named = self._actor.options(name=f"stemdist {self.run_label} {name}")
        return named.remote(*self._arguments, setup)
