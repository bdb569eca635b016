import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.stnorm import Normalised


@pytest.mark.parametrize("axis", [0, 2])
def test_normalised_over_one_axis(axis):
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(6, 2, 9, 4)
    out = Normalised(4, axis)(x)
    torch.testing.assert_close(out.mean(axis), torch.zeros_like(out.mean(axis)), atol=1e-5, rtol=0)
    spread = out.square().mean(axis)
    torch.testing.assert_close(spread, torch.ones_like(spread), atol=1e-3, rtol=0)


def test_locations_are_seen_through_their_statistics_only():
    torch.manual_seed(0)
    config = ForecasterConfig(name="stnorm", options={"encoder": "mlp"})
    model = build_forecaster(config, WindowShape(12, 4, 1)).eval()
    x, context = torch.randn(2, 12, 6, 1), torch.randn(6, 12, 1)
    out = model(x, context)
    swapped = x[:, :, [0, 1, 2, 4, 3, 5]], context[[0, 1, 2, 4, 3, 5]]
    torch.testing.assert_close(model(*swapped)[..., :3], out[..., :3])
    other = x.clone()
    other[:, :, 5] += 5
    assert not torch.allclose(model(other, context)[..., :3], out[..., :3])
