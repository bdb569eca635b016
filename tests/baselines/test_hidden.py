import pytest
import torch

from stemdist_ray.baselines.hidden import HiddenFeatures, JointEncoder, seen_targets
from stemdist_ray.config import ForecasterConfig
from stemdist_ray.forecasters import FORECASTERS
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from stemdist_ray.training.steps import TrainingStep

SHAPE = WindowShape(lookback=12, horizon=4, num_features=2)


def some_step(windows=3, locations=5, horizon=4):
    x = torch.randn(windows, 12, locations, 2)
    y = torch.randn(windows, horizon, locations)
    return TrainingStep(x, y, torch.randn(locations, 12, 2), torch.ones(locations), None)


@pytest.mark.parametrize("name", sorted(FORECASTERS))
def test_one_vector_per_window_and_location(name):
    torch.manual_seed(0)
    model = build_forecaster(ForecasterConfig(name=name), SHAPE)
    features, step = HiddenFeatures(model), some_step()
    hidden = features(step)
    assert hidden.shape[:2] == (3, 5)
    assert (hidden.shape[2] == 4) == (features.layout is None)
    if name in ("stid", "mtgnn", "agcrn", "itransformer"):
        assert features.layout is not None
        forecast = model.eval()(step.x, step.mean_window)
        if name != "itransformer":  # it scales what its last layer gives
            ours = model.output_projection(hidden).transpose(1, 2)
            torch.testing.assert_close(ours, forecast, rtol=1e-4, atol=1e-5)
    # Windows and locations are told apart: another window changes its own row.
    step.x[1] += 1
    moved = (features(step) - hidden).abs().amax(dim=(1, 2))
    assert moved[1] > 0
    assert moved[[0, 2]].max() < 1e-5


def test_features_of_inputs_have_a_gradient():
    step = some_step()
    step.x.requires_grad_()
    features = HiddenFeatures(build_forecaster(ForecasterConfig(), SHAPE))
    features(step).square().sum().backward()
    assert step.x.grad.abs().max() > 0


def test_the_encoder_sees_inputs_and_targets():
    torch.manual_seed(0)
    step = some_step()
    encoder = JointEncoder.draw(build_forecaster(ForecasterConfig(), SHAPE), step, 16)
    code = encoder(step)
    assert code.shape == (3, 5, 16)
    assert code.min() == 0
    step.y[0, :, 0] += 1
    assert (encoder(step) - code).abs().sum(2).gt(0).sum() == 1


def test_what_was_not_observed_says_nothing():
    step = some_step()
    seen = torch.ones_like(step.y, dtype=torch.bool)
    seen[0, 1, 2] = False
    masked = TrainingStep(step.x, step.y, step.mean_window, step.weights, seen)
    assert seen_targets(masked)[0, 2, 1] == 0
    torch.testing.assert_close(seen_targets(masked)[1], step.y[1].T)
