import math

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.fit import fit
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.evaluation.sources import NodeSampling
from stemdist_ray.forecasters.base import WindowShape
from tests.conftest import TINY

SETTINGS = {
    "forecaster": ForecasterConfig(**TINY["forecaster"]),
    "shape": WindowShape(6, 4, 1),
    "check_every": 2,
    "learning_rate": 5e-3,
    "seed": 1,
}


@pytest.fixture
def source(prepared):
    context = prepared.encoder_input()
    return NodeSampling(prepared.windows, prepared.starts["train"], context, 16, 8, steps=3)


@pytest.fixture
def validate(prepared):
    windows = EvaluationWindows.of(prepared, prepared.starts["val"])
    return lambda model: score_forecaster(model, windows, prepared.encoder_input())


def scripted(*scores):
    queue = iter(scores)
    blank = {"relative_mae": 0.0, "mae": 0.0, "rmse": 0.0, "mape": 0.0, "per_horizon": {}}
    return lambda model: Metrics(relative_rmse=next(queue), **blank)


def test_training_helps(source, validate):
    result = fit(source, validate, epochs=30, **SETTINGS)
    assert result.validation.relative_rmse < 0.95 * result.history[0][1]
    assert result.optimizer_steps == 90
    assert len(result.history) == 15


def test_the_best_weights_are_kept(source, validate):
    result = fit(source, validate, epochs=8, **SETTINGS)
    assert validate(result.model) == result.validation
    assert result.validation.relative_rmse == min(score for _, score in result.history)


def test_same_seed_same_result(source, validate):
    one, two = (fit(source, validate, epochs=3, **SETTINGS) for _ in range(2))
    for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_last_epoch_is_always_judged(source):
    result = fit(source, scripted(3.0, 2.0), epochs=3, **SETTINGS)
    assert result.history == ((2, 3.0), (3, 2.0))
    assert result.best_epoch == 3


def test_patience(source):
    result = fit(source, scripted(1.0, 2.0, 2.0, 0.1), epochs=8, patience=2, **SETTINGS)
    assert result.best_epoch == 2
    assert len(result.history) == 3


def test_not_a_number_is_never_best(source):
    result = fit(source, scripted(math.nan, 2.0), epochs=4, **SETTINGS)
    assert result.best_epoch == 4
    with pytest.raises(DivergenceError, match="never reached a finite validation error"):
        fit(source, scripted(math.nan, math.inf), epochs=4, **SETTINGS)


def test_averaged_weights_lag_behind(source, validate):
    plain = fit(source, validate, epochs=2, **SETTINGS)
    averaged = fit(source, validate, epochs=2, averaging=0.9, **SETTINGS)
    first = np.concatenate([p.detach().ravel() for p in plain.model.parameters()])
    second = np.concatenate([p.detach().ravel() for p in averaged.model.parameters()])
    assert not np.array_equal(first, second)
