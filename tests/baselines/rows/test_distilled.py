from dataclasses import replace

import numpy as np

from stemdist_ray.baselines.rows.distilled import distilled_data


def test_locations_weigh_as_many_as_they_stand_for(material):
    row = distilled_data(material, 0)
    np.testing.assert_array_equal(row.data.size.numpy(), material.clustering.cluster_size)
    np.testing.assert_array_equal(row.data.x.numpy(), material.known.inputs(material.x))
    np.testing.assert_array_equal(row.data.y.numpy(), material.y)
    assert row.base is None


def test_targets_are_what_the_base_leaves_on_its_track_and_whole_without(based_material):
    with_base = distilled_data(based_material, 0)
    assert with_base.base is based_material.base
    wanted = based_material.known.residual(based_material.x, based_material.y)
    np.testing.assert_array_equal(with_base.data.y.numpy(), wanted)
    alone = distilled_data(replace(based_material, base=None), 0)
    np.testing.assert_array_equal(alone.data.y.numpy(), based_material.y)
    assert alone.base is None
