"""From a prepared source to what the round loop begins with."""

from __future__ import annotations

import numpy as np

from stemdist_ray.clustering.aggregate import cluster_series, interpolated
from stemdist_ray.clustering.kmeans import Clustering, cluster_locations, location_vectors
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.prepared import PreparedSource
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.seeding import numpy_generator


def cluster_source(config: DistillConfig, source: PreparedSource) -> Clustering:
    """Cluster the locations by their train windows."""
    vectors = location_vectors(source.windows, source.starts["train"])
    return cluster_locations(vectors, num_clusters(config, source), config.clustering, config.seed)


def num_clusters(config: DistillConfig, source: PreparedSource) -> int:
    """N_S, at least one."""
    return max(1, round(config.spatial_ratio * source.windows.num_locations))


def num_synthetic_windows(config: DistillConfig, source: PreparedSource) -> int:
    """M_S, at least one."""
    return max(1, round(config.temporal_ratio * len(source.starts["train"])))


def clustered_data(source: PreparedSource, clustering: Clustering) -> ClusteredData:
    """Average the series over clusters, with all that shard tasks read."""
    train = source.starts["train"]
    # Tasks draw train windows only; the later steps need not travel to the workers.
    windows = cluster_series(source.windows.head(source.train_steps), clustering)
    return ClusteredData(windows, train, windows.mean_window(train), clustering.cluster_size)


def initial_state(
    config: DistillConfig, source: PreparedSource, clustered: ClusteredData
) -> SyntheticState:
    """The unlearned start: some real windows of the clustered series."""
    starts, wanted = source.starts["train"], num_synthetic_windows(config, source)
    if config.matching.init == "even":
        chosen = starts[evenly_spaced(len(starts), wanted)]
    else:
        rng = numpy_generator(config.seed, "init")
        chosen = np.sort(rng.choice(starts, wanted, replace=False))
    batch = interpolated(clustered.windows).batch(chosen)
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy())
