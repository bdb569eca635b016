import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.fouriergnn import FourierOperator


def build(target=0, **options):
    torch.manual_seed(0)
    config = ForecasterConfig(name="fouriergnn", options={"width": 8, **options})
    return build_forecaster(config, WindowShape(6, 4, 2, target))


def test_operator_is_a_rectified_complex_product():
    operator = FourierOperator(4)
    x = torch.randn(2, 5, 4, dtype=torch.complex64)
    real, imaginary = operator(x.real, x.imag)
    product = x @ torch.complex(operator.real, operator.imaginary)
    product = product + torch.complex(operator.real_bias, operator.imaginary_bias)
    torch.testing.assert_close(real, product.real.relu())
    torch.testing.assert_close(imaginary, product.imag.relu())


def test_locations_are_ordered_by_the_level_of_the_target():
    context = torch.randn(5, 6, 2)
    for target in (0, 1):
        order = build(target).encode(context).order
        levels = context[order][..., target].mean(1)
        assert torch.all(levels.diff() >= 0)


def test_large_sparsity_leaves_the_tokens_alone():
    model = build(sparsity=1e6).eval()
    x, context = torch.randn(3, 6, 5, 2), torch.randn(5, 6, 2)
    state = model.encode(context)
    tokens = model.enter(x.transpose(1, 2)) + state.added[:, None]
    expected = model.leave(model.reduce(tokens.mT).flatten(2)).transpose(1, 2)
    torch.testing.assert_close(model(x, context), expected)


def test_every_location_hears_the_others():
    model = build(encoder="mlp", sparsity=0.0).eval()
    x, context = torch.randn(1, 6, 5, 2), torch.randn(5, 6, 2)
    other = x.clone()
    other[:, :, 4] += 5
    assert not torch.allclose(model(x, context)[..., 0], model(other, context)[..., 0])
