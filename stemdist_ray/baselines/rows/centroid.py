"""Cluster centroids in evenly spaced windows, readings as targets: nothing learned, no teacher."""

from __future__ import annotations

from stemdist_ray.baselines.rows.row import Material, RowData, TrainedRow, register_row
from stemdist_ray.clustering.aggregate import cluster_series, interpolated
from stemdist_ray.data.windows import evenly_spaced


def centroids(material: Material, seed: int) -> RowData:
    """Centroids of the distilled data's own clusters, weighted by cluster size."""
    del seed
    source, clustering = material.source, material.clustering
    starts = source.starts["train"]
    train = material.windows.head(source.train_steps)
    means = cluster_series(train, clustering)
    series = interpolated(means)
    batch = series.batch(starts[evenly_spaced(len(starts), len(material.x))])
    means.discard()
    sizes = clustering.cluster_size
    data = material.fixed(batch.x.numpy(), batch.residual().numpy(), sizes, graph=series.graph)
    return RowData(data, material.base)


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
