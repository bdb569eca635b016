import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from tests.reference.derivatives import assert_same_function, unsettle
from tests.reference.stid import plain_twin


def test_a_location_sees_the_others_only_through_the_encoder():
    torch.manual_seed(0)
    x, mean_window = torch.randn(3, 8, 5, 2), torch.randn(5, 8, 2)
    changed, moved = x.clone(), mean_window.clone()
    changed[:, :, 4] += 1
    moved[4] += 1
    for encoder, local in (("mlp", True), ("attention", False)):
        config = ForecasterConfig(name="stid", options={"encoder": encoder})
        model = build_forecaster(config, WindowShape(8, 4, 2)).eval()
        out = model(x, mean_window)
        assert torch.allclose(model(changed, mean_window)[..., :4], out[..., :4])
        assert not torch.allclose(model(changed, mean_window)[..., 4], out[..., 4])
        assert torch.allclose(model(x, moved)[..., :4], out[..., :4]) is local
        assert not torch.allclose(model(x, moved)[..., 4], out[..., 4])


def test_paper_size_without_the_encoder():
    model = build_forecaster(ForecasterConfig(name="stid"), WindowShape(12, 12, 1))
    own = model.num_parameters() - sum(p.numel() for p in model.encoder.parameters())
    width = 96
    series, time = 12 * 32 + 32, 32 + 32
    assert own == series + time + 3 * 2 * (width * width + width) + width * 12 + 12


@pytest.mark.parametrize(
    ("lookback", "features", "locations", "options"),
    [
        (12, 2, 4, {}),
        (6, 1, 2, {"layers": 1}),
        (1, 3, 1, {"encoder": "mlp"}),
    ],
)
def test_equals_the_plain_reference_to_second_order(lookback, features, locations, options):
    torch.manual_seed(0)
    config = ForecasterConfig(
        name="stid", options={"embedding": 3, "series_embedding": 4, "time_embedding": 2, **options}
    )
    model = unsettle(build_forecaster(config, WindowShape(lookback, 3, features)).double())
    x = torch.randn(2, lookback, locations, features, dtype=torch.float64)
    assert_same_function(model, plain_twin(model), x)
