import pytest
import torch

from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.location_encoder import EncoderOptions, build_encoder


def encoder_of(name, features=1, hidden=32, embedding=10):
    options = EncoderOptions(encoder=name, encoder_hidden=hidden, embedding=embedding)
    return build_encoder(WindowShape(12, 12, features), options)


@pytest.mark.parametrize("name", ["attention", "mlp"])
def test_shapes_and_permutation(name):
    torch.manual_seed(0)
    encoder = encoder_of(name, 2)
    mean_window = torch.randn(7, 12, 2)
    order = torch.randperm(7)
    out = encoder(mean_window)
    assert out.shape == (7, 10)
    torch.testing.assert_close(encoder(mean_window[order]), out[order])


def test_fused_attention_equals_the_differentiable_one():
    encoder = encoder_of("attention")
    mean_window = torch.randn(50, 12, 1)
    with torch.no_grad():
        fused = encoder(mean_window)
    torch.testing.assert_close(fused, encoder(mean_window), rtol=1e-4, atol=1e-5)


def test_attention_sees_the_others_and_the_mlp_does_not():
    mean_window = torch.randn(5, 12, 1)
    changed = mean_window.clone()
    changed[4] += 3
    for name, same in (("attention", False), ("mlp", True)):
        encoder = encoder_of(name)
        assert torch.equal(encoder(mean_window)[0], encoder(changed)[0]) is same
