import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional as F

from stemdist_ray.forecasters.bilinear import Convolution, SumOfProducts

CASES = {
    "convolution": (Convolution(3), (4, 6, 2), (6, 5)),
    "one step left": (Convolution(3), (4, 3, 2), (6, 5)),
    "sum of products": (SumOfProducts(), (3, 4, 2), (3, 2, 5)),
    "one product": (SumOfProducts(), (1, 4, 2), (1, 2, 5)),
}


def random(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives(name):
    op, a, b = CASES[name]
    torch.manual_seed(0)
    assert gradcheck(op, (random(*a), random(*b)))
    assert gradgradcheck(op, (random(*a), random(*b)))


def test_only_what_is_wanted_is_computed():
    op, a, b = CASES["convolution"]
    first, second = random(*a).detach(), random(*b)
    (gradient,) = torch.autograd.grad(op(first, second).sum(), second)
    assert gradient.shape == second.shape


def test_convolution_is_torchs():
    x, kernel = torch.randn(5, 8, 2), torch.randn(3, 2, 4)
    ours = Convolution(3)(x, kernel.flatten(0, 1))
    theirs = F.conv1d(x.transpose(1, 2), kernel.permute(2, 1, 0)).transpose(1, 2)
    torch.testing.assert_close(ours, theirs)


def test_sum_of_products_is_einsum():
    a, b = torch.randn(3, 7, 2), torch.randn(3, 2, 4)
    torch.testing.assert_close(SumOfProducts()(a, b), torch.einsum("pri,pio->ro", a, b))
