import numpy as np

from stemdist_ray.baselines.node_sampled import node_sampled


def test_every_step_draws_anew(material):
    steps = list(node_sampled(material, 0).epoch(np.random.default_rng(0)))
    assert len(steps) == material.config.subsets
    assert len({float(step.x.sum()) for step in steps}) == len(steps)
