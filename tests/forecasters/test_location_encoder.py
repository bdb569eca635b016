import pytest
import torch

from stemdist_ray.forecasters import location_encoder
from stemdist_ray.forecasters.location_encoder import build_encoder


@pytest.mark.parametrize("name", ["attention", "mlp"])
def test_shapes_and_permutation(name):
    torch.manual_seed(0)
    encoder = build_encoder(name, 24, 32, 10)
    context = torch.randn(7, 12, 2)
    order = torch.randperm(7)
    out = encoder(context)
    assert out.shape == (7, 10)
    torch.testing.assert_close(encoder(context[order]), out[order])


def test_fused_attention_equals_the_differentiable_one():
    encoder = build_encoder("attention", 12, 32, 10)
    context = torch.randn(50, 12, 1)
    with torch.no_grad():
        fused = encoder(context)
    torch.testing.assert_close(fused, encoder(context), rtol=1e-4, atol=1e-5)


def test_attention_sees_the_others_and_the_mlp_does_not():
    context = torch.randn(5, 12, 1)
    changed = context.clone()
    changed[4] += 3
    for name, same in (("attention", False), ("mlp", True)):
        encoder = build_encoder(name, 12, 32, 10)
        assert torch.equal(encoder(context)[0], encoder(changed)[0]) is same


def test_attention_in_blocks_has_the_same_first_and_second_gradients(monkeypatch):
    torch.manual_seed(0)
    encoder = build_encoder("attention", 12, 8, 4).double()
    parameters = list(encoder.parameters())

    def gradients():
        context = torch.ones(7, 12, 1, dtype=torch.float64).cumsum(0).sin().requires_grad_()
        out = encoder(context).square().sum()
        first = torch.autograd.grad(out, parameters, create_graph=True)
        second = torch.autograd.grad(sum(g.square().sum() for g in first), context)
        return [*first, *second]

    whole = gradients()
    monkeypatch.setattr(location_encoder, "_ROWS_PER_BLOCK", 3)
    for a, b in zip(gradients(), whole, strict=True):
        torch.testing.assert_close(a, b)
