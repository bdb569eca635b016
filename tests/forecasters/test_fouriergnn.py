import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.fouriergnn import FourierOperator
from tests.reference.derivatives import assert_same_function, unsettle
from tests.reference.fouriergnn import plain_twin


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
    mean_window = torch.randn(5, 6, 2)
    for target in (0, 1):
        order = build(target).encode(mean_window).order
        levels = mean_window[order][..., target].mean(1)
        assert torch.all(levels.diff() >= 0)


def test_large_sparsity_leaves_the_tokens_alone():
    model = build(sparsity=1e6).eval()
    x, mean_window = torch.randn(3, 6, 5, 2), torch.randn(5, 6, 2)
    state = model.encode(mean_window)
    tokens = model.input_projection(x.transpose(1, 2)) + state.added[:, None]
    expected = model.output_projection(model.reduce(tokens.mT).flatten(2)).transpose(1, 2)
    torch.testing.assert_close(model(x, mean_window), expected)


def test_every_location_hears_the_others():
    model = build(encoder="mlp", sparsity=0.0).eval()
    x, mean_window = torch.randn(1, 6, 5, 2), torch.randn(5, 6, 2)
    other = x.clone()
    other[:, :, 4] += 5
    assert not torch.allclose(model(x, mean_window)[..., 0], model(other, mean_window)[..., 0])


@pytest.mark.parametrize(
    ("lookback", "features", "locations", "options"),
    [
        (6, 2, 4, {}),
        (5, 1, 3, {"sparsity": 0.2}),  # an odd sequence has no frequency without a mirror image
        (1, 1, 2, {"layers": 1}),  # fewer steps than they are reduced to
        (4, 3, 1, {"encoder": "mlp", "sparsity": 0.0}),
    ],
)
def test_equals_the_plain_reference_to_second_order(lookback, features, locations, options):
    torch.manual_seed(0)
    config = ForecasterConfig(
        name="fouriergnn",
        options={
            "width": 4,
            "hidden": 5,
            "reduced_steps": 2,
            "reduced_hidden": 3,
            **options,
        },
    )
    model = unsettle(build_forecaster(config, WindowShape(lookback, 3, features)).double())
    x = torch.randn(2, lookback, locations, features, dtype=torch.float64)
    assert_same_function(model, plain_twin(model), x)
