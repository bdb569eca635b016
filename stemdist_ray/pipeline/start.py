"""From a prepared series to what the round loop begins with.

Axis letters: L lookback, H horizon, F features, C examples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stemdist_ray.clustering.aggregate import cluster_series, without_gaps
from stemdist_ray.clustering.kmeans import Clustering, cluster_locations, location_vectors
from stemdist_ray.config import DistillConfig
from stemdist_ray.data.windows import PreparedData, evenly_spaced
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.files import replacing_file
from stemdist_ray.seeding import numpy_generator


def cluster_prepared(config: DistillConfig, data: PreparedData) -> Clustering:
    """Cluster the locations by their train windows."""
    vectors = location_vectors(data.windows, data.starts["train"])
    return cluster_locations(vectors, num_clusters(config, data), config.clustering, config.seed)


def num_clusters(config: DistillConfig, data: PreparedData) -> int:
    """N_S, at least one."""
    return max(1, round(config.spatial_ratio * data.windows.num_locations))


def num_synthetic_windows(config: DistillConfig, data: PreparedData) -> int:
    """M_S, at least one."""
    return max(1, round(config.temporal_ratio * len(data.starts["train"])))


def clustered_data(data: PreparedData, clustering: Clustering) -> ClusteredData:
    """Average the series over clusters, with all that shard tasks read."""
    train = data.starts["train"]
    # Tasks draw train windows only; the later steps need not travel to the workers.
    windows = cluster_series(data.windows.head(data.train_steps), clustering)
    return ClusteredData(windows, train, windows.mean_window(train), clustering.cluster_size)


def initial_state(
    config: DistillConfig, data: PreparedData, clustered: ClusteredData
) -> SyntheticState:
    """The unlearned start: some real windows of the clustered series."""
    starts, wanted = data.starts["train"], num_synthetic_windows(config, data)
    if config.matching.init == "even":
        chosen = starts[evenly_spaced(len(starts), wanted)]
    else:
        rng = numpy_generator(config.seed, "init")
        chosen = np.sort(rng.choice(starts, wanted, replace=False))
    batch = without_gaps(clustered.windows).batch(chosen)
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy())


def save_examples(path: Path, start: SyntheticState, best: SyntheticState, count: int = 6) -> None:
    """Keep a few real windows beside what they became, for the report.

    Writes ``clusters`` (C,), ``real_x`` and ``learned_x`` (C, L, F) and ``real_y`` and
    ``learned_y`` (C, H), one window of each of C clusters, scaled.
    """
    clusters = evenly_spaced(start.num_locations, count)
    windows = evenly_spaced(start.num_windows, len(clusters))
    windows = np.resize(windows, len(clusters))
    with replacing_file(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            clusters=clusters,
            windows=windows,
            real_x=start.x[windows, :, clusters],
            real_y=start.y[windows, :, clusters],
            learned_x=best.x[windows, :, clusters],
            learned_y=best.y[windows, :, clusters],
        )
