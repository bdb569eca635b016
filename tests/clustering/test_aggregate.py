import dataclasses

import numpy as np

from stemdist_ray.clustering.aggregate import cluster_series, interpolated
from stemdist_ray.clustering.kmeans import Clustering
from stemdist_ray.clustering.vectors import membership_matrix
from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.data.windows import WindowedSeries

CLUSTERING = Clustering(np.array([0, 1, 0, 1, 1]), np.array([2, 3]), 0.0)


def test_membership():
    np.testing.assert_array_equal(
        membership_matrix(CLUSTERING.assignment, CLUSTERING.num_clusters).toarray(),
        [[1, 0, 1, 0, 0], [0, 1, 0, 1, 1]],
    )


def test_centroid_is_the_mean_of_its_members(rng):
    inputs = rng.normal(size=(30, 5, 2)).astype(np.float32)
    out = cluster_series(WindowedSeries(inputs, None, 0, 4, 2), CLUSTERING, block=7)
    np.testing.assert_allclose(out.inputs[:, 0], inputs[:, [0, 2]].mean(1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out.inputs[:, 1], inputs[:, [1, 3, 4]].mean(1), rtol=1e-5, atol=1e-6)
    assert out.input_mask is None


def test_missing_members_do_not_pull_the_mean():
    inputs = np.full((4, 5, 1), 3.0, np.float32)
    mask = np.ones_like(inputs, bool)
    mask[1, 0] = mask[2, 0] = mask[2, 2] = False
    inputs[~mask] = 0
    out = cluster_series(WindowedSeries(inputs, mask, 0, 1, 1), CLUSTERING)
    np.testing.assert_allclose(out.inputs[:, 0, 0], [3, 3, 0, 3])
    np.testing.assert_array_equal(out.input_mask[:, 0, 0], [True, True, False, True])
    assert out.input_mask[:, 1].all()


def test_gaps_are_filled_in_time():
    inputs = np.array([[1.0, 0], [0, 0], [3, 5], [0, 0]], np.float32)[:, :, None]
    mask = np.array([[1, 0], [0, 0], [1, 1], [0, 0]], bool)[:, :, None]
    filled = interpolated(WindowedSeries(inputs, mask, 0, 1, 1))
    np.testing.assert_array_equal(filled.inputs[:, :, 0], [[1, 5], [2, 5], [3, 5], [3, 5]])
    assert filled.input_mask is None
    never = interpolated(WindowedSeries(inputs * 0, np.zeros_like(mask), 0, 1, 1))
    assert (never.inputs == 0).all()


def test_the_base_of_a_mean_is_the_mean_of_the_bases(based):
    whole = dataclasses.replace(based.windows, input_mask=None)
    clustering = Clustering(np.arange(12) % 3, np.full(3, 4), 0.0)
    mean, starts = cluster_series(whole, clustering), np.array([0, 30, 77])
    base = whole.batch(starts).base.numpy()
    wanted = np.stack([base[:, :, k::3].mean(axis=2) for k in range(3)], axis=2)
    np.testing.assert_allclose(mean.batch(starts).base, wanted, rtol=1e-4, atol=1e-5)


def test_the_calendar_stays(based):
    clustering = Clustering(np.arange(12) % 3, np.full(3, 4), 0.0)
    mean = cluster_series(based.windows, clustering)
    assert mean.calendar is based.windows.calendar
    assert interpolated(mean).calendar is based.windows.calendar


def test_the_graph_of_clusters_has_mean_weights(based, rng):
    graph = LocationGraph.of(rng.random((12, 12)))
    assignment = np.arange(12) % 3
    clustering = Clustering(assignment, np.bincount(assignment), 0.0)
    windows = based.with_graph(graph).windows
    found = cluster_series(windows, clustering).graph.weights.toarray()
    wanted = graph.weights.toarray()[np.ix_(assignment == 2, assignment == 0)].mean()
    np.testing.assert_allclose(found[2, 0], wanted, rtol=1e-6)
    assert cluster_series(based.windows, clustering).graph is None
