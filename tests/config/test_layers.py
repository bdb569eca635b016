from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from stemdist_ray.config import (
    DistillConfig,
    TrainConfig,
    build_config,
    describe_differences,
    describe_validation_error,
    flatten,
    merge_layers,
    parse_assignments,
    read_assignments,
    typed_layer,
    with_settings,
)
from stemdist_ray.config.layers import out_of_place, without
from stemdist_ray.config.yaml_files import PlainScalar
from stemdist_ray.errors import ConfigError


def assigned(*texts, model=DistillConfig):
    """The settings that --set options make, flat, with what tells 1 from True and 1.0."""
    flat = flatten(parse_assignments(texts, model))
    return {name: (type(value), value) for name, value in flat.items()}


def test_forecaster_options_are_replaced_as_a_whole():
    merged = merge_layers(
        {"forecaster": {"name": "a", "options": {"x": 1}}}, {"forecaster": {"options": {"y": 2}}}
    )
    assert merged == {"forecaster": {"name": "a", "options": {"y": 2}}}


def test_merging_leaves_the_layers_alone():
    first = {"matching": {"steps": 1}}
    assert merge_layers(first, {"matching": {"subsets": 2}})["matching"] == {
        "steps": 1,
        "subsets": 2,
    }
    assert first == {"matching": {"steps": 1}}


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}


def test_settings_are_added_to_a_layer_one_by_one():
    assert with_settings({}, [("a.b.c", 1), ("a.d", 2)]) == {"a": {"b": {"c": 1}, "d": 2}}
    assert with_settings({"a": [1]}, [("a", [2])]) == {"a": [2]}
    before = {"forecaster": {"options": {"channels": 4, "top_k": 2}}}
    after = with_settings(before, [("forecaster.options.top_k", 3)])
    assert after == {"forecaster": {"options": {"channels": 4, "top_k": 3}}}


@pytest.mark.parametrize("value", [3, None, [1]])
def test_a_value_where_settings_are_expected_is_not_lost(value):
    with pytest.raises(ConfigError, match="worker: expected a mapping of settings, found"):
        merge_layers({"worker": value}, {"worker": {"num_workers": 2}})
    with pytest.raises(ConfigError, match="a: expected a mapping of settings"):
        with_settings({"a": value}, [("a.b", 1)])


def test_without_takes_names_of_settings_and_of_sections():
    flat = {"rounds": 1, "worker.threads": 2, "worker.address": 3, "workers": 4}
    assert without(flat, ["worker"]) == {"rounds": 1, "workers": 4}
    assert without(flat, ["worker.threads", "rounds"]) == {"worker.address": 3, "workers": 4}


def test_without_takes_an_empty_mapping_for_nothing_given():
    assert without({"forecaster.options": {}, "data.covariates": []}, []) == {"data.covariates": []}


def test_settings_that_a_command_does_not_use():
    layer = {"seed": 1, "base": "none", "evaluation": {"epochs": 2, "curve": [1]}, "rounds": 2}
    found = out_of_place(layer, ("seed", "evaluation"), ("evaluation.curve", "evaluation.tracks"))
    assert found == ["base", "rounds", "evaluation.curve"]
    assert out_of_place({}, ("seed",), ("evaluation.curve",)) == []


def test_differences_are_named_with_both_values():
    old = {"seed": 0, "matching.steps": 2, "gone": 1}
    new = {"seed": 0, "matching.steps": 3, "new": None}
    assert describe_differences(old, new) == (
        "gone was 1 and is None; matching.steps was 2 and is 3"
    )
    assert describe_differences(old, old) == ""


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
    assert parse_assignments([text], DistillConfig) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("data.start=2012-03-01", "2012-03-01"),
        ("data.start=12:30", "12:30"),
        ("data.sampling_step=5min", "5min"),
        ("forecaster.name=inf", "inf"),
        ("forecaster.name=12", "12"),
        ("forecaster.name=no", "no"),
        ("tracking.experiment=1.10", "1.10"),
        ("tracking.experiment=true", "true"),
        ("tracking.uri=null", None),
        ("tracking.uri='null'", "null"),
        ("forecaster.name=!!str 12", "12"),
        ("data.target=0", 0),
        ("data.target='0'", "0"),
        ("data.target=true", "true"),
        ("data.target=1e3", "1e3"),
        ("data.target=speed", "speed"),
        ("matching.learning_rate=1e-3", 1e-3),
        ("matching.synthetic_batch=null", None),
        ("tracking.enabled=false", False),
        ("rounds=0x10", 16),
        ("rounds=010", 10),
        ("data.covariates=[time_of_day]", ["time_of_day"]),
    ],
)
def test_fields_decide_the_types_of_values(text, value):
    assert assigned(text) == {text.split("=")[0]: (type(value), value)}


def test_nothing_is_no_text():
    layer = parse_assignments(["tracking.experiment=null"], DistillConfig)
    with pytest.raises(ConfigError, match="tracking.experiment: Input should be a valid string"):
        build_config("standard", layer)


@pytest.mark.parametrize(
    ("text", "value"),
    [("8", 8), ("1e-3", 1e-3), ("on", "on"), ("2012-03-01", "2012-03-01"), ("null", None)],
)
def test_options_of_forecasters_are_read_as_yaml_1_2(text, value):
    name = "forecaster.options.x"
    assert assigned(f"{name}={text}") == {name: (type(value), value)}


def test_values_may_hold_equals_signs_and_spaces_around():
    assert assigned("tracking.uri=http://host/?a=b")["tracking.uri"] == (str, "http://host/?a=b")
    assert assigned(" rounds = 3 ") == {"rounds": (int, 3)}


def test_later_assignments_win_and_sections_add_up():
    layer = parse_assignments(["rounds=3", "rounds=4", "data.lookback=1"], DistillConfig)
    assert layer == {"rounds": 4, "data": {"lookback": 1}}


def test_options_of_a_forecaster_are_given_one_by_one():
    texts = ["forecaster.options.channels=8", "forecaster.options.top_k=4"]
    layer = parse_assignments(texts, DistillConfig)
    assert layer == {"forecaster": {"options": {"channels": 8, "top_k": 4}}}


def test_assignments_of_a_training():
    assert assigned("training.batch=8", "data.start=2012-03-01", model=TrainConfig) == {
        "training.batch": (int, 8),
        "data.start": (str, "2012-03-01"),
    }


@pytest.mark.parametrize("text", ["steps", "=3", "a=[1"])
def test_bad_assignments(text):
    with pytest.raises(ConfigError, match="--set"):
        parse_assignments([text], DistillConfig)


def test_assignments_may_be_read_before_their_fields_are_known():
    tree = read_assignments(["config.tracking.experiment=1.10", "out='2.0'"])
    assert tree == {"config": {"tracking": {"experiment": "1.10"}}, "out": "2.0"}
    assert type(tree["config"]["tracking"]["experiment"]) is PlainScalar
    assert type(tree["out"]) is str


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "inf", "nan", "1e999"])
def test_infinities_and_nan_are_refused_when_the_configuration_is_built(value):
    layer = parse_assignments([f"matching.learning_rate={value}"], DistillConfig)
    with pytest.raises(ConfigError, match="matching.learning_rate: Input should be"):
        build_config("standard", layer)


@pytest.mark.parametrize("text", ["a=1", "data.strat=2012-03-01", "data.=1", ".data=1", "data=1"])
def test_unknown_settings_are_refused_when_the_configuration_is_built(text):
    with pytest.raises(ConfigError, match="unknown setting|valid dictionary"):
        build_config("standard", parse_assignments([text], DistillConfig))


def test_values_that_are_no_yaml_scalars_stay_as_they_are():
    tree = {"rounds": 3, "data": {"start": "2012"}, "tracking": {"experiment": 1.1}}
    assert typed_layer(tree, DistillConfig) == tree


def test_a_section_that_is_no_mapping_is_left_for_the_model_to_refuse():
    assert typed_layer({"data": PlainScalar("3")}, DistillConfig) == {"data": 3}


def test_problems_of_a_model_are_one_line():
    with pytest.raises(ValidationError) as caught:
        DistillConfig.model_validate({"rounds": -1, "data": {"strat": 1}})
    text = describe_validation_error(caught.value)
    assert text == (
        "configuration: rounds: Input should be greater than or equal to 0 (found -1); "
        "data.strat: unknown setting"
    )


def test_what_does_not_fit_together_is_told_in_our_own_words():
    with pytest.raises(ValidationError) as caught:
        DistillConfig.model_validate({"data": {"split": (0.5, 0.2, 0.2)}})
    text = describe_validation_error(caught.value)
    assert text == "configuration: data: split must add up to 1, found (0.5, 0.2, 0.2)"


def test_entries_that_were_refused_are_not_missing_as_well():
    class Few(BaseModel):
        numbers: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]

    with pytest.raises(ValidationError) as caught:
        Few.model_validate({"numbers": [-1]})
    assert describe_validation_error(caught.value).count("numbers") == 1
    with pytest.raises(ValidationError) as caught:
        Few.model_validate({"numbers": []})
    assert "at least 1 item" in describe_validation_error(caught.value)
