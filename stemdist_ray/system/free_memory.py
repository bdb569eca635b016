"""How much memory this process may still take, and a budget that is checked before it is taken."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from math import prod
from pathlib import Path

import psutil

from stemdist_ray.errors import DataError

_GROUP = Path("/sys/fs/cgroup")
# A limit, what is in use of it, and where the part stands that the kernel gives back when asked;
# version 2 of control groups, then version 1.
_LIMITS = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    ),
)
_SHARE = 0.75  # of what is free; the rest is for the work that follows
# Of a float32 reading: itself, a copy in which what is missing is NaN, and masks.
HELD_PER_READING = 12


def free_memory() -> int:
    """Bytes that this process can still take: of the machine, its container and its own limits."""
    return max(0, min([psutil.virtual_memory().available, *_of_container(), *_of_process()]))


def _of_container() -> list[int]:
    found = []
    for limit, used, statistics, cache in _LIMITS:
        try:
            most = int((_GROUP / limit).read_text())
            taken = int((_GROUP / used).read_text())
            lines = (_GROUP / statistics).read_text().splitlines()
            given_back = sum(int(line.split()[1]) for line in lines if line.split()[0] == cache)
        except (OSError, ValueError, IndexError):
            continue  # no such limit: the file says "max", or is not there
        found.append(most - taken + given_back)
    return found


def _of_process() -> list[int]:
    """What ``ulimit`` leaves."""
    own = psutil.Process().memory_info()
    found = []
    # Code and shared libraries count towards the first, and are part of vms as well.
    for kind, taken in ((resource.RLIMIT_AS, own.vms), (resource.RLIMIT_DATA, own.rss)):
        most, _ = resource.getrlimit(kind)
        if most != resource.RLIM_INFINITY:
            found.append(most - taken)
    return found


def in_words(size: float) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


@dataclass(frozen=True)
class MemoryBudget:
    """What readings may take while they are read.

    Args:
        limit: Bytes; None = three quarters of what is free when it is asked.
    """

    limit: int | None = None

    def check(self, what: object, size: float, shape: str = "") -> None:
        """Refuse what is too large, before anything is allocated.

        Args:
            what: The source.
            size: Bytes it needs at its peak.
            shape: Of what, e.g. ``100 steps x 3 locations``.

        Raises:
            DataError: It is more than the budget.
        """
        limit = _SHARE * free_memory() if self.limit is None else self.limit
        if size <= limit:
            return
        of_what = "three quarters of what is free" if self.limit is None else "data.memory_budget"
        raise DataError(
            f"{what}: {f'{shape} ' if shape else ''}would need {in_words(size)} while it is read; "
            f"expected at most {in_words(limit)}, {of_what}. Take a part of it, bring it to longer "
            "steps, train on it with streaming: true, or raise data.memory_budget"
        )

    def check_readings(
        self, what: object, shape: tuple[int, ...], held: int = HELD_PER_READING
    ) -> None:
        """:meth:`check` for readings of (T, N) or (T, N, F).

        Args:
            what: The source.
            shape: Steps, locations and, where there are any, features.
            held: Bytes held per reading at the peak.

        Raises:
            DataError: It is more than the budget.
        """
        names = ("steps", "locations", "features")
        words = " x ".join(f"{size:,} {name}" for size, name in zip(shape, names, strict=False))
        self.check(what, float(prod(map(int, shape))) * held, words)
