from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form.subset_base import fit_subset_base

CONFIG = DataConfig(lookback=6, horizon=4)
STARTS, LOCATIONS = np.arange(3, 220, 11), np.array([1, 4, 7, 10])


def with_readings(source, change):
    """The same source after a change of its scaled readings in place."""
    inputs = source.windows.inputs.copy()
    change(inputs)
    return replace(source, windows=replace(source.windows, inputs=inputs))


def weights_of(source):
    return fit_subset_base(source, STARTS, LOCATIONS).model.weights


def test_it_forecasts_all_locations_and_better_than_nothing(seasonal):
    base = fit_subset_base(seasonal, STARTS, LOCATIONS)
    source = seasonal.with_base(base)
    batch = source.windows.batch(source.starts["test"])
    assert batch.base.shape == batch.y.shape
    windows = EvaluationWindows.of(source, source.starts["test"])
    error = windows.score(lambda s: source.windows.batch(s).base.numpy(), 50)
    assert error.relative_rmse < 0.8


def test_its_parts_are_what_a_subset_can_know(seasonal):
    model = fit_subset_base(seasonal, STARTS, LOCATIONS).model
    assert set(model.weights) == {"own", "overall", "level", "season", "one"}
    assert model.profile.patterns.shape == (1, 48)
    np.testing.assert_array_equal(model.profile.coefficients, 1)
    level = seasonal.mean_window()[:, :, 0].mean(axis=1)
    np.testing.assert_allclose(model.profile.level, level, rtol=1e-6)


def test_other_locations_are_not_read_outside_mean_window_and_validation(seasonal, rng):
    """The sums of a location over its train windows stay: steps are exchanged, not changed."""
    others = np.setdiff1d(np.arange(12), LOCATIONS)

    def exchange(inputs):
        # Steps 20 and 40 are in all windows' means alike: every lag of train sees both of them.
        inputs[np.ix_([20, 40], others)] = inputs[np.ix_([40, 20], others)]

    mask = seasonal.windows.input_mask.copy()
    mask[:231] = True
    whole = replace(seasonal, windows=replace(seasonal.windows, input_mask=mask))
    changed = with_readings(whole, exchange)
    assert not np.array_equal(changed.windows.inputs, whole.windows.inputs)
    one, two = weights_of(whole), weights_of(changed)
    for part, weights in one.items():
        np.testing.assert_allclose(two[part], weights, rtol=1e-4, atol=1e-6)


def test_train_windows_that_are_not_held_are_not_read(seasonal):
    """Nor those of its own locations, but for the mean window."""
    held = np.unique(STARTS[:5, None] + np.arange(10))
    free = np.setdiff1d(np.arange(20, 200), held)
    one, two = free[3], free[40]
    mask = seasonal.windows.input_mask.copy()
    mask[:231] = True
    whole = replace(seasonal, windows=replace(seasonal.windows, input_mask=mask))

    def exchange(inputs):
        inputs[[one, two]] = inputs[[two, one]]

    found = [
        fit_subset_base(source, STARTS[:5], LOCATIONS).model
        for source in (whole, with_readings(whole, exchange))
    ]
    for part, weights in found[0].weights.items():
        np.testing.assert_allclose(found[1].weights[part], weights, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[0].profile.patterns, found[1].profile.patterns)


def test_its_own_readings_are_read(seasonal):
    def shift(inputs):
        inputs[STARTS[2] : STARTS[2] + 10, LOCATIONS[0]] += 3

    one, two = weights_of(seasonal), weights_of(with_readings(seasonal, shift))
    assert not np.allclose(one["own"], two["own"])


def test_test_is_not_read(seasonal):
    def wipe(inputs):
        inputs[307:] = 7

    one, two = weights_of(seasonal), weights_of(with_readings(seasonal, wipe))
    for part in one:
        np.testing.assert_array_equal(one[part], two[part])


@pytest.mark.parametrize("locations", [[5], [0, 1]])
def test_without_a_season_and_with_few_locations(hourly, locations):
    source = prepare(hourly.with_changes(times=None), CONFIG)
    base = fit_subset_base(source, STARTS[:3], np.array(locations))
    assert "season" not in base.model.weights
    assert source.with_base(base).windows.batch(STARTS).base.isfinite().all()
