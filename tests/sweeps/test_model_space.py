import pytest

from stemdist_ray.config import build_config
from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.config import ModelsConfig, SearchConfig
from stemdist_ray.sweeps.model_space import ModelSpace, model_space
from tests.sweeps.conftest import MODELS


def space(**changes):
    return ModelSpace(SearchConfig(**{**MODELS, **changes}), "standard", {})


def test_a_grid_of_models():
    points = space().grid()
    assert len(points) == 4
    found = [build_config("standard", space().settings(p)) for p in points]
    assert [c.forecaster.name for c in found] == ["stid", "stid", "dlinear", "dlinear"]


def test_widths_become_options_where_there_are_any():
    point = {"forecaster.name": "stid", "width": 0.25, "forecaster.options.layers": 1}
    options = space().settings(point)["forecaster"]["options"]
    assert (options["embedding"], options["layers"]) == (8, 1)
    assert (
        "options" not in space().settings({"forecaster.name": "dlinear", "width": 2})["forecaster"]
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {"spatial_ratio": {"log": [0.1, 0.2]}}}, "found spatial_ratio"),
        ({"space": {"evaluation.repeats": {"integer": [1, 2]}}}, "found evaluation.repeats"),
        ({"space": {"forecaster.name": {"choice": ["nobody"]}}}, "unknown forecaster 'nobody'"),
        (
            {
                "space": {
                    "forecaster.name": {"choice": ["stid", "dlinear", "mtgnn"]},
                    "forecaster.options.layers": {"integer": [1, 3]},
                }
            },
            "dlinear",
        ),
        (
            {"space": {"evaluation.prune_share": {"log": [0.1, 0.2]}}},
            "found evaluation.prune_share",
        ),
        ({"objectives": ("error", "bytes")}, "no sizes of data sets.*found bytes"),
    ],
)
def test_what_cannot_be_searched(changes, words):
    with pytest.raises(ConfigError, match=words):
        space(**changes).check()


def test_settings_are_those_of_the_data_set(artifact):
    models = ModelsConfig(distilled=artifact)
    found = model_space(models, SearchConfig(**MODELS), "standard", {"seed": 7})
    config = build_config("standard", found.layer)
    assert (config.seed, config.data.lookback, config.worker.num_workers) == (7, 6, 0)
    assert (config.evaluation.epochs, config.evaluation.repeats) == (100, 1)
    assert config.forecaster.options == {}
    with pytest.raises(ConfigError, match="found preset demo"):
        model_space(models, SearchConfig(**MODELS), "demo", {})


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"base": "none"}, "found base,"),
        ({"matching": {"steps": 3}}, "found matching,"),
        ({"worker": {"num_workers": 2, "threads": 1}}, r"found worker\.num_workers,"),
        ({"evaluation": {"rate_factors": [1.0]}}, r"found evaluation\.rate_factors,"),
        ({"data": {"lookback": 24}}, r"found data\.lookback,"),
    ],
)
def test_settings_that_change_nothing_are_refused(artifact, config, found):
    models = ModelsConfig(distilled=artifact)
    with pytest.raises(ConfigError, match=found):
        model_space(models, SearchConfig(**MODELS), "standard", config)
    model_space(models, SearchConfig(**MODELS), "standard", {"data": {"memory_budget": "1GiB"}})
