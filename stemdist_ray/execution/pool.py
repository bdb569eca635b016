"""The workers of a run: started, listened to, given tasks, and killed when they are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayError

from stemdist_ray.execution.losses import Loss, in_a_line, loss_of_worker
from stemdist_ray.execution.policy import watched
from stemdist_ray.execution.words import Repeater, Word
from stemdist_ray.execution.workers import Job, Member, Sign


@dataclass(frozen=True)
class Finished:
    """A worker has done its task; :meth:`Pool.take` gives the result."""

    member: Member


@dataclass(frozen=True)
class Lost:
    """A worker is gone, or has to go.

    Args:
        member: Which; it is no longer in the pool, and its process is being killed.
        loss: Why.
        reason: The same in words of Ray's.
        starting: Whether it had never been heard.
    """

    member: Member
    loss: Loss
    reason: str
    starting: bool


class Pool:
    """Workers, as a list of members with their state.

    Args:
        spawn: Starts an actor of a name.
        heartbeat_timeout: Seconds without a sign of life after which a worker is lost.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        spawn: Callable[[str], Any],
        heartbeat_timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spawn, self.heartbeat_timeout, self.clock = spawn, heartbeat_timeout, clock
        self.members: list[Member] = []
        self.longest: dict[str, float] = {}  # seconds of the longest task of each kind
        self.joined = 0  # members that have been heard, ever
        self._count = 0
        self._repeater = Repeater()
        # Often enough that a silent worker is found in time, seldom enough to cost nothing.
        self._tick = min(1.0, heartbeat_timeout / 8)

    def start(self) -> None:
        """Start a worker; it is a member from now on, and takes tasks once it is heard."""
        self._count += 1
        name = f"worker {self._count}"
        member = Member(self.spawn(name), name)
        member.ask()
        self.members.append(member)

    def placed(self) -> list[Member]:
        """Members that have been heard at least once."""
        return [m for m in self.members if not m.starting]

    def free(self) -> Member | None:
        """A member that may be given a task."""
        return next((m for m in self.members if m.free), None)

    def doubt_idle(self) -> None:
        """Give idle members no task before they are heard again: they may have died meanwhile."""
        for member in self.members:
            if member.free:
                member.doubt()

    def take(self, member: Member) -> tuple[Job, Any]:
        """The task that a member has finished, and the reference of its result."""
        job, result = member.take()
        seconds = self.clock() - job.begun
        self.longest[job.kind] = max(seconds, self.longest.get(job.kind, 0.0))
        return job, result

    def repeat(self, member: Member, words: Sequence[Word]) -> None:
        """Log what a member has logged, where that was not done yet."""
        self._repeater.repeat(member.who, member.unread(words))

    def remove(self, member: Member) -> None:
        """Kill a member and forget it."""
        self.members.remove(member)
        member.kill()

    def clear(self) -> None:
        """Kill all members."""
        while self.members:
            self.remove(self.members[-1])

    def abandon(self) -> None:
        """Give up the tasks that are running; their workers are busy until they have finished."""
        for member in self.members:
            if member.job is not None:
                member.job = replace(member.job, abandoned=True)

    def watch(self) -> Iterator[Finished | Lost]:
        """Wait a moment, and tell what has become of the members."""
        owners: dict[Any, Member] = {}
        for member in self.members:
            if member.asked is None and member.quiet >= self.heartbeat_timeout / 4:
                member.ask()
            owners |= {r: member for r in (member.asked, member.result) if r is not None}
        begun = self.clock()
        ready = _wait(list(owners), self._tick)
        seconds = watched(self.clock() - begun, self._tick)
        for member in list(self.members):
            yield from self._look_at(member, ready, seconds)

    def _look_at(
        self, member: Member, ready: set[Any], seconds: float
    ) -> Iterator[Finished | Lost]:
        starting, job = member.starting, member.job
        lost = None
        if member.asked in ready:
            lost = self._listen(member)
        elif member.asked is not None and not starting:
            member.silence += seconds
        member.quiet += seconds
        if member.result is not None:
            member.worked += seconds
        if member.result in ready:
            # A worker that is lost may have finished its task before.
            yield Finished(member)
        elif lost is None and member.silence > self.heartbeat_timeout:
            lost = Loss.SILENT, f"none for {member.silence:.0f} s"
        elif lost is None and job and job.limit is not None and member.worked > job.limit:
            lost = Loss.OVERDUE, f"more than {job.limit:.0f} s"
        if lost is not None and member in self.members:
            self.remove(member)
            yield Lost(member, *lost, starting)

    def _listen(self, member: Member) -> tuple[Loss, str] | None:
        """Hear a member; why it is lost where it died instead."""
        try:
            starting = member.starting
            sign: Sign = ray.get(member.asked)
            member.heard(sign)
            self.joined += starting
            self.repeat(member, sign.words)
        except RayError as first:
            error = member.last_word(first)
            return loss_of_worker(error, member.sure) or Loss.CRASHED, in_a_line(error)
        return None


def _wait(references: list[Any], seconds: float) -> set[Any]:
    """Those of the references that are ready, once one is or the time is over."""
    if not references:
        time.sleep(seconds)
        return set()
    ready, _ = ray.wait(references, num_returns=1, timeout=seconds)
    if ready:
        ready, _ = ray.wait(references, num_returns=len(references), timeout=0)
    return set(ready)
