import numpy as np

from stemdist_ray.baselines.random_subset import random_subset


def test_every_repeat_draws_other_readings(material):
    one, two = random_subset(material, 1), random_subset(material, 2)
    assert one.x.shape == two.x.shape == material.x.shape
    assert not np.array_equal(one.x.numpy(), two.x.numpy())
    assert one.observed is not None  # missing readings stay missing
    assert (one.size == 1).all()
