import pytest

from stemdist_ray.config import PRESETS, DistillConfig, build_config
from stemdist_ray.errors import ConfigError


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_is_valid(preset):
    assert isinstance(build_config(preset), DistillConfig)


def test_standard_is_the_defaults():
    assert build_config("standard") == DistillConfig()


def test_paper_preset_has_the_papers_values():
    config = build_config("paper")
    assert config.num_shards == 1
    assert config.rounds == 100
    assert config.matching.steps == 20
    assert config.matching.subsets == 4
    assert config.matching.inner_epochs == 10
    assert config.matching.inner_data == "synthetic"
    assert config.matching.objective == "gradient"
    assert config.matching.init == "random"
    assert (config.data.lookback, config.data.horizon) == (12, 12)
    assert config.data.split == (0.6, 0.2, 0.2)
    assert (config.base, config.teacher.epochs, config.data.covariates) == ("none", 0, ())
    assert config.forecaster.name == "mtgnn"
    assert (config.matching.locations, config.matching.real) == ("centroid", "clusters")
    assert config.evaluation.tracks == ("network_alone",)
    assert config.validation.warmup_steps == config.evaluation.warmup_steps == 0


@pytest.mark.parametrize("preset", ["demo", "quick"])
def test_fast_presets_run_no_rounds(preset):
    config = build_config(preset)
    assert config.rounds == 0
    assert config.teacher.epochs > 0
    assert config.base == "seasonal_linear"


def test_later_layers_win():
    config = build_config("standard", {"matching": {"steps": 3}}, {"matching": {"steps": 4}})
    assert config.matching.steps == 4


def test_all_problems_are_reported_together():
    with pytest.raises(ConfigError) as caught:
        build_config("standard", {"rounds": -1, "nonsense": 1, "matching": {"stepz": 2}})
    text = str(caught.value)
    assert "rounds" in text
    assert "nonsense: unknown setting" in text
    assert "matching.stepz: unknown setting" in text
    assert "\n" not in text


def test_unknown_preset():
    with pytest.raises(ConfigError, match="expected one of: demo, paper, quick, standard"):
        build_config("nope")
