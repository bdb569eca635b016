import numpy as np

from stemdist_ray.baselines.distilled import distilled_data


def test_locations_weigh_as_many_as_they_stand_for(material):
    data = distilled_data(material, 0)
    np.testing.assert_array_equal(data.size.numpy(), material.clustering.cluster_size)
    np.testing.assert_array_equal(data.x.numpy(), material.x)
