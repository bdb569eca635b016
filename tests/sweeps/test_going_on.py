import json

import pytest

from stemdist_ray.errors import ConfigError
from stemdist_ray.sweeps.going_on import check_as_begun, check_same_data, data_set_of
from stemdist_ray.sweeps.sweep import SweepConfig


def sweep(**changes):
    tree = {
        "config": {"rounds": 2, "worker": {"num_workers": 2}},
        "search": {"trials": 3, "space": {"spatial_ratio": {"log": [0.1, 0.5]}}},
    }
    return SweepConfig.model_validate({**tree, **changes})


@pytest.mark.parametrize(
    "given",
    [None, SweepConfig(), sweep(), SweepConfig(config={"worker": {"num_workers": 4}})],
)
def test_what_was_asked_for_before_or_is_left_open_goes_on(tmp_path, given):
    # As it is read back: from JSON.
    begun = SweepConfig.model_validate(json.loads(sweep().model_dump_json()))
    check_as_begun(tmp_path, begun, given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (sweep(config={"rounds": 3}), r"config\.rounds was 2 and is 3\. Give"),
        (sweep(config={"seed": 3}), r"config\.rounds was 2 and is None; config\.seed was None"),
        (SweepConfig.model_validate({"search": {"trials": 9}}), "search.trials was 3 and is 9"),
        (sweep(models={"distilled": "runs/demo"}), r"models\.distilled was None and is runs/demo"),
        (sweep(preset="demo"), "preset was standard and is demo"),
    ],
)
def test_another_sweep_is_refused(tmp_path, given, words):
    with pytest.raises(ConfigError, match=words):
        check_as_begun(tmp_path, sweep(), given)


def test_models_are_of_one_data_set(tmp_path, prepared, artifact):
    models = sweep(models={"distilled": str(artifact)}).models
    earlier = {
        "source": {"hash": prepared.description.hash},
        "data_set": data_set_of(models),
    }
    check_same_data(tmp_path, earlier, prepared, models)
    with pytest.raises(ConfigError, match="is not the data set that it was begun with"):
        check_same_data(tmp_path, {**earlier, "data_set": "0" * 64}, prepared, models)
    with pytest.raises(ConfigError, match="not those it was begun with"):
        check_same_data(tmp_path, {**earlier, "source": {"hash": ""}}, prepared, models)
    assert data_set_of(None) is None
