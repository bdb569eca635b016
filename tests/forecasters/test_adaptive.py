import pytest
import torch

from stemdist_ray.forecasters import adaptive
from stemdist_ray.forecasters.adaptive import AdaptiveGraph


def graph_of(count=7):
    torch.manual_seed(0)
    first, second = torch.randn(2, count, 3, dtype=torch.float64).requires_grad_().unbind()
    return AdaptiveGraph(first, second)


def test_rows_are_a_softmax_of_the_rectified_products():
    graph = graph_of()
    matrix = graph.matrix
    torch.testing.assert_close(matrix.sum(1), torch.ones(7, dtype=torch.float64))
    products = graph.first @ graph.second.T
    unrelated = matrix[products <= 0]
    assert len(unrelated) > 0
    assert torch.all(unrelated < matrix[products > 0].max())


def test_powers_and_chebyshev_are_matrix_polynomials():
    graph, x = graph_of(), torch.randn(7, 2, 4, dtype=torch.float64)
    a, one, flat = graph.matrix, torch.eye(7, dtype=torch.float64), x.flatten(1)
    powers, terms = [one, a, a @ a], [one, a, 2 * a @ a - one, 4 * a @ a @ a - 3 * a]
    for got, matrix in zip(graph.powers(x, 2), powers, strict=True):
        torch.testing.assert_close(got.flatten(1), matrix @ flat)
    for got, matrix in zip(graph.chebyshev(x, 4), terms, strict=True):
        torch.testing.assert_close(got.flatten(1), matrix @ flat)
    assert len(graph.chebyshev(x, 1)) == 1


@pytest.mark.parametrize("gradients", [True, False])
def test_blocks_equal_the_whole(monkeypatch, gradients):
    def results():
        graph = graph_of()
        x = torch.ones(7, 4, dtype=torch.float64).cumsum(0).requires_grad_()
        with torch.set_grad_enabled(gradients):
            out = graph.propagate(x)
        if not gradients:
            return [out]
        inputs = [graph.first, graph.second, x]
        first = torch.autograd.grad(out.square().sum(), inputs, create_graph=True)
        return [out, *first, *torch.autograd.grad(sum(g.square().sum() for g in first), inputs)]

    whole = results()
    monkeypatch.setattr(adaptive, "WHOLE_UP_TO", 0)
    monkeypatch.setattr(adaptive, "_ROWS_PER_BLOCK", 3)
    for a, b in zip(results(), whole, strict=True):
        torch.testing.assert_close(a, b)
