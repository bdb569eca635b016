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
    "shape": WindowShape(6, 4, 3, num_covariates=2),  # time of day as sine and cosine
    "seed": 1,
}


def budget(epochs, averaging=0.0):
    return BudgetConfig(
        epochs=epochs, check_every=2, learning_rate=5e-3, averaging=averaging, warmup_steps=0
    )


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


def test_snapshots_are_what_a_training_that_ended_there_would_have_given(source, validate):
    result = fit(source, validate, budget=budget(4), snapshots_at=(1, 5, 99), **SETTINGS)
    assert [s.steps for s in result.snapshots] == [1, 5, 12]  # the last one is the end
    assert result.optimizer_steps == 12
    errors = [s.validation for s in result.snapshots]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] == result.validation.relative_rmse
    seconds = [s.train_seconds for s in result.snapshots]
    assert seconds == sorted(seconds)
    assert seconds[-1] <= result.train_seconds < result.total_seconds
    for snapshot in result.snapshots:
        result.model.load_state_dict(snapshot.weights)
        assert validate(result.model).relative_rmse == snapshot.validation


def test_snapshots_do_not_change_the_steps(source, validate):
    one, two = (
        fit(source, validate, budget=budget(3), snapshots_at=at, **SETTINGS) for at in ((), (2, 4))
    )
    assert len(one.snapshots) == 1
    assert one.history == two.history


def test_looks_along_the_way_do_not_use_up_the_patience(source):
    """Patience counts the validations of the budget's rhythm."""
    looks = (1, 2, 4, 5)
    scores = scripted(1.0, 2.0, 2.0, 2.0, 2.0, 0.5, 0.5, 0.5)
    result = fit(source, scores, budget=budget(4), patience=2, snapshots_at=looks, **SETTINGS)
    assert result.optimizer_steps == 12


def test_a_residual_starts_at_the_base_and_keeps_it_where_nothing_is_better(based):
    windows = based.windows
    data = SampledWindows(windows, based.starts["train"], based.mean_window(), 16, 8, steps=3)
    shape = WindowShape.of(windows)
    held = EvaluationWindows.of(based, based.starts["val"])
    base = held.score(lambda s: windows.batch(s).base.numpy(), 99).relative_rmse
    wild = budget(2).model_copy(update={"learning_rate": 1.0})
    settings = {**SETTINGS, "shape": shape}
    result = fit(
        data, lambda m: score_forecaster(m, held, based.mean_window()), budget=wild, **settings
    )
    assert result.best_epoch == 0
    assert result.history[0] == (0, pytest.approx(base, rel=1e-6))
    assert result.validation.relative_rmse == pytest.approx(base, rel=1e-6)
