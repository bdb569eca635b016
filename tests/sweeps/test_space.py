import numpy as np
import optuna
import pytest

from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.config import SearchConfig
from stemdist_ray.sweeps.space import SearchSpace


def space(preset="standard", layer=None, **search):
    return SearchSpace(SearchConfig(**search), preset, layer or {})


def test_random_points_stay_in_their_ranges_and_under_the_bound():
    points = space(trials=300, largest=0.05).random_points()
    spatial = np.array([p["spatial_ratio"] for p in points])
    temporal = np.array([p["temporal_ratio"] for p in points])
    assert spatial.min() >= 0.002
    assert spatial.max() > 0.5
    assert (temporal >= 0.002).all()
    assert (spatial * temporal <= 0.05 * (1 + 1e-9)).all()
    # On a log scale half of the spatial ratios lie below the geometric mean of the ends.
    assert 0.4 < (spatial < np.sqrt(0.002)).mean() < 0.6


def test_the_same_seed_gives_the_same_points():
    assert space(trials=5).random_points() == space(trials=5).random_points()
    assert space(trials=5).random_points() != space(trials=5, seed=1).random_points()


def test_a_budget_leaves_only_the_balance():
    points = space(trials=50, budget=0.005).random_points()
    for point in points:
        assert point["spatial_ratio"] * point["temporal_ratio"] == pytest.approx(0.005)
        assert 0.002 <= point["temporal_ratio"] <= 1
        assert 0.002 <= point["spatial_ratio"] <= 1


def test_grid_leaves_out_what_the_bound_forbids():
    ranges = {n: {"log": [0.01, 1.0], "points": 3} for n in ("spatial_ratio", "temporal_ratio")}
    points = space(space=ranges, largest=0.011).grid()
    pairs = sorted((round(p["spatial_ratio"], 3), round(p["temporal_ratio"], 3)) for p in points)
    assert pairs == [(0.01, 0.01), (0.01, 0.1), (0.01, 1.0), (0.1, 0.01), (0.1, 0.1), (1.0, 0.01)]
    with pytest.raises(ConfigError, match="none of the 9 points"):
        space(space=ranges, largest=0.00001).grid()


def test_other_settings_reach_the_trial():
    ranges = {"matching.subsets": {"choice": [2, 8]}, "matching.unroll_steps": {"integer": [2, 4]}}
    searched = space(space=ranges, layer={"matching": {"steps": 3}}, trials=20)
    for point in searched.random_points():
        tree = searched.settings(point)
        assert tree["matching"]["steps"] == 3
        assert tree["matching"]["subsets"] in (2, 8)
        assert 2 <= tree["matching"]["unroll_steps"] <= 4
    assert len(searched.grid()) == 6


def test_several_options_of_a_forecaster_reach_the_trial():
    point = {"forecaster.options.channels": 8, "forecaster.options.top_k": 4}
    tree = space().settings({"spatial_ratio": 0.1, **point})
    assert tree["forecaster"]["options"] == {"channels": 8, "top_k": 4}


def test_options_that_every_trial_has_stay_beside_those_that_are_searched():
    layer = {"forecaster": {"options": {"channels": 8}}}
    tree = SearchSpace(SearchConfig(), "demo", layer).settings({"forecaster.options.top_k": 4})
    assert tree["forecaster"]["options"] == {"channels": 8, "top_k": 4}


@pytest.mark.parametrize(
    ("search", "words"),
    [
        ({"space": {"spacial_ratio": {"log": [0.1, 1]}}}, "spacial_ratio: unknown setting"),
        ({"space": {"matching.steps": {"integer": [0, 5]}}}, "matching.steps"),
        ({"space": {"spatial_ratio": {"log": [0.1, 3.0]}}}, "spatial_ratio"),
        ({"space": {"matching.subsets": {"choice": [4, 0, 2]}}}, "matching.subsets"),
        ({"budget": 1e-6}, "the search space is empty"),
    ],
)
def test_mistakes_are_found_before_any_trial(search, words):
    with pytest.raises(ConfigError, match=words):
        space(**search).check()


@pytest.mark.parametrize("search", [{}, {"budget": 0.01}])
def test_optuna_draws_points_too(search):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched = space(**search)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    for _ in range(15):
        trial = study.ask()
        point = searched.draw(trial)
        searched.settings(point)
        assert point["spatial_ratio"] * point["temporal_ratio"] <= 0.1 * (1 + 1e-9)
        study.tell(trial, point["spatial_ratio"])
