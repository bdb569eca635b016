from dataclasses import replace

import numpy as np

from stemdist_ray.baselines.rows.random_subset import draw_subset, random_subset
from stemdist_ray.forecasters.closed_form.subset_base import fit_subset_base


def test_every_repeat_draws_other_readings(material):
    one, two = (random_subset(material, seed).data for seed in (1, 2))
    assert one.x.shape == two.x.shape == (*material.x.shape[:3], 3)
    assert not np.array_equal(one.x.numpy(), two.x.numpy())
    assert one.observed is not None  # missing readings stay missing
    assert (one.size == 1).all()


def test_its_base_is_fitted_on_what_it_drew(based_material):
    row = random_subset(based_material, 3)
    starts, columns = draw_subset(based_material, 3)
    own = fit_subset_base(based_material.source, starts, columns)
    assert row.base is not based_material.base
    for part, weights in own.model.weights.items():
        np.testing.assert_array_equal(row.base.model.weights[part], weights)
    windows = replace(based_material.source.windows, base=own)
    residual = windows.batch(starts, columns).residual()
    np.testing.assert_allclose(row.data.y, residual, atol=1e-6)


def test_without_a_base_the_targets_are_readings(based_material):
    alone = random_subset(replace(based_material, base=None), 3)
    starts, columns = draw_subset(based_material, 3)
    batch = based_material.source.windows.batch(starts, columns)
    np.testing.assert_array_equal(alone.data.y, batch.y)
    assert alone.base is None
