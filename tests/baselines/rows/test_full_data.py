import numpy as np

from stemdist_ray.baselines.rows.full_data import full_data


def test_every_window_at_every_location_once(material):
    steps = list(full_data(material, 0).data.epoch(np.random.default_rng(0)))
    assert sum(len(step.x) for step in steps) == len(material.source.starts["train"])
    assert {step.x.shape[2] for step in steps} == {material.source.windows.num_locations}


def test_targets_are_what_the_base_leaves(based_material, based):
    row = full_data(based_material, 0)
    steps = list(row.data.epoch(np.random.default_rng(0)))
    residual = based.windows.batch(based.starts["train"]).residual()
    total = sum(float(step.y.double().sum()) for step in steps)
    np.testing.assert_allclose(total, float(residual.double().sum()), rtol=1e-4, atol=1e-2)
    assert row.base is based_material.base
