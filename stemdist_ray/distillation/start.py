"""From a prepared source to what the round loop begins with: pure functions, and tasks of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from stemdist_ray.clustering.aggregate import cluster_series, interpolated
from stemdist_ray.clustering.kmeans import Clustering, cluster_windows
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import WindowedSeries, evenly_spaced
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.task import ClusteredData, RealData
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.executor import Executor
from stemdist_ray.seeding import numpy_generator
from stemdist_ray.system.threads import torch_threads

Starts = npt.NDArray[np.int64]


def train_of(source: PreparedSource | RealData) -> tuple[WindowedSeries, Starts]:
    """The series of the train split and its window starts, which is all that tasks are sent."""
    if isinstance(source, RealData):
        return source.windows, source.starts
    return source.windows.head(source.train_steps), source.starts["train"]


def cluster_source(config: DistillConfig, source: PreparedSource | RealData) -> Clustering:
    """Cluster the locations by their train windows."""
    count = num_clusters(config, source)
    return cluster_windows(*train_of(source), count, config.clustering, config.seed)


def num_clusters(config: DistillConfig, source: PreparedSource | RealData) -> int:
    """N_S, at least one."""
    return max(1, round(config.spatial_ratio * source.windows.num_locations))


def num_synthetic_windows(config: DistillConfig, source: PreparedSource | RealData) -> int:
    """M_S, at least one."""
    return max(1, round(config.temporal_ratio * len(train_of(source)[1])))


def clustered_data(source: PreparedSource | RealData, clustering: Clustering) -> ClusteredData:
    """Average the series over clusters, with all that shard tasks read."""
    series, train = train_of(source)
    windows = cluster_series(series, clustering)
    return ClusteredData(windows, train, windows.mean_window(train), clustering.loss_weights)


@dataclass(frozen=True)
class ClusterTask:
    """Clustering the locations.

    Args:
        name: For messages.
        config: Of the run.
    """

    name: str
    config: DistillConfig


def run_clustering(real: RealData, task: ClusterTask) -> Clustering:
    """See :func:`cluster_source`."""
    with torch_threads(task.config.worker.coordinator_threads):
        return cluster_source(task.config, real)


def cluster_by_task(
    config: DistillConfig, source: PreparedSource, executor: Executor
) -> Clustering:
    """Cluster the locations on a worker.

    Args:
        config: Of the run.
        source: Of which the executor's tasks share the :class:`RealData`.
        executor: Runs the task.
    """
    del source  # the workers have it
    return executor.run(run_clustering, [ClusterTask("clustering", config)], lambda found: None)[0]


@dataclass(frozen=True)
class StartTask:
    """Making the start of a run.

    Args:
        name: For messages.
        config: Of the run.
        clustering: Of the locations.
    """

    name: str
    config: DistillConfig
    clustering: Clustering


@dataclass(frozen=True)
class Start:
    """What a run begins with.

    Args:
        clustered: The series of the clusters.
        state: The unlearned start.
        known: What is known of its windows.
    """

    clustered: ClusteredData
    state: SyntheticState
    known: KnownParts


def run_start(real: RealData, task: StartTask) -> Start:
    """See :func:`clustered_data` and :func:`initial_state`."""
    with torch_threads(task.config.worker.coordinator_threads):
        clustered = clustered_data(real, task.clustering)
        return Start(clustered, *initial_state(task.config, real, task.clustering, clustered))


def initial_state(
    config: DistillConfig,
    source: PreparedSource | RealData,
    clustering: Clustering,
    clustered: ClusteredData,
) -> tuple[SyntheticState, KnownParts]:
    """The unlearned start: some real windows of what stands for the clusters.

    Args:
        config: Ratios, what stands for a cluster, which windows.
        source: The prepared real series, or its train split.
        clustering: Of its locations.
        clustered: The series of the clusters' means.

    Returns:
        What is learned from then on, and what is known of the same windows.

    Raises:
        ConfigError: Medoids are asked for and not known.
    """
    starts = chosen_windows(config, source)
    series = clustered.windows
    if config.matching.locations == "medoid":
        if clustering.medoids is None:
            raise ConfigError(
                "the clusters have no medoids; cluster again, or set matching.locations=centroid"
            )
        series = train_of(source)[0].select(clustering.medoids)
    return unlearned(series, starts)


def unlearned(series: WindowedSeries, starts: Starts) -> tuple[SyntheticState, KnownParts]:
    """Windows of a series as synthetic data, and what is known of them.

    Args:
        series: Of the K synthetic locations.
        starts: (W,) first step of each window.
    """
    # Windows without calendar: what is known of them is kept apart from what is learned.
    batch = replace(interpolated(series), calendar=None, base=None).batch(starts)
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy()), known_parts(series, starts)


def chosen_windows(config: DistillConfig, source: PreparedSource | RealData) -> Starts:
    """The train windows that the synthetic data start from, (W,) starts in time order."""
    starts, wanted = train_of(source)[1], num_synthetic_windows(config, source)
    if config.matching.init == "even":
        return starts[evenly_spaced(len(starts), wanted)]
    if config.matching.init == "covering":
        return starts[covering(len(starts), wanted)]
    rng = numpy_generator(config.seed, "init")
    return np.sort(rng.choice(starts, wanted, replace=False))


def covering(count: int, wanted: int) -> npt.NDArray[np.int64]:
    """Positions of ``min(wanted, count)`` distinct items, spread over ``count`` and over the day.

    Evenly spaced windows may all fall on the same hour: every 24th of hourly ones does. So each is
    moved inside its own stretch of time by a golden-ratio sequence, which spreads any number of
    windows over whatever period there is.
    """
    wanted = min(wanted, count)
    index = np.arange(wanted)
    shift = (0.5 + index * (np.sqrt(5) - 1) / 2) % 1.0
    # Stretches do not overlap, so neither can two windows be the same.
    first = np.floor(index * count / wanted).astype(np.int64)
    last = np.floor((index + 1) * count / wanted).astype(np.int64)
    return np.asarray(first + np.floor(shift * (last - first)).astype(np.int64))


def known_parts(series: WindowedSeries, starts: npt.NDArray[np.int64]) -> KnownParts:
    """What is known of windows without learning it: their calendar, and what their base adds.

    Args:
        series: The series of the K synthetic locations.
        starts: (W,) first step of each window.
    """
    lags = starts[:, None] + np.arange(series.lookback)
    calendar = None if series.calendar is None else series.calendar[lags]
    if series.base is None:
        return KnownParts(calendar, None, None)
    # The map of the own lags is a matrix: reading it off unit inputs keeps this free of its kind.
    width = series.lookback * series.own_features
    unit = np.eye(width, dtype=np.float32).reshape(width, series.lookback, 1, series.own_features)
    own = series.base.own_part(torch.from_numpy(unit))[:, :, 0].T
    return KnownParts(calendar, series.base.offset(starts), own.contiguous().numpy())
