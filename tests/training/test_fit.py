import math

import numpy as np
import pytest
import torch

from stemdist_ray.config import BudgetConfig, ForecasterConfig
from stemdist_ray.errors import DivergenceError
from stemdist_ray.evaluation.metrics import Metrics
from stemdist_ray.evaluation.predict import EvaluationWindows, score_forecaster
from stemdist_ray.forecasters.base_class import WindowShape
from stemdist_ray.training.fit import fit
from stemdist_ray.training.steps import SampledWindows
from tests.conftest import TINY

SETTINGS = {
    "forecaster": ForecasterConfig(**TINY["forecaster"]),
    "shape": WindowShape(6, 4, 1),
    "seed": 1,
}


def budget(epochs, averaging=0.0):
    return BudgetConfig(epochs=epochs, check_every=2, learning_rate=5e-3, averaging=averaging)


@pytest.fixture
def source(prepared):
    mean_window = prepared.mean_window()
    return SampledWindows(prepared.windows, prepared.starts["train"], mean_window, 16, 8, steps=3)


@pytest.fixture
def validate(prepared):
    windows = EvaluationWindows.of(prepared, prepared.starts["val"])
    return lambda model: score_forecaster(model, windows, prepared.mean_window())


def scripted(*scores):
    queue = iter(scores)
    blank = {"relative_mae": 0.0, "mae": 0.0, "rmse": 0.0, "mape": 0.0, "per_horizon": {}}
    return lambda model: Metrics(relative_rmse=next(queue), **blank)


def test_training_helps(source, validate):
    result = fit(source, validate, budget=budget(30), **SETTINGS)
    assert result.validation.relative_rmse < 0.95 * result.history[0][1]
    assert result.optimizer_steps == 90
    assert len(result.history) == 15


def test_the_best_weights_are_kept(source, validate):
    result = fit(source, validate, budget=budget(8), **SETTINGS)
    assert validate(result.model) == result.validation
    assert result.validation.relative_rmse == min(score for _, score in result.history)


def test_same_seed_same_result(source, validate):
    one, two = (fit(source, validate, budget=budget(3), **SETTINGS) for _ in range(2))
    for a, b in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_last_epoch_is_always_validated(source):
    result = fit(source, scripted(3.0, 2.0), budget=budget(3), **SETTINGS)
    assert result.history == ((2, 3.0), (3, 2.0))
    assert result.best_epoch == 3


def test_patience(source):
    result = fit(source, scripted(1.0, 2.0, 2.0, 0.1), budget=budget(8), patience=2, **SETTINGS)
    assert result.best_epoch == 2
    assert len(result.history) == 3


def test_not_a_number_is_never_best(source):
    result = fit(source, scripted(math.nan, 2.0), budget=budget(4), **SETTINGS)
    assert result.best_epoch == 4
    with pytest.raises(DivergenceError, match="never reached a finite validation error"):
        fit(source, scripted(math.nan, math.inf), budget=budget(4), **SETTINGS)


def test_averaged_weights_lag_behind(source, validate):
    plain = fit(source, validate, budget=budget(2), **SETTINGS)
    averaged = fit(source, validate, budget=budget(2, 0.9), **SETTINGS)
    first = np.concatenate([p.detach().ravel() for p in plain.model.parameters()])
    second = np.concatenate([p.detach().ravel() for p in averaged.model.parameters()])
    assert not np.array_equal(first, second)
