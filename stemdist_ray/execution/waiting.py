"""Waiting for machines that may still come, where nothing can be begun without them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from stemdist_ray.errors import ExecutionError

P = TypeVar("P")

_LOOK_EVERY, _SAY_EVERY = 5.0, 300.0


def wait_for_room(
    plan: Callable[[], P],
    ask: Callable[[], None],
    say: Callable[[str], None],
    patience: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> P:
    """Plan what is to be run, once the cluster is large enough for it.

    Args:
        plan: Plans with the machines that are there; raises where they are too few.
        ask: Asks the autoscaler of the cluster for what is wanted.
        say: Told once that machines are waited for, and again now and then.
        patience: Seconds to wait; 0 where no machine can come.
        clock: Seconds that only go forward.
        sleep: Waits so many seconds.

    Raises:
        ExecutionError: The cluster stayed too small.
    """
    begun, said = clock(), None
    while True:
        try:
            return plan()
        except ExecutionError as error:
            waited = clock() - begun
            if waited >= patience:
                raise
            if said is None or waited - said >= _SAY_EVERY:
                ask()  # again as well: a cluster keeps only the last request it was given
                say(f"waiting for machines, {waited:.0f} of {patience:.0f} s: {error}")
                said = waited
        sleep(_LOOK_EVERY)
