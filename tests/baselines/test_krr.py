from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.baselines.krr import LagMoments, enough_rows, matched_rows, train_moments
from stemdist_ray.baselines.method import MethodTask, run_method
from stemdist_ray.baselines.size import Sizes
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import ConfigError


def rows_of(x, y):
    lags = x.transpose(0, 2, 1, 3).reshape(x.shape[0] * x.shape[2], -1)
    return lags.astype(float), y.transpose(0, 2, 1).reshape(len(lags), -1).astype(float)


def all_rows(real):
    batch = replace(real.windows, calendar=None).batch(real.starts)
    lags, targets = rows_of(batch.x.numpy(), batch.residual().numpy())
    whole = batch.observed.numpy().all(axis=1).flatten()
    return lags[whole], targets[whole]


def ridge(lags, targets, penalty):
    """The plain way, on mean squares, with an intercept that is not penalised."""
    rows = np.concatenate([lags, np.ones((len(lags), 1))], axis=1)
    paid = np.diag([*[penalty] * lags.shape[1], 0.0])
    return np.linalg.solve(rows.T @ rows / len(rows) + paid, rows.T @ targets / len(rows))


@pytest.mark.parametrize("with_base", [True, False])
@pytest.mark.parametrize("penalty", [0.0, 0.1, 10.0])
def test_it_has_the_solution_of_all_data(
    make_work, seasonal, based_config, real, with_base, penalty
):
    real = real if with_base else real_data(seasonal, based_config)
    work = make_work("krr", real=real)
    made = run_method(real, MethodTask("m", work.config, "cpu"))
    own = rows_of(made.state.x, made.known.residual(made.state.x, made.state.y))
    wanted = ridge(*all_rows(real), penalty)
    assert np.abs(ridge(*own, penalty) - wanted).max() < 1e-4
    moments = train_moments(work)
    weights, intercept = moments.solution(penalty)
    np.testing.assert_allclose(np.vstack([weights, intercept]), wanted, atol=1e-6)
    again = run_method(real, MethodTask("m", work.config, "cpu"))
    np.testing.assert_array_equal(again.state.x, made.state.x)


def test_windows_move_as_little_as_they_may(rng):
    mixing = rng.normal(size=(5, 5))
    lags = rng.normal(size=(400, 5)) @ mixing
    targets = lags @ rng.normal(size=(5, 2)) + rng.normal(size=(400, 2))
    wanted = LagMoments.of_rows(lags, targets)
    moved, _ = matched_rows(lags[:40], wanted)
    random, _ = matched_rows(rng.normal(size=(40, 5)), wanted)
    distance = np.square(moved - lags[:40]).sum()
    assert distance < 0.3 * np.square(random - lags[:40]).sum()
    found = LagMoments.of_rows(moved, moved)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=1e-8)
    np.testing.assert_allclose(found.lags, wanted.lags, atol=1e-10)


def test_directions_without_variance_are_left_alone(rng):
    lags = rng.normal(size=(300, 3)) @ rng.normal(size=(3, 5)) + 2  # three directions of five
    targets = lags[:, :2] ** 2
    wanted = LagMoments.of_rows(lags, targets)
    moved, said = matched_rows(np.zeros((10, 5)), wanted)
    found = LagMoments.of_rows(moved, said)
    np.testing.assert_allclose(found.covariance, wanted.covariance, atol=1e-8)
    np.testing.assert_allclose(found.cross, wanted.cross, atol=1e-8)


def test_too_few_rows_are_refused(make_work):
    work = make_work("krr", spatial=0.1, temporal=0.03, locations="medoids")
    sizes = Sizes.of(work.config, work.real)
    with pytest.raises(ConfigError, match=r"= \d rows, and carries .* features \+ 1 = 13"):
        enough_rows(sizes, work.options)
    assert enough_rows(replace(sizes, windows=40), work.options) > 0
