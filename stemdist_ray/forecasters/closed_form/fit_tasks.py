"""The passes over the series that fitting a base takes, and its profiles: pure tasks.

Axis letters as in :mod:`stemdist_ray.forecasters.closed_form.base_model`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from stemdist_ray.data.mapped import filled, read_rows
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.series import row_blocks
from stemdist_ray.data.windows import WindowedSeries
from stemdist_ray.forecasters.closed_form.base_model import group_means
from stemdist_ray.forecasters.closed_form.base_parts import group_locations, no_groups
from stemdist_ray.forecasters.closed_form.profile import ProfileSums, SeasonProfile
from stemdist_ray.system.threads import torch_threads

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """One way to make the profiles that a map is fitted on.

    Args:
        smoothing: Standard deviation over neighbouring slots.
        cross_fitted: Whether the profiles leave out the windows' own days.
        rank: Of the profiles.
    """

    smoothing: float
    cross_fitted: bool
    rank: int


@dataclass(frozen=True)
class GroupTask:
    """Finding groups of locations, and their means.

    Args:
        name: For messages.
        grouped: Whether there are groups at all.
        seed: Of the run.
        threads: torch threads, part of the task because sums depend on it.
    """

    name: str
    grouped: bool
    seed: int
    threads: int


@dataclass(frozen=True)
class Groups:
    """Groups of the locations.

    Args:
        membership: (N, G) ones and zeros.
        means: (T, G) mean of each group.
        overall: (T,) mean of all locations.
    """

    membership: Array
    means: Array
    overall: Array


def run_groups(source: PreparedSource, task: GroupTask) -> Groups:
    """Group the locations by their train steps, and average all steps that there are."""
    with torch_threads(task.threads):
        membership = group_locations(source, task.seed) if task.grouped else no_groups(source)
        return Groups(membership, *group_means(source.windows, membership))


@dataclass(frozen=True)
class SampleTask:
    """Taking some of the locations out of the series.

    Args:
        name: For messages.
        locations: (n,) positions.
    """

    name: str
    locations: npt.NDArray[np.int64]


def run_sample(source: PreparedSource, task: SampleTask) -> WindowedSeries:
    """The series of some locations; of a series in a file, in a file beside it."""
    windows, steps = source.windows, len(source.windows.inputs)

    def taken(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        shape = (steps, len(task.locations), windows.own_features)
        parts = (read_rows(array, rows)[:, task.locations] for rows in row_blocks(array.shape))
        return filled(array, shape, array.dtype.str, parts)

    mask = windows.input_mask
    return replace(
        windows,
        inputs=taken(windows.inputs),
        input_mask=None if mask is None else taken(mask),
        graph=windows.graph_of(task.locations),
    )


@dataclass(frozen=True)
class ProfileTask:
    """Making the profiles of one way.

    Args:
        name: For messages.
        way: How they are made.
        folds: Parts of train that are left out one at a time where the way is cross-fitted.
    """

    name: str
    way: Way
    folds: int


def run_profiles(source: PreparedSource, task: ProfileTask) -> list[SeasonProfile]:
    """Profiles without each of the folds where cross-fitting, then that of all of train."""
    way, sums = task.way, ProfileSums.of(source)
    without = [*(range(task.folds) if way.cross_fitted else ()), None]
    # One thread: the products of a decomposition would otherwise differ from machine to machine.
    with threadpool_limits(1, user_api="blas"):
        return [sums.profile(source.season, way.smoothing, way.rank, fold) for fold in without]
