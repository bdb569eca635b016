import numpy as np

from stemdist_ray.baselines.full_data import full_data


def test_every_window_at_every_location_once(material):
    steps = list(full_data(material, 0).epoch(np.random.default_rng(0)))
    assert sum(len(step.x) for step in steps) == len(material.source.starts["train"])
    assert {step.x.shape[2] for step in steps} == {material.source.windows.num_locations}
