"""Decisions about workers as pure functions, tested without a cluster."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from enum import Enum

from stemdist_ray.config import TrainWorkerConfig, WorkerConfig
from stemdist_ray.execution.losses import ADVICE, Loss

# A task that answers is given this much at least, and this many times the longest of its kind.
# Killing one that only was slow costs more than waiting for one that never ends.
_LEAST_LIMIT, _TIMES_LONGEST = 900.0, 20.0

# Nobody's fault, but without a bound a cluster that takes every worker away would never end a run.
_UNCHARGED = {Loss.MACHINE: 100, Loss.NOT_BEGUN: 10, Loss.UNREACHABLE: 30}

_LONGEST_DELAY, _MOST_FAILED_STARTS = 60.0, 5
_SAY_AFTER, _SAY_AGAIN = 20.0, 300.0
_JOINED_START, _LOCAL_START = 1800.0, 120.0


class Decision(Enum):
    """What to do with a task whose worker was lost."""

    RETRY = "retry"
    GIVE_UP = "give up"


def after_lost_worker(loss: Loss, losses: Mapping[Loss, int], max_attempts: int) -> Decision:
    """Decide after a task was lost with its worker; every reason has a budget of its own.

    Args:
        loss: Why, this time.
        losses: How often the task was lost for each reason, this time included.
        max_attempts: Budget of the reasons that the task itself may be to blame for.
    """
    allowed = _UNCHARGED.get(loss, max_attempts)
    return Decision.RETRY if losses[loss] < allowed else Decision.GIVE_UP


def give_up_message(name: str, loss: Loss, losses: Mapping[Loss, int], reason: str) -> str:
    """What happened to a task in the end, and what to do.

    Args:
        name: Of the task.
        loss: The reason whose budget is spent.
        losses: As for :func:`after_lost_worker`.
        reason: The last error in a line.
    """
    others = ", ".join(f"{n} x {why.value}" for why, n in losses.items() if n and why is not loss)
    also = f"; besides {others}" if others else ""
    return (
        f"{name}: its worker was lost {losses[loss]} times ({loss.value}: {reason}{also}); "
        f"{ADVICE[loss]}; then go on with resume=True"
    )


def kind_of(function_name: str, task_name: str) -> str:
    """Tasks that take about as long as each other: one function, one name but for its numbers."""
    return f"{function_name}: {re.sub(r'[0-9]+', '#', task_name)}"


def time_limit(fixed: float | None, longest: float | None, overdue: int) -> float | None:
    """Seconds that a task may take, None = no limit.

    Args:
        fixed: The configured limit, None = from the tasks before.
        longest: Seconds of the longest task of the kind so far, None = there was none.
        overdue: How often this task took too long; it gets twice the time after each.
    """
    if fixed is not None:
        return fixed
    if longest is None:
        return None
    return max(_LEAST_LIMIT, _TIMES_LONGEST * longest) * 2.0**overdue


def watched(passed: float, asked: float) -> float:
    """Seconds of a wait that count against workers.

    A driver that was itself stopped in the meantime (a laptop asleep, a frozen container) has not
    listened: no more counts than the wait that it asked for.
    """
    return max(0.0, min(passed, asked))


def start_delay(failures: int) -> float:
    """Seconds before the next start, after so many starts in a row that failed."""
    return 0.0 if failures == 0 else min(2.0 ** (failures - 1), _LONGEST_DELAY)


def after_failed_start(failures: int, alive: int) -> Decision:
    """Decide after ``failures`` starts in a row have failed, with ``alive`` workers at hand."""
    return Decision.RETRY if alive or failures < _MOST_FAILED_STARTS else Decision.GIVE_UP


def start_timeout(configured: float | None, joined: bool) -> float:
    """Seconds to wait while there is no worker at all.

    Args:
        configured: What the settings say; None = long enough for a spot machine with a GPU on a
            cluster that was joined, as those take some ten minutes to start.
        joined: Whether new machines may come.
    """
    if configured is not None:
        return configured
    return _JOINED_START if joined else _LOCAL_START


def needs(config: WorkerConfig | TrainWorkerConfig) -> dict[str, float]:
    """What a worker reserves: CPUs, and GPUs and bytes of memory where they are asked for."""
    each = {"CPU": config.num_cpus}
    if config.num_gpus > 0:
        each["GPU"] = config.num_gpus
    if isinstance(config, WorkerConfig) and config.memory is not None:
        each["memory"] = float(config.memory)
    return each


def mixed_gpus(names: Collection[str]) -> str | None:
    """What is wrong with the devices of workers that have GPUs, None where nothing is.

    Args:
        names: Of the devices, each once.
    """
    if len(names) < 2:
        return None
    return (
        f"workers have GPUs of several kinds ({', '.join(sorted(names))}), and the result would "
        "depend on which of them ran what; give the run machines of one kind and go on with "
        "resume=True, or, where it need not be repeated, set worker.mixed_gpus to true"
    )


def room(free: Mapping[str, float], each: Mapping[str, float]) -> int:
    """How many workers fit into free resources, all of them taken together."""
    return min(math.floor(free.get(name, 0.0) / amount + 1e-9) for name, amount in each.items())


def workers_that_fit(most: int, free: Mapping[str, float], each: Mapping[str, float]) -> int:
    """How many workers to start when the configuration leaves it open.

    Never more than there is work for at a time, and at least one: a machine too small even
    for that is reported when the worker cannot be placed.
    """
    return max(1, min(most, room(free, each)))


def describe(resources: Mapping[str, float], always: tuple[str, ...] = ("CPU",)) -> str:
    """Resources in words, as in ``4 CPU and 1 GPU``.

    Args:
        resources: By Ray's names.
        always: Those that are named even where there are none.
    """
    names = [n for n in ("CPU", "GPU", "memory") if resources.get(n, 0.0) > 0 or n in always]
    parts = [
        f"{resources.get(n, 0.0) / 2**30:.3g} GiB"
        if n == "memory"
        else f"{resources.get(n, 0):g} {n}"
        for n in names
    ]
    return " and ".join(parts)


def is_status_due(
    short_for: float, since_said: float | None, placed: int, placed_then: int
) -> bool:
    """Whether to say that workers are missing.

    Once, when they have been for a while; again when the first ones have come, and now and then
    while nothing can go on.

    Args:
        short_for: Seconds since workers began to be missing.
        since_said: Seconds since that was said, None = it was not.
        placed: Workers that there are.
        placed_then: Workers that there were when it was said.
    """
    if since_said is None:
        return short_for >= _SAY_AFTER
    if placed == 0:
        return since_said >= _SAY_AGAIN
    return placed_then == 0 and since_said >= _SAY_AFTER


def status(placed: int, wanted: int, seconds: float) -> str:
    """How many workers there are, in a line."""
    return f"{placed} of {wanted} workers placed; {wanted - placed} pending, {seconds:.0f} s"
