import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.stnorm import Normalised
from tests.reference.derivatives import assert_same_function, unsettle
from tests.reference.stnorm import plain_twin


@pytest.mark.parametrize("axis", [0, 2])
def test_normalised_over_one_axis(axis):
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(6, 2, 9, 4)
    out = Normalised(4, axis)(x)
    torch.testing.assert_close(out.mean(axis), torch.zeros_like(out.mean(axis)), atol=1e-5, rtol=0)
    variance = out.square().mean(axis)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=1e-3, rtol=0)


def test_locations_are_seen_through_their_statistics_only():
    torch.manual_seed(0)
    config = ForecasterConfig(name="stnorm", options={"encoder": "mlp"})
    model = build_forecaster(config, WindowShape(12, 4, 1)).eval()
    x, mean_window = torch.randn(2, 12, 6, 1), torch.randn(6, 12, 1)
    out = model(x, mean_window)
    swapped = x[:, :, [0, 1, 2, 4, 3, 5]], mean_window[[0, 1, 2, 4, 3, 5]]
    torch.testing.assert_close(model(*swapped)[..., :3], out[..., :3])
    other = x.clone()
    other[:, :, 5] += 5
    assert not torch.allclose(model(other, mean_window)[..., :3], out[..., :3])


@pytest.mark.parametrize(
    ("lookback", "features", "locations", "options"),
    [
        (18, 2, 4, {}),
        (6, 1, 2, {}),  # shorter than the 16 steps that the layers take
        (9, 1, 1, {"encoder": "mlp", "dilations": [1, 2]}),
        (7, 3, 3, {"kernel_size": 3, "dilations": [2, 1]}),
    ],
)
def test_equals_the_plain_reference_to_second_order(lookback, features, locations, options):
    torch.manual_seed(0)
    config = ForecasterConfig(name="stnorm", options={"channels": 4, **options})
    model = unsettle(build_forecaster(config, WindowShape(lookback, 3, features)).double())
    x = torch.randn(2, lookback, locations, features, dtype=torch.float64)
    assert_same_function(model, plain_twin(model), x)
