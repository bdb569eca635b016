from functools import partial

import torch
from torch import nn

from stemdist_ray.distillation.pieces import (
    pulled_back,
    random_state,
    replayed,
    summed_gradient,
)

CPU = torch.device("cpu")


def problem():
    torch.manual_seed(0)
    weights = torch.randn(3, dtype=torch.float64, requires_grad=True)
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)

    def loss(rows):
        return (torch.tanh(x[rows] @ weights) ** 2).sum()

    return weights, x, loss


def test_the_gradient_of_a_sum():
    weights, _, loss = problem()
    (wanted,) = torch.autograd.grad(loss(slice(None)), [weights])
    pieces = [partial(loss, rows) for rows in torch.split(torch.arange(6), 4)]
    (found,) = summed_gradient(pieces, [weights])
    torch.testing.assert_close(found, wanted)
    assert not found.requires_grad


def test_what_a_gradient_depends_on():
    weights, x, loss = problem()
    direction = torch.randn(3, dtype=torch.float64)
    gradient = torch.autograd.grad(loss(slice(None)), [weights], create_graph=True)
    wanted = torch.autograd.grad(gradient, [x, weights], [direction])
    pieces = [partial(loss, rows) for rows in torch.split(torch.arange(6), 1)]
    found = pulled_back(pieces, [weights], [direction], [x, weights])
    for one, two in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, two)


def test_a_gradient_that_depends_on_nothing():
    weights = torch.ones(3, requires_grad=True)
    x = torch.ones(2, requires_grad=True)
    (found,) = pulled_back([lambda: weights.sum()], [weights], [torch.ones(3)], [x])
    assert torch.equal(found, torch.zeros(2))


def test_what_was_drawn_is_drawn_again():
    model = nn.BatchNorm1d(2)
    start = random_state(CPU)
    first = torch.rand(3)
    model(torch.rand(4, 2))
    after, mean = torch.get_rng_state(), model.running_mean.clone()
    with replayed(start, CPU, model):
        assert torch.equal(torch.rand(3), first)
        model(torch.rand(4, 2) + 5)
    assert torch.equal(torch.get_rng_state(), after)
    assert torch.equal(model.running_mean, mean)
