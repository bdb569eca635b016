"""What a job needs that takes a pass over the whole series: each pass is a task.

Axis letters: W windows, L lookback, N locations, F features, C calendar columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.evaluation.metrics import TargetStatistics
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.execution.executor import Executor
from stemdist_ray.forecasters.closed_form.base_model import BoundBase
from stemdist_ray.forecasters.closed_form.fit_base import FittedBase
from stemdist_ray.system.threads import torch_threads


class Pass(Protocol):
    """A pass over a series."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def over(self, source: PreparedSource) -> Any:
        """Its result."""
        ...


def run_pass(source: PreparedSource, task: Pass) -> Any:
    """Run a pass."""
    return task.over(source)


@dataclass(frozen=True)
class MeanWindows:
    """The mean train window of every location, (N, L, F + C).

    Args:
        name: For messages.
    """

    name: str

    def over(self, source: PreparedSource) -> npt.NDArray[np.float32]:
        """See :meth:`PreparedSource.mean_window`."""
        return source.mean_window()


@dataclass(frozen=True)
class Statistics:
    """The statistics of the targets of some windows.

    Args:
        name: For messages.
        starts: (W,) window starts.
    """

    name: str
    starts: npt.NDArray[np.int64]

    def over(self, source: PreparedSource) -> TargetStatistics:
        """See :class:`TargetStatistics`."""
        return EvaluationWindows.of(source, self.starts).statistics


@dataclass(frozen=True)
class Binding:
    """Binding a base to the series.

    Args:
        name: For messages.
        fitted: The base.
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    fitted: FittedBase
    threads: int

    def over(self, source: PreparedSource) -> BoundBase:
        """See :meth:`FittedBase.bind`."""
        with torch_threads(self.threads):
            return self.fitted.bind(source)


@dataclass(frozen=True)
class SeriesParts:
    """What the passes gave.

    Args:
        mean_window: (N, L, F + C) mean train windows.
        base: The base bound to the series, None without one.
        statistics: Of the targets of the windows that score, by their name.
    """

    mean_window: npt.NDArray[np.float32]
    base: BoundBase | None
    statistics: dict[str, TargetStatistics]


def series_parts(
    fitted: FittedBase | None,
    threads: int,
    executor: Executor,
    scored: Mapping[str, npt.NDArray[np.int64]] | None = None,
) -> SeriesParts:
    """Make all passes beside each other.

    Args:
        fitted: The base, None without one.
        threads: torch threads of the binding.
        executor: Runs the passes; its tasks share the prepared source.
        scored: Starts of the windows whose targets are described, by any name.
    """
    starts = scored or {}
    tasks: list[Pass] = [Statistics(f"statistics of {name}", own) for name, own in starts.items()]
    tasks.append(MeanWindows("mean windows"))
    if fitted is not None:
        tasks.append(Binding("binding the base", fitted, threads))
    done = executor.run(run_pass, tasks, lambda found: None)
    return SeriesParts(
        mean_window=done[len(starts)],
        base=None if fitted is None else done[-1],
        statistics=dict(zip(starts, done, strict=False)),
    )
