import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from stemdist_ray.data.location_graph import LocationGraph
from stemdist_ray.forecasters import graph as graph_module
from stemdist_ray.forecasters.given_graph import prior_of
from stemdist_ray.forecasters.graph import (
    DenseGraph,
    GraphLearner,
    NeighbourProduct,
    Neighbours,
    SparseGraph,
)
from tests.reference.given_graph import mtgnn_edges


def learner(top_k=3, dense_limit=256):
    torch.manual_seed(0)
    return GraphLearner(4, top_k, 3.0, 0.95, dense_limit).double()


def embeddings(count):
    torch.manual_seed(1)
    return torch.randn(2, count, 4, dtype=torch.float64)


def test_rows_keep_top_k_edges_and_sum_to_the_decay():
    graph = learner()(*embeddings(10))
    assert isinstance(graph, DenseGraph)
    torch.testing.assert_close(graph.matrices.sum(2), torch.full((2, 10), 0.95).double())
    off_diagonal = graph.matrices[0] - torch.diag(torch.diagonal(graph.matrices[0]))
    assert (off_diagonal > 0).sum(1).max() <= 3


def test_edges_have_one_direction():
    edges = learner(top_k=10)(*embeddings(10)).matrices[0]
    off_diagonal = edges - torch.diag(torch.diagonal(edges))
    assert torch.all((off_diagonal == 0) | (off_diagonal.T == 0))


def test_sparse_equals_dense_with_gradients():
    first, second = embeddings(12)
    results = []
    for limit in (256, 0):
        model = learner(dense_limit=limit)
        source = first.clone().requires_grad_()
        graph = model(source, second)
        torch.manual_seed(2)
        state = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
        out = graph.propagate(state, 2)
        gradients = torch.autograd.grad(out.square().sum(), [source, state])
        results.append((out, *gradients))
    assert isinstance(graph, SparseGraph)
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


def test_sparse_without_gradients_equals_dense():
    first, second = embeddings(12)
    dense, sparse = (learner(dense_limit=limit)(first, second) for limit in (256, 0))
    x = torch.randn(12, 5, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(sparse.propagate(x, 3), dense.propagate(x, 3))


def test_propagation_holds_every_hop_of_both_directions():
    graph = learner()(*embeddings(7))
    x = torch.randn(7, 2, dtype=torch.float64)
    forward, backward = graph.matrices
    expected = [forward @ x, backward @ x, forward @ forward @ x, backward @ backward @ x]
    torch.testing.assert_close(graph.propagate(x, 2), torch.stack(expected))
    torch.testing.assert_close(graph.propagate(x, 1), torch.stack(expected[:2]))


def test_neighbours_multiply_both_ways():
    columns = torch.tensor([[1, 2], [0, 2], [0, 1]])
    values = torch.arange(1.0, 7).view(3, 2)
    matrix = torch.zeros(3, 3).scatter_(1, columns, values)
    state = torch.randn(3, 4)
    neighbours = Neighbours(columns)
    torch.testing.assert_close(neighbours.multiply(values, state, False), matrix @ state)
    torch.testing.assert_close(neighbours.multiply(values, state, True), matrix.T @ state)


@pytest.mark.parametrize("transposed", [False, True])
def test_products_with_neighbours_have_derivatives_of_any_order(transposed):
    torch.manual_seed(0)
    multiply = NeighbourProduct(Neighbours(torch.tensor([[1, 2], [2, 0], [0, 1]])), transposed)
    values, state = (torch.randn(3, n, dtype=torch.float64, requires_grad=True) for n in (2, 4))
    assert gradcheck(multiply, (values, state))
    assert gradgradcheck(multiply, (values, state))


def given(count):
    """A prior as MTGNN's learner takes it, and its weights."""
    rng = np.random.default_rng(4)
    weights = (rng.random((count, count)) * (rng.random((count, count)) < 0.3)).astype(np.float32)
    return weights, prior_of(LocationGraph.of(weights), torch.zeros((), dtype=torch.float64))


def learner_with_prior(dense_limit):
    torch.manual_seed(0)
    model = GraphLearner(4, 3, 3.0, 0.95, dense_limit, given=True).double()
    with torch.no_grad():
        model.prior_weight.fill_(0.7)
    return model


def test_a_prior_is_added_before_edges_are_chosen():
    first, second = embeddings(12)
    weights, prior = given(12)
    model = learner_with_prior(256)
    source = torch.tanh(3 * model.source(first))
    target = torch.tanh(3 * model.target(second))
    strength = source @ target.T - target @ source.T
    edges = mtgnn_edges(strength.detach().clone(), weights, 0.7, 3, 3.0)
    both = torch.stack([edges, edges.T]) + torch.eye(12)
    wanted = 0.95 * both / both.sum(2, keepdim=True)
    torch.testing.assert_close(model(first, second, prior).matrices, wanted)
    assert not torch.allclose(model(first, second).matrices, wanted)


def test_sparse_equals_dense_with_a_prior(monkeypatch):
    monkeypatch.setattr(graph_module, "_ROWS_PER_BLOCK", 5)
    first, second = embeddings(12)
    _, prior = given(12)
    results = []
    for limit in (256, 0):
        model, source = learner_with_prior(limit), first.clone().requires_grad_()
        graph = model(source, second, prior)
        torch.manual_seed(2)
        state = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
        out = graph.propagate(state, 2)
        inputs = [source, state, model.prior_weight]
        results.append((out, *torch.autograd.grad(out.square().sum(), inputs)))
    assert isinstance(graph, SparseGraph)
    assert results[0][-1] != 0
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)
