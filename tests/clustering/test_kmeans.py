import dataclasses

import numpy as np
import pytest
from sklearn.cluster import KMeans

from stemdist_ray.clustering.kmeans import (
    cluster_locations,
    location_vectors,
    repair_empty_clusters,
    step_weights,
)
from stemdist_ray.config import ClusteringConfig, DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.windows import WindowedSeries

CONFIG = ClusteringConfig()


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


def test_same_labels_as_kmeans_on_flattened_windows(traffic):
    data = prepare(
        traffic.with_changes(mask=None, values=np.nan_to_num(traffic.values, nan=90)),
        DataConfig(lookback=6, horizon=4),
    )
    windows, starts = data.windows, data.starts["train"]
    short, long = location_vectors(windows, starts), flattened_windows(windows, starts)
    first = np.arange(6)
    ours = cluster_locations(short.copy(), 6, CONFIG, 0, init=short[first])
    theirs = KMeans(6, init=long[first], n_init=1, max_iter=100, tol=1e-4).fit(long)
    np.testing.assert_array_equal(ours.assignment, theirs.labels_)
    assert ours.inertia == pytest.approx(theirs.inertia_, rel=1e-4)


def test_missing_entries_neither_attract_nor_repel():
    inputs = np.zeros((20, 3, 1), np.float32)
    inputs[:, 0], inputs[:, 1], inputs[:, 2] = 1, 5, 1
    mask = np.ones_like(inputs, bool)
    mask[::2, 2] = False
    inputs[~mask] = 0
    vectors = location_vectors(WindowedSeries(inputs, mask, 0, 3, 2), np.arange(15))
    np.testing.assert_allclose(vectors[0], vectors[2])


@pytest.mark.parametrize("count", [1, 5, 24])
def test_every_cluster_has_a_member(traffic, count):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))
    vectors = location_vectors(data.windows, data.starts["train"])
    result = cluster_locations(vectors, count, CONFIG, 0)
    assert result.num_clusters == count
    assert result.cluster_size.min() >= 1
    assert result.cluster_size.sum() == 24
    np.testing.assert_array_equal(np.bincount(result.assignment), result.cluster_size)


def test_identical_locations_still_fill_all_clusters():
    result = cluster_locations(np.ones((6, 4), np.float32), 4, CONFIG, 0)
    assert sorted(result.cluster_size.tolist()) == [1, 1, 1, 3]


def test_repair_moves_the_farthest_member_of_the_largest_cluster():
    vectors = np.array([[0.0], [1.0], [9.0], [20.0]], np.float32)
    centers = np.array([[0.5], [20.0], [99.0]], np.float32)
    fixed = repair_empty_clusters(vectors, np.array([0, 0, 0, 1]), centers)
    np.testing.assert_array_equal(fixed, [0, 0, 2, 1])


def test_same_seed_same_clusters(traffic):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))
    runs = [
        cluster_locations(location_vectors(data.windows, data.starts["train"]), 6, CONFIG, seed)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(runs[0].assignment, runs[1].assignment)
    assert not np.array_equal(runs[0].assignment, runs[2].assignment)


def test_medoids_are_the_members_nearest_to_the_mean(rng):
    vectors = rng.normal(size=(30, 5)).astype(np.float32)
    result = cluster_locations(vectors.copy(), 4, CONFIG, 0)
    for cluster, medoid in enumerate(result.medoids):
        members = np.flatnonzero(result.assignment == cluster)
        distance = np.linalg.norm(vectors[members] - vectors[members].mean(axis=0), axis=1)
        assert medoid == members[distance.argmin()]


def test_the_calendar_does_not_count(seasonal):
    starts = seasonal.starts["train"]
    without = dataclasses.replace(seasonal.windows, calendar=None)
    np.testing.assert_array_equal(
        location_vectors(seasonal.windows, starts), location_vectors(without, starts)
    )
