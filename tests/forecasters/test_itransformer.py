import pytest
import torch
from torch import nn

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.forecasters.itransformer import ItransformerOptions, TokenLayer


def test_a_layer_is_torchs_encoder_layer():
    torch.manual_seed(0)
    options = ItransformerOptions(width=16, heads=4, feed_forward=24, dropout=0.0)
    ours = TokenLayer(options).double()
    theirs = nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0.0, activation="gelu", batch_first=True, dtype=torch.float64
    )
    pairs = {
        theirs.self_attn.in_proj_weight: ours.project.weight,
        theirs.self_attn.in_proj_bias: ours.project.bias,
    }
    modules = {
        theirs.self_attn.out_proj: ours.mix,
        theirs.linear1: ours.input_projection,
        theirs.linear2: ours.output_projection,
        theirs.norm1: ours.first_norm,
        theirs.norm2: ours.second_norm,
    }
    with torch.no_grad():
        for parameter, value in pairs.items():
            parameter.copy_(value)
        for module, source in modules.items():
            module.load_state_dict(source.state_dict())
    x = torch.randn(3, 7, 16, dtype=torch.float64)
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("target", [0, 1])
def test_forecasts_follow_level_and_scale_of_the_target(target):
    torch.manual_seed(0)
    config = ForecasterConfig(name="itransformer", options={"width": 16})
    model = build_forecaster(config, WindowShape(8, 4, 2, target)).eval()
    x, mean_window = 10 * torch.randn(3, 8, 5, 2), torch.randn(5, 8, 2)
    scaled = x.clone()
    scaled[..., target] = 2 * scaled[..., target] + 30
    expected = 2 * model(x, mean_window) + 30
    torch.testing.assert_close(model(scaled, mean_window), expected, rtol=1e-3, atol=1e-3)


def test_heads_must_divide_the_width():
    config = ForecasterConfig(name="itransformer", options={"width": 10, "heads": 4})
    with pytest.raises(ConfigError, match="width 10 must be a multiple of heads 4"):
        build_forecaster(config, WindowShape(8, 4, 1))
