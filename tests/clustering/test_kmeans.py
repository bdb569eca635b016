import numpy as np
import pytest
from sklearn.cluster import KMeans

from stemdist_ray.clustering.kmeans import (
    cluster_locations,
    cluster_windows,
    repair_empty_clusters,
)
from stemdist_ray.clustering.vectors import location_vectors
from stemdist_ray.config import ClusteringConfig, DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from tests.clustering.test_vectors import flattened_windows

CONFIG = ClusteringConfig()
LARGE = CONFIG.model_copy(update={"memory_budget": 1})  # every series is too large for it


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


def test_vectors_that_fit_are_clustered_as_they_are(traffic):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))
    vectors = location_vectors(data.windows, data.starts["train"])
    exact = cluster_locations(vectors, 6, CONFIG, 0)
    found = cluster_windows(data.windows, data.starts["train"], 6, CONFIG, 0)
    np.testing.assert_array_equal(found.assignment, exact.assignment)
    assert found.inertia == exact.inertia


def test_clusters_of_projections_cost_at_most_one_percent_more():
    """Over several seeds, because k-means++ ends in another local optimum with each."""
    series = simulate_traffic(TrafficParameters(locations=300, steps=1500, seed=4))
    data = prepare(series, DataConfig())
    work = data.windows, data.starts["train"], 30
    exact = [cluster_windows(*work, CONFIG, seed).inertia for seed in range(4)]
    projected = [cluster_windows(*work, LARGE, seed).inertia for seed in range(4)]
    assert np.mean(projected) < 1.01 * np.mean(exact)


def test_inertia_and_medoids_of_projections_are_exact(traffic):
    data = prepare(traffic, DataConfig(lookback=6, horizon=4))
    starts = data.starts["train"]
    found = cluster_windows(data.windows, starts, 6, LARGE, 0)
    vectors = location_vectors(data.windows, starts)
    total = 0.0
    for cluster in range(6):
        members = np.flatnonzero(found.assignment == cluster)
        apart = np.square(vectors[members] - vectors[members].mean(axis=0)).sum(axis=1)
        assert found.medoids[cluster] == members[apart.argmin()]
        total += apart.sum()
    assert found.inertia == pytest.approx(total, rel=1e-4)
