import math

import numpy as np
import pytest

from stemdist_ray.evaluation.metrics import METRIC_NAMES, ErrorSums, Summary, TargetStatistics


def score(forecast, target, observed=None, pieces=1):
    horizon = target.shape[1]
    seen = np.ones(target.shape, bool) if observed is None else observed
    cuts = np.array_split(np.arange(len(target)), pieces)
    statistics = TargetStatistics.collect(lambda: ((target[c], seen[c]) for c in cuts), horizon)
    sums = ErrorSums(horizon)
    for part in np.array_split(np.arange(len(target)), pieces):
        sums.add(forecast[part], target[part], None if observed is None else observed[part])
    return sums.metrics(statistics)


def test_definitions(rng):
    target = rng.normal(5, 2, (20, 3, 4)).astype(np.float32)
    forecast = target + rng.normal(size=target.shape).astype(np.float32)
    error, spread = forecast - target, target.mean() - target
    got = score(forecast, target, pieces=4)
    assert got.mae == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert got.rmse == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)
    assert got.mape == pytest.approx(100 * np.abs(error / target).mean(), rel=1e-4)
    wanted = np.sqrt((error**2).sum() / (spread**2).sum())
    assert got.relative_rmse == pytest.approx(wanted, rel=1e-5)
    assert got.relative_mae == pytest.approx(np.abs(error).sum() / np.abs(spread).sum(), rel=1e-5)
    np.testing.assert_allclose(got.per_horizon["mae"], np.abs(error).mean((0, 2)), rtol=1e-5)
    step = np.sqrt((error[:, 1] ** 2).sum() / ((target[:, 1] - target[:, 1].mean()) ** 2).sum())
    assert got.per_horizon["relative_rmse"][1] == pytest.approx(step, rel=1e-5)


def test_forecasting_the_mean_has_relative_error_one(rng):
    target = rng.normal(5, 2, (20, 1, 4)).astype(np.float32)
    got = score(np.full_like(target, target.mean()), target)
    assert got.relative_rmse == pytest.approx(1, abs=1e-4)
    assert got.relative_mae == pytest.approx(1, abs=1e-4)


def test_masked_targets_never_count(rng):
    target = rng.normal(5, 2, (20, 3, 4)).astype(np.float32)
    forecast = target + 1
    observed = rng.random(target.shape) > 0.3
    wild = np.where(observed, target, np.float32(1e6))
    assert score(forecast, wild, observed) == score(
        forecast, np.where(observed, target, 0), observed
    )
    assert score(forecast, wild, observed).mae == pytest.approx(1, rel=1e-4)


def test_zeros_do_not_enter_the_percentage(rng):
    target = np.array([[[0.0, 2.0]]], np.float32)
    assert score(target + 1, target).mape == pytest.approx(50)
    assert math.isnan(score(np.ones_like(target), np.zeros_like(target)).mape)


def test_summary_of_repeats(rng):
    target = rng.normal(5, 2, (20, 3, 4)).astype(np.float32)
    repeats = [score(target + k, target) for k in (1, 2)]
    summary = Summary.of(repeats)
    assert summary.values["mae"]["mean"] == pytest.approx(1.5, rel=1e-5)
    assert summary.values["mae"]["std"] == pytest.approx(np.std([1, 2], ddof=1), rel=1e-4)
    assert Summary.of(repeats[:1]).values["mae"]["std"] == 0
    tree = summary.to_json()
    assert set(METRIC_NAMES) | {"per_horizon", "repeats"} == set(tree)
    assert len(tree["per_horizon"]["rmse"]["mean"]) == 3
