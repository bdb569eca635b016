import dataclasses

import numpy as np
import pytest

from stemdist_ray.clustering.vectors import (
    distances_to_centroids,
    location_vectors,
    projected_vectors,
    step_weights,
    vector_blocks,
    vector_bytes,
)
from stemdist_ray.data import series as series_module
from stemdist_ray.data.windows import WindowedSeries


@pytest.fixture
def two_features(rng):
    """50 steps x 8 locations x 2 features, some missing."""
    inputs = rng.normal(size=(50, 8, 2)).astype(np.float32)
    mask = rng.random(inputs.shape) > 0.2
    return WindowedSeries(np.where(mask, inputs, 0).astype(np.float32), mask, 0, 6, 3)


def flattened_windows(windows, starts):
    """What the paper clusters: all windows of a location in a row."""
    rows = starts[:, None] + np.arange(windows.lookback)
    return windows.inputs[rows].transpose(2, 0, 1, 3).reshape(windows.num_locations, -1)


def test_weights_count_the_windows_that_cover_a_step():
    for count, lookback in ((5, 3), (2, 4), (1, 1), (7, 7)):
        covered = np.arange(count)[:, None] + np.arange(lookback)
        expected = np.bincount(covered.ravel())
        np.testing.assert_array_equal(step_weights(np.arange(count) + 9, lookback), expected)


def test_distances_equal_those_of_flattened_windows(rng):
    windows = WindowedSeries(rng.normal(size=(50, 8, 2)).astype(np.float32), None, 0, 6, 3)
    starts = np.arange(3, 33)
    short, long = location_vectors(windows, starts), flattened_windows(windows, starts)
    assert short.shape[1] * 5 < long.shape[1]
    for vectors in (short, long):
        vectors -= vectors.mean(0)
    gram_short, gram_long = short @ short.T, long @ long.T
    np.testing.assert_allclose(gram_short, gram_long, rtol=1e-4, atol=1e-3)


def test_missing_entries_neither_attract_nor_repel():
    inputs = np.zeros((20, 3, 1), np.float32)
    inputs[:, 0], inputs[:, 1], inputs[:, 2] = 1, 5, 1
    mask = np.ones_like(inputs, bool)
    mask[::2, 2] = False
    inputs[~mask] = 0
    vectors = location_vectors(WindowedSeries(inputs, mask, 0, 3, 2), np.arange(15))
    np.testing.assert_allclose(vectors[0], vectors[2])


def test_the_calendar_does_not_count(seasonal):
    starts = seasonal.starts["train"]
    without = dataclasses.replace(seasonal.windows, calendar=None)
    np.testing.assert_array_equal(
        location_vectors(seasonal.windows, starts), location_vectors(without, starts)
    )


def test_some_columns_are_those_of_the_whole(two_features):
    starts = np.arange(2, 40)
    whole = location_vectors(two_features, starts)
    assert whole.nbytes == vector_bytes(two_features, starts)
    columns = np.array([0, 1, 7, 30, 31, whole.shape[1] - 1])
    some = location_vectors(two_features, starts, columns)
    np.testing.assert_array_equal(some, whole[:, columns])


def test_the_size_of_the_blocks_plays_no_part(two_features, monkeypatch):
    starts = np.arange(2, 40)
    whole = location_vectors(two_features, starts)
    monkeypatch.setattr(series_module, "_READINGS_PER_BLOCK", 16 * 8)  # 8 steps
    assert len(list(vector_blocks(two_features, starts))) > 4
    np.testing.assert_allclose(location_vectors(two_features, starts), whole, rtol=1e-6)


def test_projections_keep_distances(rng):
    windows = WindowedSeries(rng.normal(size=(300, 20, 1)).astype(np.float32), None, 0, 6, 3)
    starts = np.arange(250)
    exact = location_vectors(windows, starts)
    short = projected_vectors(windows, starts, 4096, seed=0)

    def distances(vectors):
        return np.square(vectors[:, None].astype(float) - vectors[None]).sum(axis=2)

    away = ~np.eye(20, dtype=bool)
    np.testing.assert_allclose(distances(short)[away], distances(exact)[away], rtol=0.12)
    np.testing.assert_array_equal(projected_vectors(windows, starts, 4096, seed=0), short)
    assert not np.array_equal(projected_vectors(windows, starts, 4096, seed=1), short)


def test_distances_to_centroids_are_those_of_the_vectors(two_features):
    starts, assignment = np.arange(2, 40), np.array([0, 1, 1, 2, 0, 1, 2, 2])
    vectors = location_vectors(two_features, starts).astype(float)
    expected = np.empty(8)
    for cluster in range(3):
        own = vectors[assignment == cluster]
        expected[assignment == cluster] = np.square(own - own.mean(axis=0)).sum(axis=1)
    found = distances_to_centroids(two_features, starts, assignment)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
