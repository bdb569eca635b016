import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.stgcn import GatedConvolution
from tests.reference.derivatives import assert_same_function, unsettle
from tests.reference.stgcn import plain_twin


def test_gated_convolution_keeps_the_input_as_residual():
    torch.manual_seed(0)
    layer = GatedConvolution(2, 3, kernel_size=3)
    x = torch.randn(4, 5, 7, 2)
    with torch.no_grad():
        layer.convolution.weight.zero_()
        layer.convolution.bias.zero_()
    out = layer(x)
    torch.testing.assert_close(out[..., :2], 0.5 * x[:, :, 2:])
    assert torch.all(out[..., 2] == 0)


@pytest.mark.parametrize("lookback", [3, 9, 12, 24])
def test_every_input_step_takes_part(lookback):
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name="stgcn"), WindowShape(lookback, 4, 1)).double()
    x = torch.randn(1, lookback, 5, 1, dtype=torch.float64, requires_grad=True)
    mean_window = torch.randn(5, lookback, 1, dtype=torch.float64)
    weights = torch.randn(1, 4, 5, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((model(x, mean_window) * weights).sum(), x)
    assert torch.all(gradient[0, :, :, 0].abs().sum(1) > 0)


@pytest.mark.parametrize(
    ("lookback", "features", "locations", "options"),
    [
        (12, 2, 4, {}),
        (6, 1, 2, {}),  # shorter than the 9 steps that the blocks take
        (9, 1, 1, {"encoder": "mlp", "order": 1}),
        (7, 5, 6, {"blocks": 1, "graph_channels": 6, "kernel_size": 2, "order": 4}),
    ],
)
def test_equals_the_plain_reference_to_second_order(lookback, features, locations, options):
    torch.manual_seed(0)
    config = ForecasterConfig(name="stgcn", options={"channels": 4, "graph_channels": 3, **options})
    model = unsettle(build_forecaster(config, WindowShape(lookback, 3, features)).double())
    x = torch.randn(2, lookback, locations, features, dtype=torch.float64)
    assert_same_function(model, plain_twin(model), x)
