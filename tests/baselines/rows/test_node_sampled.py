import numpy as np

from stemdist_ray.baselines.rows.node_sampled import node_sampled


def test_every_step_draws_anew(material):
    steps = list(node_sampled(material, 0).data.epoch(np.random.default_rng(0)))
    assert len(steps) == material.config.subsets
    assert len({float(step.x.sum()) for step in steps}) == len(steps)


def test_it_stands_on_the_base_of_the_track(material, based_material):
    assert node_sampled(material, 0).base is None
    row = node_sampled(based_material, 0)
    assert row.base is row.data.windows.base is based_material.base
