import copy

import pytest

from stemdist_ray.config import DistillConfig
from stemdist_ray.config.stored import upgrade_forecaster, upgrade_settings

OLD = {
    "rounds": 2,
    "teacher": {"epochs": 7},
    "validation": {"every": 1, "epochs": 9},
    "evaluation": {"epochs": 3, "subsets": 2, "learning_rate": 0.01, "averaging": 0.5},
    "forecaster": {"name": "stgcn", "options": {"taps": 3, "channels": 8}},
}


def test_validation_and_teacher_take_over_what_the_evaluation_had_for_them():
    config = DistillConfig.model_validate(upgrade_settings(OLD, 1))
    validation, teacher = config.validation, config.teacher
    assert (validation.subsets, validation.learning_rate, validation.averaging) == (2, 0.01, 0.5)
    assert (validation.every, validation.epochs) == (1, 9)
    assert (teacher.subsets, teacher.epochs) == (2, 7)
    assert teacher.learning_rate == DistillConfig().teacher.learning_rate
    assert (config.evaluation.epochs, config.evaluation.subsets) == (3, 2)
    assert config.forecaster.options == {"kernel_size": 3, "channels": 8}


def test_settings_of_today_stay_as_they_are():
    tree = DistillConfig(validation={"subsets": 2, "averaging": 0.1}).model_dump(mode="json")
    assert upgrade_settings(tree, 3) == tree


def test_what_is_stored_is_not_changed():
    before = copy.deepcopy(OLD)
    upgrade_settings(OLD, 1)
    assert before == OLD


def test_where_nothing_was_stored_the_defaults_hold():
    assert DistillConfig.model_validate(upgrade_settings({}, 3)) == DistillConfig()


@pytest.mark.parametrize("version", [1, 2])
def test_before_version_3_there_was_no_base(version):
    config = DistillConfig.model_validate(upgrade_settings({"rounds": 4}, version))
    assert (config.base, config.rounds, config.forecaster.name) == ("none", 4, "mtgnn")
    assert config.data.covariates == ()
    assert (config.matching.init, config.matching.locations) == ("even", "centroid")
    assert (config.matching.real, config.matching.against) == ("clusters", "readings")
    assert (config.matching.oldest, config.teacher.members) == (0, 1)
    assert config.evaluation.tracks == ("network_alone",)
    assert config.validation.warmup_steps == config.teacher.warmup_steps == 0


def test_what_was_stored_wins_over_what_was_usual():
    tree = {"data": {"covariates": ["time_of_day"]}, "matching": {"init": "random"}}
    config = DistillConfig.model_validate(upgrade_settings(tree, 2))
    assert config.data.covariates == ("time_of_day",)
    assert config.matching.init == "random"


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dlinear", "kernel", "kernel_size"),
        ("graph_wavenet", "taps", "kernel_size"),
        ("stgcn", "taps", "kernel_size"),
        ("stnorm", "taps", "kernel_size"),
        ("mine", "taps", "taps"),
    ],
)
def test_options_have_the_names_of_today(name, old, new):
    tree = {"name": name, "options": {old: 5, "other": 1}, "precision": "float32"}
    upgraded = upgrade_forecaster(tree)
    assert upgraded == {**tree, "options": {new: 5, "other": 1}}
