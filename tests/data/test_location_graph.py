import pickle

import numpy as np
import pytest
from scipy import sparse

from stemdist_ray.data.location_graph import LocationGraph, gaussian_weights


@pytest.fixture
def weights(rng):
    """Directed, with self-loops, a location without edges, and none symmetric."""
    weights = rng.random((9, 9)) * (rng.random((9, 9)) < 0.4)
    weights[4] = weights[:, 4] = 0
    return weights.astype(np.float32)


def test_some_locations_in_their_order(weights):
    some = np.array([5, 0, 4, 8])
    taken = LocationGraph.of(weights).take(some)
    np.testing.assert_array_equal(taken.weights.toarray(), weights[np.ix_(some, some)])
    assert taken.num_locations == 4


def test_clusters_have_the_mean_weight_of_all_pairs(weights):
    assignment = np.array([2, 0, 1, 0, 2, 2, 1, 0, 3])
    found = LocationGraph.of(weights).of_clusters(assignment).weights.toarray()
    for here in range(4):
        for there in range(4):
            pairs = [
                weights[i, j]
                for i in np.flatnonzero(assignment == here)
                for j in np.flatnonzero(assignment == there)
            ]
            np.testing.assert_allclose(found[here, there], np.mean(pairs), rtol=1e-6)


def test_clusters_of_one_are_the_locations(weights):
    graph = LocationGraph.of(weights)
    np.testing.assert_array_equal(graph.of_clusters(np.arange(9)).weights.toarray(), weights)


def test_transitions_are_those_of_a_random_walk(weights):
    graph = LocationGraph.of(weights)
    with np.errstate(invalid="ignore"):
        for direction, matrix in (
            ("forward", weights),
            ("backward", weights.T),
            ("both", weights + weights.T),
        ):
            wanted = np.nan_to_num(matrix / matrix.sum(1, keepdims=True))
            np.testing.assert_allclose(graph.transitions(direction).toarray(), wanted, rtol=1e-6)
        wanted = np.nan_to_num(weights / weights.max(1, keepdims=True))
    np.testing.assert_allclose(graph.strengths().toarray(), wanted, rtol=1e-6)


def test_zeros_are_no_edges_and_the_hash_is_that_of_the_weights(weights):
    graph = LocationGraph.of(weights, "a graph")
    assert graph.num_edges == np.count_nonzero(weights)
    assert LocationGraph.of(weights).digest() == graph.digest()
    assert pickle.loads(pickle.dumps(graph)).digest() == graph.digest()
    assert LocationGraph.of(weights.T).digest() != graph.digest()
    assert (
        LocationGraph.of(np.zeros((2, 2))).digest() != LocationGraph.of(np.zeros((3, 3))).digest()
    )


def test_the_kernel_is_as_wide_as_the_distances_vary():
    distances = np.array([0.0, 1.0, 2.0, 9.0])
    weights, sigma = gaussian_weights(distances)
    assert sigma == distances.std()
    np.testing.assert_allclose(weights[:3], np.exp(-((distances[:3] / sigma) ** 2)))
    assert weights[3] == 0  # below 0.1
    assert gaussian_weights(np.full(3, 2.0))[0].tolist() == [0, 0, 0]


def test_shared_memory_is_read_only_and_left_as_it_is(weights):
    given = sparse.csr_array(weights)
    given.data[0] = 0  # stored, but no edge
    before = given.copy()
    graph = LocationGraph.of(given)
    assert (given.nnz, graph.num_edges) == (before.nnz, before.nnz - 1)
    for part in (graph.weights.data, graph.weights.indices, graph.weights.indptr):
        part.flags.writeable = False
    graph.take(np.array([1, 5]))
    graph.of_clusters(np.arange(9) % 3)
    graph.strengths()
    for direction in ("forward", "backward", "both"):
        graph.transitions(direction)
    assert len(graph.digest()) == 32
