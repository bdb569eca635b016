import pickle

import numpy as np
import pytest
import torch

from stemdist_ray.config import DistillConfig, ForecasterConfig
from stemdist_ray.distillation.members import Teacher, member_forecaster
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
    return Teacher(tuple(weights), (FORECASTER,) * 3, SHAPE)


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
        ({n: v.numpy() for n, v in fresh.state_dict().items()},), (FORECASTER,), residual
    )
    np.testing.assert_array_equal(teacher.forecast(*inputs), 0)


def test_members_of_several_kinds(three, inputs):
    """The mean of what each kind forecasts by itself."""
    line = ForecasterConfig(name="dlinear")
    torch.manual_seed(3)
    other = {n: v.numpy() for n, v in build_forecaster(line, SHAPE).state_dict().items()}
    mixed = Teacher((three.members[0], other), (FORECASTER, line), SHAPE)
    alone = [
        Teacher((weights,), (kind,), SHAPE).forecast(*inputs)
        for weights, kind in zip(mixed.members, mixed.forecasters, strict=True)
    ]
    np.testing.assert_allclose(mixed.forecast(*inputs), np.mean(alone, axis=0), rtol=1e-5)


def test_kinds_are_taken_in_turn():
    own = {"name": "stid", "options": {"layers": 1}, "precision": "bfloat16"}
    kinds = {"members": 3, "forecasters": ["dlinear", "stid"]}
    config = DistillConfig.model_validate({"forecaster": own, "teacher": kinds})
    found = [member_forecaster(config, index) for index in range(3)]
    assert [one.name for one in found] == ["dlinear", "stid", "dlinear"]
    assert found[1] == config.forecaster  # that of the run keeps its options
    assert found[0].options == {}
    assert found[0].precision == "bfloat16"
    assert member_forecaster(DistillConfig(), 1) == DistillConfig().forecaster
