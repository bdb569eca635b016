from itertools import combinations

import numpy as np

from stemdist_ray.baselines.k_center import k_centers


def radius(points, chosen):
    return np.linalg.norm(points[:, None] - points[list(chosen)], axis=2).min(axis=1).max()


def test_within_twice_the_best_radius(rng):
    points = rng.normal(size=(14, 2)).astype(np.float32)
    chosen = k_centers(points, 3)
    best = min(radius(points, some) for some in combinations(range(14), 3))
    assert radius(points, chosen) <= 2 * best + 1e-6


def test_equal_points_are_chosen_once():
    points = np.zeros((5, 2), np.float32)
    points[4] = 1
    assert sorted(k_centers(points, 5)) == list(range(5))
