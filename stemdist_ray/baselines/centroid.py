"""Means of clusters of locations in evenly spaced windows."""

from __future__ import annotations

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.clustering.aggregate import cluster_series
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.start import cluster_source, unlearned


def centroid_windows(work: MethodWork) -> Made:
    """Average the locations of each cluster; targets are readings."""
    real = work.real
    clustering = cluster_source(work.config, real)
    series = cluster_series(real.windows, clustering)
    starts = real.starts[evenly_spaced(len(real.starts), work.num_windows)]
    made = Made(clustering, *unlearned(series, starts))
    series.discard()
    return made


register_method(
    Method(
        name="centroid",
        summary="means of k-means clusters of locations, evenly spaced windows",
        source="STemDist, arXiv:2603.10410: its start",
        make=centroid_windows,
    )
)
