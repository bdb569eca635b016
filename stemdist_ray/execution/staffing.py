"""How many workers there should be, and what is done and said while there are fewer."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import ray
from ray.exceptions import GetTimeoutError

from stemdist_ray.errors import ExecutionError
from stemdist_ray.execution import policy
from stemdist_ray.execution.losses import Loss
from stemdist_ray.execution.policy import Decision
from stemdist_ray.execution.pool import Lost, Pool
from stemdist_ray.execution.session import ask_for

logger = logging.getLogger(__name__)

_LOOK_EVERY = 5.0  # seconds between looks for free places
_ASK_EVERY = 60.0  # a cluster keeps one request: that of another run may have taken our place

_ADVICE = "lower worker.num_cpus or worker.num_gpus, or add nodes"


class Staffing:
    """Keeps a pool at the number of workers that is wanted; use it as a context manager.

    A fixed number is wanted all the time: what is missing waits for its place while the others
    work. An open one follows the cluster: up to ``most`` as places become free, down as machines
    go.

    Args:
        pool: The workers.
        each: What a worker reserves, by Ray's names.
        number: Of workers; None = open.
        most: Bounds an open number.
        patience: Seconds to wait while there is no worker at all.
        joined: Whether more machines may come.
        say: Told of what is missing; None = the log is.
    """

    def __init__(
        self,
        pool: Pool,
        each: Mapping[str, float],
        number: int | None,
        most: int,
        patience: float,
        joined: bool,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.pool, self.each, self.number, self.most = pool, each, number, most
        self._tell = say or logger.warning
        self.patience, self.joined = patience, joined
        self.wanted = number or 1
        self._failures = self._joined_before = 0  # starts in a row that failed, joined before them
        self._now = pool.clock()
        self._start_after = self._look_after = self._ask_after = self._now
        self._alone = self._short = 0.0  # seconds without any worker, and with too few
        self._said: float | None = None  # how long too few, when that was last said
        self._placed_then = 0  # how many there were then

    def __enter__(self) -> Staffing:
        if self.number is None:
            self.wanted = policy.workers_that_fit(self.most, _free(), self.each)
        if not self.joined and policy.room(_all(), self.each) < 1:
            raise ExecutionError(f"no worker can be placed: {self._why()}; {_ADVICE}")
        return self

    def __exit__(self, *unused: object) -> None:
        if self.joined:
            ask_for([])

    def keep_up(self, more_work: bool) -> None:
        """Start what is missing, ask the cluster for it, and say that it is missing.

        Args:
            more_work: Whether tasks wait for a worker.

        Raises:
            ExecutionError: There has been no worker for too long.
        """
        now = self.pool.clock()
        # Time counts only while somebody waits: not between two runs.
        passed, self._now = policy.watched(now - self._now, 2.0), now
        if self.number is None and more_work:
            self._grow(now)
        if now >= self._start_after:
            for _ in range(self.wanted - len(self.pool.members)):
                self.pool.start()
        placed = len(self.pool.placed())
        self._short = self._short + passed if placed < self.wanted else 0.0
        self._alone = 0.0 if placed else self._alone + passed
        self._ask(now, placed)
        self._say(placed)
        if self._alone > self.patience:
            raise ExecutionError(
                f"no worker could be placed within {self.patience:g} s: {self._why()}; {_ADVICE}"
            )

    def failed_to_start(self, event: Lost) -> None:
        """Wait with the next start; a worker died before it could be given a task.

        Raises:
            ExecutionError: Nobody is left, and starting is of no use.
        """
        joined = self.pool.joined
        self._failures = self._failures + 1 if joined == self._joined_before else 1
        self._joined_before = joined
        alive = len(self.pool.placed())
        if policy.after_failed_start(self._failures, alive) is Decision.GIVE_UP:
            raise ExecutionError(
                f"no worker could start: {self._failures} in a row died while starting "
                f"({event.reason}); look at the log of Ray"
            )
        delay = policy.start_delay(self._failures)
        self._start_after = self.pool.clock() + delay
        self._tell(
            f"a worker died while starting ({event.reason}), starting another one in {delay:g} s"
        )

    def lost(self, loss: Loss) -> None:
        """Note that a worker was lost: an open number shrinks with the cluster."""
        # A machine that has just died is one that cannot be reached, at first.
        if self.number is None and loss in (Loss.MACHINE, Loss.UNREACHABLE):
            self.wanted = max(1, self.wanted - 1)

    def _grow(self, now: float) -> None:
        """Want more workers where there is room for them."""
        # One that waits for its place already would be the next to get it.
        waiting = any(m.starting for m in self.pool.members)
        if now < self._look_after or waiting or self.wanted >= self.most:
            return
        self._look_after = now + _LOOK_EVERY
        more = max(0, policy.room(_free(), self.each))
        self.wanted = max(self.wanted, min(self.most, len(self.pool.members) + more))

    def _ask(self, now: float, placed: int) -> None:
        wanted = self.number or self.most
        if self.joined and placed < wanted and now >= self._ask_after:
            self._ask_after = now + _ASK_EVERY
            ask_for([dict(self.each)] * wanted)

    def _say(self, placed: int) -> None:
        if placed >= self.wanted:
            if self._said is not None:
                self._tell(f"all {placed} workers placed")
            self._said = None
            return
        since = None if self._said is None else self._short - self._said
        if policy.is_status_due(self._short, since, placed, self._placed_then):
            self._said, self._placed_then = self._short, placed
            line = policy.status(placed, self.wanted, self._short)
            self._tell(f"{line}: {'going on with these' if placed else self._why()}")

    def _why(self) -> str:
        always, have = ("CPU", "GPU"), _all()
        if "memory" not in self.each:
            have.pop("memory", None)
        return (
            f"each wants {policy.describe(self.each, always)}, the cluster has "
            f"{policy.describe(have, always)} in all"
        )


def _all() -> dict[str, Any]:
    with contextlib.suppress(GetTimeoutError, RuntimeError):
        return dict(ray.cluster_resources())
    return {}


def _free() -> dict[str, Any]:
    with contextlib.suppress(GetTimeoutError, RuntimeError):
        return dict(ray.available_resources())
    return {}
