"""The location nearest to the centre of each cluster, in windows spread over time."""

from __future__ import annotations

from stemdist_ray.baselines.method import Made, Method, MethodWork, register_method
from stemdist_ray.baselines.selection import selected
from stemdist_ray.distillation.start import chosen_windows, cluster_source


def medoid_windows(work: MethodWork) -> Made:
    """What method ``stemdist`` starts from, with readings as targets."""
    config, real = work.config, work.real
    clustering = cluster_source(config, real)
    assert clustering.medoids is not None  # fresh ones know them
    starts = chosen_windows(config, real)
    return selected(work, starts, clustering.medoids, clustering.assignment, even=False)


register_method(
    Method(
        name="medoid",
        summary="the location nearest to the centre of each cluster, windows spread over time",
        source="Kaufman & Rousseeuw, Clustering by Means of Medoids, 1987",
        deviations="medoids of k-means clusters, not the optimal ones",
        make=medoid_windows,
    )
)
