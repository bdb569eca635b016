"""Decisions about workers as pure functions, tested without a cluster."""

from __future__ import annotations

import math
from enum import Enum


class Decision(Enum):
    """What to do with a task whose worker was lost."""

    RETRY = "retry"
    GIVE_UP = "give up"


def after_lost_worker(attempts: int, max_attempts: int) -> Decision:
    """Decide after the ``attempts``-th attempt at a task ended with its worker lost."""
    return Decision.RETRY if attempts < max_attempts else Decision.GIVE_UP


def workers_that_fit(
    most: int, cpus: float, gpus: float, cpus_each: float, gpus_each: float
) -> int:
    """How many workers to start when the configuration leaves it open.

    Never more than there is work for at a time, and at least one: a machine too small even
    for that is reported when the worker cannot be placed.
    """
    fit = math.floor(cpus / cpus_each)
    if gpus_each > 0:
        fit = min(fit, math.floor(gpus / gpus_each))
    return max(1, min(most, fit))
