import pickle

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.members import Teacher
from stemdist_ray.evaluation import predict
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.forecasters.catalog import build_forecaster
from tests.conftest import TINY

SHAPE = WindowShape(6, 4, 3, num_covariates=2)
FORECASTER = ForecasterConfig(**TINY["forecaster"])


def built(seed):
    torch.manual_seed(seed)
    return build_forecaster(FORECASTER, SHAPE).eval()


@pytest.fixture
def models():
    return [built(seed) for seed in (0, 1, 2)]


@pytest.fixture
def three(models):
    weights = ({n: v.numpy() for n, v in model.state_dict().items()} for model in models)
    return Teacher(tuple(weights), FORECASTER, SHAPE)


@pytest.fixture
def inputs(rng):
    x = rng.standard_normal((5, 6, 7, 3)).astype(np.float32)
    return x, rng.standard_normal((7, 6, 3)).astype(np.float32)


def test_the_forecast_is_the_mean_of_the_members(three, models, inputs, monkeypatch):
    x, mean_window = inputs
    with torch.no_grad():
        each = [m(torch.tensor(x), torch.tensor(mean_window)).numpy() for m in models]
    whole = three.forecast(x, mean_window)
    np.testing.assert_allclose(whole, np.mean(each, axis=0), rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(predict, "windows_per_batch", lambda model, locations: 2)
    np.testing.assert_allclose(three.forecast(x, mean_window), whole, rtol=1e-4, atol=1e-6)


def test_members_are_in_eval_mode_and_have_weights_of_their_own(three, inputs):
    first = three.models()
    assert not any(model.training for model in first)
    before = three.forecast(*inputs)
    with torch.no_grad():
        for parameter in first[0].parameters():
            parameter.zero_()
    np.testing.assert_array_equal(three.forecast(*inputs), before)


def test_a_teacher_travels(three, inputs):
    copy = pickle.loads(pickle.dumps(three))
    np.testing.assert_array_equal(copy.forecast(*inputs), three.forecast(*inputs))


def test_members_that_learned_a_residual(inputs):
    residual = WindowShape(6, 4, 3, num_covariates=2, residual=True)
    fresh = build_forecaster(FORECASTER, residual)
    teacher = Teacher(
        ({n: v.numpy() for n, v in fresh.state_dict().items()},), FORECASTER, residual
    )
    np.testing.assert_array_equal(teacher.forecast(*inputs), 0)
