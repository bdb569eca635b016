from dataclasses import replace

import numpy as np

from stemdist_ray.baselines.rows import ROWS
from stemdist_ray.baselines.rows.random_subset import draw_subset, random_subset
from stemdist_ray.baselines.rows.random_teacher import random_teacher


def test_it_exists_where_there_is_a_teacher():
    assert ROWS.get("random_teacher").needs_teacher
    assert not ROWS.get("random_subset").needs_teacher


def test_windows_are_those_of_the_random_subset_and_targets_the_teachers(based_material):
    row = random_teacher(based_material, 4)
    _, columns = draw_subset(based_material, 4)
    np.testing.assert_array_equal(row.data.x, random_subset(based_material, 4).data.x)
    assert row.data.observed is None
    assert (row.data.size == 1).all()
    assert row.base is based_material.base
    mean_window = based_material.mean_window[columns]
    added = based_material.teacher.forecast(row.data.x.numpy(), mean_window)
    np.testing.assert_allclose(row.data.y, added, atol=1e-6)
    assert np.abs(added).max() > 0


def test_alone_the_targets_hold_the_base_too(based_material):
    row = random_teacher(replace(based_material, base=None), 4)
    on_base = random_teacher(based_material, 4)
    starts, columns = draw_subset(based_material, 4)
    own = row.data.x[..., :2].numpy()
    base = based_material.teacher_base.forecast(own, starts, columns)
    np.testing.assert_allclose(row.data.y, on_base.data.y.numpy() + base, atol=1e-5)
    assert row.base is None


def test_a_teacher_without_a_base(based_material):
    row = random_teacher(replace(based_material, base=None, teacher_base=None), 4)
    np.testing.assert_allclose(row.data.y, random_teacher(based_material, 4).data.y, atol=1e-6)
