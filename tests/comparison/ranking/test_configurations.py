import json

import pytest

from stemdist_ray.comparison.ranking.configurations import (
    Configuration,
    configuration_of,
    configurations_of,
    default_configurations,
)
from stemdist_ray.config import ConfigurationEntry, EvaluationConfig, RankConfig
from stemdist_ray.errors import ConfigError
from stemdist_ray.forecasters import FORECASTERS


def entry(**more):
    return ConfigurationEntry(**{"forecaster": "stid", **more})


def test_those_that_are_built_in_span_all_forecasters():
    found = default_configurations()
    assert len({one.name for one in found}) == len(found) == 24
    built_in = {n for n, k in FORECASTERS.loaded().items() if k.__module__.startswith("stemdist")}
    assert {one.forecaster.name for one in found} == built_in & set(FORECASTERS)
    assert configurations_of(RankConfig()) == found


def test_an_entry_is_filled_in():
    one = configuration_of(
        entry(
            learning_rate=5e-3,
            width=0.5,
            set={
                "forecaster.options.layers": 1,
                "forecaster.precision": "bfloat16",
                "evaluation.averaging": 0.5,
            },
        )
    )
    assert one.name == "stid-0.005-w0.5"
    assert one.forecaster.options["embedding"] == 16
    assert one.forecaster.options["layers"] == 1
    assert one.forecaster.precision == "bfloat16"
    budget = one.budget_of(EvaluationConfig(epochs=7))
    assert (budget.epochs, budget.learning_rate, budget.averaging) == (7, 5e-3, 0.5)
    assert Configuration.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_a_grid_takes_forecasters_without_widths_once():
    grid = {"forecaster": ["stid", "dlinear"], "learning_rate": [1e-3, 1e-2], "width": [0.5, 1.0]}
    more = {"configurations": [{"forecaster": "stnorm", "name": "mine"}]}
    names = [one.name for one in configurations_of(RankConfig(grid=grid, **more))]
    assert names == [
        "mine",
        "stid-0.001-w0.5",
        "stid-0.001-w1",
        "stid-0.01-w0.5",
        "stid-0.01-w1",
        "dlinear-0.001-w1",
        "dlinear-0.01-w1",
    ]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([{"forecaster": "stid"}], "at least 3 configurations; found 1"),
        ([{"forecaster": "stid"}] * 3, "two configurations are called stid-0.002-w1"),
        ([{"forecaster": "x"}], "configuration x-0.002-w1: unknown forecaster 'x'; expected one"),
        ([{"forecaster": "dlinear", "width": 2}], "dlinear has no widths to scale"),
        ([{"forecaster": "stid", "set": {"evaluation.epochs": 3}}], "found evaluation.epochs"),
        ([{"forecaster": "stid", "set": {"forecaster.options.x": 3}}], "x: unknown setting"),
        ([{"forecaster": "stid", "set": {"evaluation.averaging": 3}}], "averaging: Input should"),
    ],
)
def test_what_cannot_be_ranked(entries, words):
    with pytest.raises(ConfigError, match=words) as caught:
        configurations_of(RankConfig(configurations=entries))
    assert "\n" not in str(caught.value)
