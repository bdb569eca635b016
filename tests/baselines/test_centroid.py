import numpy as np

from stemdist_ray.baselines.centroid import centroids


def test_centroids_are_means_of_members(material):
    data = centroids(material, 0)
    assert data.x.shape == material.x.shape
    assert data.observed is None
    single = np.flatnonzero(material.clustering.cluster_size == 1)
    np.testing.assert_array_equal(data.size.numpy(), material.clustering.cluster_size)
    assert len(single) < len(data.size)
