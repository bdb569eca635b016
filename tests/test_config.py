import pytest

from stemdist_ray.config import (
    PRESETS,
    DistillConfig,
    build_config,
    flatten,
    merge_layers,
    parse_assignments,
)
from stemdist_ray.errors import ConfigError


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_is_valid(preset):
    assert isinstance(build_config(preset), DistillConfig)


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
    with pytest.raises(ConfigError, match="expected one of: demo, paper, standard"):
        build_config("nope")


def test_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        build_config().rounds = 3


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("matching.steps=5", {"matching": {"steps": 5}}),
        ("matching.learning_rate=1e-3", {"matching": {"learning_rate": 1e-3}}),
        ("matching.init=random", {"matching": {"init": "random"}}),
        ("data.missing_values=[0, -1]", {"data": {"missing_values": [0, -1]}}),
        ("worker.num_workers=null", {"worker": {"num_workers": None}}),
    ],
)
def test_assignments(text, tree):
    assert parse_assignments([text]) == tree


@pytest.mark.parametrize("text", ["steps", "=3", "a=[1"])
def test_bad_assignments(text):
    with pytest.raises(ConfigError, match="--set"):
        parse_assignments([text])


def test_split_must_add_up():
    with pytest.raises(ConfigError, match="add up to 1"):
        build_config("standard", {"data": {"split": [0.5, 0.2, 0.2]}})


def test_digest_ignores_who_does_the_work_but_not_what():
    base = build_config()
    workers = build_config("standard", {"worker": {"num_workers": 7}, "rounds": 99})
    assert base.algorithm_digest() == workers.algorithm_digest()
    for change in ({"seed": 1}, {"num_shards": 2}, {"worker": {"threads": 2}}):
        assert build_config("standard", change).algorithm_digest() != base.algorithm_digest()


def test_forecaster_options_are_replaced_as_a_whole():
    merged = merge_layers(
        {"forecaster": {"name": "a", "options": {"x": 1}}}, {"forecaster": {"options": {"y": 2}}}
    )
    assert merged == {"forecaster": {"name": "a", "options": {"y": 2}}}


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


def test_low_precision_only_where_second_order_gradients_survive_it():
    layer = {"forecaster": {"precision": "bfloat16"}}
    assert build_config("standard", layer).forecaster.precision == "bfloat16"
    with pytest.raises(ConfigError, match="bfloat16 goes with matching.objective unrolled"):
        build_config("paper", layer)
