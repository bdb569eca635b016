from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.forecasters.closed_form import fit_base as module
from stemdist_ray.forecasters.closed_form import gram
from stemdist_ray.forecasters.closed_form.fit_base import (
    PENALTIES,
    fit_base,
)
from stemdist_ray.forecasters.closed_form.runner import InProcess

CONFIG = DataConfig(lookback=6, horizon=4)


def test_error(source, fitted):
    source = source.with_base(fitted.bind(source))
    windows = EvaluationWindows.of(source, source.starts["test"])
    return windows.score(lambda s: source.windows.batch(s).base.numpy(), 50).relative_rmse


test_error.__test__ = False


class AnyOrder(InProcess):
    """Runs tasks from the last to the first."""

    def run(self, function, tasks, on_done):
        return super().run(function, tasks[::-1], on_done)[::-1]


def assert_same(one, two, **tolerance):
    assert one.choice == two.choice
    assert one.model.weights.keys() == two.model.weights.keys()
    for part, weights in one.model.weights.items():
        if tolerance:
            np.testing.assert_allclose(weights, two.model.weights[part], **tolerance)
        else:
            np.testing.assert_array_equal(weights, two.model.weights[part])


def test_all_parts_have_their_sizes(fitted):
    model = fitted.model
    sizes = {part: weights.shape for part, weights in model.weights.items()}
    assert sizes == {
        "own": (4, 12),
        "group": (4, 6),
        "overall": (4, 6),
        "level": (4, 1),
        "season": (4, 10),
        "one": (4, 1),
    }
    assert fitted.choice.penalty in PENALTIES
    assert fitted.choice.rank == model.profile.rank
    assert (model.membership.sum(axis=1) == 1).all()
    assert fitted.needs_season


def test_it_forecasts_better_than_ridge_on_own_lags(seasonal, fitted):
    ridge = fit_base(seasonal, "ridge", seed=0)
    assert set(ridge.model.weights) == {"own", "one"}
    assert not ridge.needs_season
    assert test_error(seasonal, fitted) < 0.95 * test_error(seasonal, ridge)


@pytest.mark.parametrize("kind", ["seasonal_linear", "ridge"])
def test_the_order_of_the_blocks_does_not_matter(seasonal, kind, monkeypatch):
    monkeypatch.setattr(module, "_FEW_ROWS", 0)
    monkeypatch.setattr(gram, "_ROWS_PER_BLOCK", 200)
    one, two = (fit_base(seasonal, kind, 0, runner) for runner in (InProcess(), AnyOrder()))
    assert_same(one, two)


def test_many_blocks_give_what_one_pass_gives(seasonal, fitted, monkeypatch):
    monkeypatch.setattr(gram, "_ROWS_PER_BLOCK", 100)
    monkeypatch.setattr(gram, "_LOCATIONS_PER_BLOCK", 7)
    assert_same(fit_base(seasonal, "seasonal_linear", 0), fitted, rtol=1e-4, atol=1e-6)


def test_few_rows_do_not_travel(seasonal):
    class Nowhere:
        def share(self, data):
            pytest.fail("travelled")

    fit_base(seasonal, "ridge", 0, Nowhere())


def test_the_test_split_is_not_read(hourly, fitted):
    values = hourly.values.copy()
    values[307:] = values[307:][::-1]  # the test split
    other = prepare(hourly.with_changes(values=values, mask=None), CONFIG)
    assert_same(fit_base(other, "seasonal_linear", 0), fitted)


def test_validation_chooses(hourly):
    """Where validation repeats train, weights that follow train closely do best, else others."""
    choices = []
    for noise in (0, 30):
        values = hourly.values.copy()
        values[230:307] = values[62:139]  # the same hours of the week
        values[230:307] += noise * np.random.default_rng(0).normal(size=(77, 12, 2))
        other = prepare(hourly.with_changes(values=values, mask=None), CONFIG)
        choices.append(fit_base(other, "seasonal_linear", 0).choice)
    assert choices[0] != choices[1]


def test_without_a_season(hourly):
    source = prepare(hourly.with_changes(times=None), CONFIG)
    fitted = fit_base(source, "seasonal_linear", 0)
    assert "season" not in fitted.model.weights
    assert "level" in fitted.model.weights
    assert (fitted.choice.rank, fitted.needs_season) == (0, False)
    assert np.isfinite(test_error(source, fitted))


def test_a_season_of_steps_does_what_one_of_hours_does(hourly):
    config = CONFIG.model_copy(update={"season": 24})
    plain, daily = (prepare(hourly.with_changes(times=None), c) for c in (CONFIG, config))
    errors = [test_error(s, fit_base(s, "seasonal_linear", 0)) for s in (plain, daily)]
    assert errors[1] < errors[0]


@pytest.mark.parametrize("locations", [1, 2, 4])
def test_few_locations(hourly, locations):
    some = {"values": hourly.values[:, :locations], "mask": None}
    names = hourly.location_ids[:locations]
    source = prepare(hourly.with_changes(**some, location_ids=names), CONFIG)
    fitted = fit_base(source, "seasonal_linear", 0)
    assert fitted.model.membership.shape == (locations, 2 if locations == 4 else 0)
    assert fitted.choice.rank <= locations
    assert np.isfinite(test_error(source, fitted))


def test_binding_to_a_later_edition(hourly, seasonal, fitted):
    longer = fitted.bind(seasonal)
    half = replace(seasonal, windows=seasonal.windows.head(200), times=seasonal.times[:200])
    shorter = fitted.bind(half)
    starts = np.array([0, 50])
    np.testing.assert_allclose(shorter.offset(starts), longer.offset(starts), atol=1e-6)


def test_many_seasons_need_no_search(seasonal, monkeypatch):
    monkeypatch.setattr(module, "_MANY_SEASONS", 5)
    choice = fit_base(seasonal, "seasonal_linear", 0).choice
    assert (choice.smoothing, choice.cross_fitted) == (0.0, False)


def test_a_season_that_train_has_hardly_seen_is_left_out(hourly):
    """What two days had in common may be chance: here validation does the opposite."""
    wave = 10 * np.sin(2 * np.pi * np.arange(70) / 24)
    wave[42:] *= -1  # validation and test
    values = wave[:, None, None] + np.random.default_rng(0).normal(size=(70, 12, 1))
    short = hourly.with_changes(
        values=values,
        mask=None,
        times=hourly.times[:70],
        feature_names=("speed",),
        units=("",),
    )
    base = fit_base(prepare(short, CONFIG), "seasonal_linear", 0)
    assert base.choice.rank == 0
    assert not base.needs_season


@pytest.mark.parametrize("enough", [1, 1000])  # fewer windows, or fewer locations
def test_many_rows_are_thinned(seasonal, fitted, monkeypatch, enough):
    """Evenly, to so many windows times locations; the map hardly changes."""
    count = 0
    monkeypatch.setattr(module, "_ENOUGH_WINDOWS", enough)

    def counted(*args, real=module.gram_tasks):
        nonlocal count
        tasks = real(*args)
        count += sum(len(t.starts) * len(t.locations) for t in tasks if t.name.startswith("base"))
        return tasks

    monkeypatch.setattr(module, "gram_tasks", counted)
    monkeypatch.setattr(module, "_MOST_ROWS", 6_000)
    thinned = fit_base(seasonal, "seasonal_linear", seed=0)
    assert count <= 12_000  # of train and of validation
    assert test_error(seasonal, thinned) < 1.05 * test_error(seasonal, fitted)
