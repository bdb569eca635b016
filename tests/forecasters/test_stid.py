import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters.base import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster


def test_a_location_sees_the_others_only_through_the_encoder():
    torch.manual_seed(0)
    x, context = torch.randn(3, 8, 5, 2), torch.randn(5, 8, 2)
    changed, moved = x.clone(), context.clone()
    changed[:, :, 4] += 1
    moved[4] += 1
    for encoder, local in (("mlp", True), ("attention", False)):
        config = ForecasterConfig(name="stid", options={"encoder": encoder})
        model = build_forecaster(config, WindowShape(8, 4, 2)).eval()
        out = model(x, context)
        assert torch.allclose(model(changed, context)[..., :4], out[..., :4])
        assert not torch.allclose(model(changed, context)[..., 4], out[..., 4])
        assert torch.allclose(model(x, moved)[..., :4], out[..., :4]) is local
        assert not torch.allclose(model(x, moved)[..., 4], out[..., 4])


def test_paper_size_without_the_encoder():
    model = build_forecaster(ForecasterConfig(name="stid"), WindowShape(12, 12, 1))
    own = model.num_parameters() - sum(p.numel() for p in model.encoder.parameters())
    width = 96
    series, time = 12 * 32 + 32, 32 + 32
    assert own == series + time + 3 * 2 * (width * width + width) + width * 12 + 12
