import numpy as np

from stemdist_ray.baselines.rows.centroid import centroids
from stemdist_ray.clustering.aggregate import cluster_series
from stemdist_ray.data.windows import evenly_spaced


def test_centroids_are_means_of_members(material):
    row = centroids(material, 0)
    data = row.data
    assert row.base is None
    assert data.x.shape == (*material.x.shape[:3], 3)
    assert data.observed is None
    single = np.flatnonzero(material.clustering.cluster_size == 1)
    np.testing.assert_array_equal(data.size.numpy(), material.clustering.cluster_size)
    assert len(single) < len(data.size)


def test_the_base_of_a_centroid_is_the_mean_of_its_members_bases(based_material):
    material = based_material
    row, starts = centroids(material, 0), material.source.starts["train"]
    assert row.base is material.base
    chosen = starts[evenly_spaced(len(starts), len(material.x))]
    weights = np.eye(8)[material.clustering.assignment].T
    weights /= weights.sum(axis=1, keepdims=True)
    mean = cluster_series(material.source.windows, material.clustering).batch(chosen)
    residual = mean.y - row.data.y
    own = row.data.x[..., :2].numpy()
    wanted = material.base.average(weights).forecast(own, chosen, None)
    gap = np.abs(residual.numpy() - wanted)[mean.observed.numpy()]
    np.testing.assert_allclose(gap, 0, atol=1e-4)
