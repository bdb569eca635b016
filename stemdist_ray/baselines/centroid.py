"""Cluster centroids in evenly spaced windows: the distilled data before anything is learned."""

from __future__ import annotations

from stemdist_ray.baselines.row import Material, TrainedRow, register_row
from stemdist_ray.clustering.aggregate import cluster_series, interpolated
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.training.steps import FixedWindows


def centroids(material: Material, seed: int) -> FixedWindows:
    """Centroids of the distilled data's own clusters, weighted by cluster size."""
    del seed
    source, clustering = material.source, material.clustering
    starts = source.starts["train"]
    train = source.windows.head(source.train_steps)
    series = interpolated(cluster_series(train, clustering))
    batch = series.batch(starts[evenly_spaced(len(starts), len(material.x))])
    return material.fixed(batch.x.numpy(), batch.y.numpy(), clustering.cluster_size)


register_row(
    TrainedRow(
        name="centroid",
        title="unlearned centroids",
        report_title="unlearned centroids, same size",
        colour="#009e73",
        position=20,
        data=centroids,
    )
)
