"""What tasks are given and what a shard task returns: plain data that can travel.

Axis letters: L lookback, K clusters, F features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stemdist_ray.config import ForecasterConfig, MatchingConfig
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.evaluation.predict import EvaluationWindows


@dataclass(frozen=True)
class RealData:
    """The series of all real locations, for tasks that train on it.

    Args:
        windows: Scaled train series of the N locations, with the base if there is one.
        starts: Window starts of the train split.
        mean_window: (N, L, F) mean train window of each location.
        selection: Validation windows, over a series that holds nothing else.
    """

    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    mean_window: npt.NDArray[np.float32]
    selection: EvaluationWindows


@dataclass(frozen=True)
class ClusteredData:
    """The clustered train series that all tasks of a run share; read only.

    Args:
        windows: Scaled series of the K clusters.
        starts: Window starts of the train split.
        mean_window: (K, L, F) mean train window of each cluster.
        cluster_size: (K,) how much each cluster counts: its members.
        real: The series of the locations themselves.
        assignment: (N,) cluster of every location; goes with ``real``.
        teacher: Whose forecasts may take the place of real readings.
        known: What is known of the synthetic windows.
    """

    windows: WindowedSeries
    starts: npt.NDArray[np.int64]
    mean_window: npt.NDArray[np.float32]
    cluster_size: npt.NDArray[np.int64] | npt.NDArray[np.float64]
    real: RealData | None = None
    assignment: npt.NDArray[np.int64] | None = None
    teacher: Teacher | None = None
    known: KnownParts = field(default_factory=KnownParts)


@dataclass(frozen=True)
class ShardTask:
    """Everything one task needs besides the shared data.

    Args:
        name: For messages, e.g. "round 3 shard 1".
        locations: Positions of the clusters in this shard.
        state: Their slice of the synthetic data and of the Adam state.
        matching: Objective, steps, subsets, rates.
        forecaster: The surrogate to build.
        seed: Seed of this task.
        threads: torch threads, part of the task because sums depend on it.
        device: "cpu" or "cuda".
    """

    name: str
    locations: npt.NDArray[np.int64]
    state: SyntheticState
    matching: MatchingConfig
    forecaster: ForecasterConfig
    seed: int
    threads: int
    device: str


@dataclass(frozen=True)
class ShardUpdate:
    """What a task returns.

    Args:
        locations: As in the task.
        state: The new slice.
        objectives: Value of the objective per matching step, mean over subsets.
        seconds: Wall time of the task.
        peak_rss_mib: Highest resident memory of the process that ran it.
    """

    locations: npt.NDArray[np.int64]
    state: SyntheticState
    objectives: tuple[float, ...]
    seconds: float
    peak_rss_mib: float
