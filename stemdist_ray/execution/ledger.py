"""Who ran what, where, and how often: counted by an executor, kept in the manifest of a result."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

# A cluster whose machines come and go may have many; a manifest stays a file that people read.
_MOST_PLACES, _MOST_KINDS = 32, 64
_OTHERS = "others"
UNKNOWN_GPU = "unknown GPU"  # one that did not say its name


@dataclass(frozen=True)
class Place:
    """Where a process computes.

    Args:
        host: Name of the machine.
        device: "cpu", or the name of the GPU.
    """

    host: str
    device: str


@dataclass(frozen=True)
class PlaceRecord:
    """What one place has done of a kind of task.

    Args:
        host: Name of the machine.
        device: "cpu", or the name of the GPU.
        tasks: Finished there.
        lost: Lost there.
        seconds: That the finished ones computed.
    """

    host: str
    device: str
    tasks: int
    lost: int
    seconds: float


@dataclass(frozen=True)
class Execution:
    """What became of the tasks of a kind.

    Args:
        kind: The function they call, by module.
        tasks: Finished.
        attempts: Handed out, those whose worker was lost included.
        seconds: That the finished ones computed, all together.
        losses: How often one was lost, by reason.
        workers: Where they ran, the busiest place first; few, the rest are taken together.
    """

    kind: str
    tasks: int
    attempts: int
    seconds: float
    losses: dict[str, int] = field(default_factory=dict)
    workers: tuple[PlaceRecord, ...] = ()


def here(device: str | None = None) -> Place:
    """The place of this process.

    Args:
        device: Name of its device; None = the GPU that it has used so far, else "cpu".
    """
    if device is None:
        # Asking whether there is a GPU would take some of its memory.
        used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        device = torch.cuda.get_device_name() if used else "cpu"
    return Place(platform.node(), device)


def function_name(function: Callable[..., Any]) -> str:
    """The kind of the tasks that a function runs: its name and module, without this package's."""
    package = __name__.partition(".")[0] + "."
    return f"{function.__module__.removeprefix(package)}.{function.__qualname__}"


class Ledger:
    """Counts tasks by kind and place."""

    def __init__(self) -> None:
        self._tasks: Counter[tuple[str, Place]] = Counter()
        self._seconds: dict[tuple[str, Place], float] = {}
        self._lost: Counter[tuple[str, Place, str]] = Counter()

    def done(self, kind: str, place: Place, seconds: float) -> None:
        """Note a task that was finished."""
        self._tasks[kind, place] += 1
        self._seconds[kind, place] = self._seconds.get((kind, place), 0.0) + seconds

    def lost(self, kind: str, place: Place, reason: str) -> None:
        """Note a task that was lost with its worker."""
        self._lost[kind, place, reason] += 1

    def copy(self) -> Ledger:
        """As it is now, for :meth:`since`."""
        copy = Ledger()
        copy._tasks, copy._lost = Counter(self._tasks), Counter(self._lost)
        copy._seconds = dict(self._seconds)
        return copy

    def since(self, earlier: Ledger) -> tuple[Execution, ...]:
        """What was noted after a copy was made, by kind in the order in which they began."""
        tasks, lost = self._tasks - earlier._tasks, self._lost - earlier._lost
        records = []
        for kind in dict.fromkeys([*(kind for kind, _ in tasks), *(kind for kind, *_ in lost)]):
            places = dict.fromkeys(
                [p for k, p in tasks if k == kind] + [p for k, p, _ in lost if k == kind]
            )
            reasons: Counter[str] = Counter()
            workers = []
            for place in places:
                losses = {r: n for (k, p, r), n in lost.items() if (k, p) == (kind, place)}
                reasons.update(losses)
                key = kind, place
                seconds = self._seconds.get(key, 0.0) - earlier._seconds.get(key, 0.0)
                count = tasks[key]
                workers.append(
                    PlaceRecord(place.host, place.device, count, sum(losses.values()), seconds)
                )
            records.append(_execution(kind, dict(reasons), workers))
        return _bounded(records)


def merged(earlier: Iterable[Execution], later: Iterable[Execution]) -> tuple[Execution, ...]:
    """What two processes did of one run, taken together."""
    whole: dict[str, Execution] = {}
    for record in (*earlier, *later):
        before = whole.get(record.kind)
        if before is None:
            whole[record.kind] = record
            continue
        losses = Counter(before.losses) + Counter(record.losses)
        whole[record.kind] = _execution(
            record.kind, dict(losses), [*before.workers, *record.workers]
        )
    return _bounded(list(whole.values()))


def devices(executions: Iterable[Execution]) -> set[str]:
    """Names of all devices that finished tasks, but for the CPU."""
    return {
        place.device
        for record in executions
        for place in record.workers
        if place.tasks and place.device not in ("cpu", UNKNOWN_GPU, _OTHERS)
    }


def mixture(executions: Iterable[Execution]) -> str | None:
    """What to say of a run that GPUs of several kinds have computed, None of others."""
    kinds = devices(executions)
    if len(kinds) < 2:
        return None
    return (
        f"GPUs of several kinds computed this run ({', '.join(sorted(kinds))}); one kind alone "
        "would have given other bits"
    )


def _execution(kind: str, losses: dict[str, int], workers: Iterable[PlaceRecord]) -> Execution:
    """A record with its sums; places that are named twice are one."""
    places: dict[tuple[str, str], PlaceRecord] = {}
    for worker in workers:
        key = (worker.host, worker.device)
        places[key] = _sum(*key, [places[key], worker]) if key in places else worker
    # What was taken together before stays the last.
    ranked = sorted(places.values(), key=lambda p: (p.host == _OTHERS, -p.tasks, p.host, p.device))
    if len(ranked) > _MOST_PLACES:
        first = _MOST_PLACES - 1
        ranked = [*ranked[:first], _sum(_OTHERS, _OTHERS, ranked[first:])]
    tasks = sum(place.tasks for place in ranked)
    return Execution(
        kind=kind,
        tasks=tasks,
        attempts=tasks + sum(losses.values()),
        seconds=round(sum(place.seconds for place in ranked), 3),
        losses=losses,
        workers=tuple(_rounded(place) for place in ranked),
    )


def _sum(host: str, device: str, places: Iterable[PlaceRecord]) -> PlaceRecord:
    known = list(places)
    return PlaceRecord(
        host,
        device,
        sum(place.tasks for place in known),
        sum(place.lost for place in known),
        sum(place.seconds for place in known),
    )


def _rounded(place: PlaceRecord) -> PlaceRecord:
    return PlaceRecord(place.host, place.device, place.tasks, place.lost, round(place.seconds, 3))


def _bounded(records: list[Execution]) -> tuple[Execution, ...]:
    """At most so many kinds; those that are left over are one."""
    if len(records) <= _MOST_KINDS:
        return tuple(records)
    first, rest = records[: _MOST_KINDS - 1], records[_MOST_KINDS - 1 :]
    losses: Counter[str] = Counter()
    for record in rest:
        losses.update(record.losses)
    places = [place for record in rest for place in record.workers]
    return (*first, _execution(_OTHERS, dict(losses), places))
