import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.stgcn import GatedConvolution


def test_gated_convolution_keeps_the_input_as_residual():
    torch.manual_seed(0)
    layer = GatedConvolution(2, 3, taps=3)
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
    context = torch.randn(5, lookback, 1, dtype=torch.float64)
    weights = torch.randn(1, 4, 5, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((model(x, context) * weights).sum(), x)
    assert torch.all(gradient[0, :, :, 0].abs().sum(1) > 0)
