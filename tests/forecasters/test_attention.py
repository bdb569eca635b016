import pytest
import torch
from torch.nn import functional

from stemdist_ray.forecasters import attention
from stemdist_ray.forecasters.attention import attend


def inputs(*front):
    torch.manual_seed(0)
    return [torch.randn(*front, 7, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]


@pytest.mark.parametrize("front", [(), (3, 2)])
def test_equals_torchs(front):
    parts = inputs(*front)
    expected = functional.scaled_dot_product_attention(*parts)
    torch.testing.assert_close(attend(*parts), expected)
    with torch.no_grad():
        torch.testing.assert_close(attend(*parts), expected)


@pytest.mark.parametrize("weights", [1, 3 * 7 * 2])
def test_blocks_have_the_same_first_and_second_gradients(monkeypatch, weights):
    def gradients():
        parts = inputs(2)
        out = attend(*parts).square().sum()
        first = torch.autograd.grad(out, parts, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), parts)
        return [out, *first, *second]

    whole = gradients()
    monkeypatch.setattr(attention, "WEIGHTS_PER_BLOCK", weights)
    for a, b in zip(gradients(), whole, strict=True):
        torch.testing.assert_close(a, b)
