import pytest
from pydantic import ValidationError

from stemdist_ray.config import build_config, flatten, with_settings
from stemdist_ray.config.training import TrainConfig, TrainWorkerConfig


def test_unknown_settings_are_errors():
    with pytest.raises(ValidationError, match="colour"):
        TrainConfig(training={"colour": 1})
    with pytest.raises(ValidationError, match="num_workers"):
        TrainConfig(worker={"num_workers": -1})


def test_every_setting_is_described():
    sections = [TrainConfig().training, TrainConfig().worker]
    for section in sections:
        assert all(field.description for field in type(section).model_fields.values())


def test_infinities_are_refused():
    with pytest.raises(ValidationError, match="finite"):
        TrainConfig(training={"learning_rate": float("inf")})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("training.epochs", 7),
        ("training.patience", 7),
        ("streaming", True),
        ("worker.num_workers", 3),
        ("worker.threads", 3),
        ("tracking.enabled", False),
        ("data.locations_file", "places.csv"),
    ],
)
def test_what_may_change_when_a_training_goes_on(name, value):
    changed = TrainConfig.model_validate(with_settings({}, [(name, value)]))
    assert flatten(changed.model_dump(mode="json"))[name] == value
    assert changed.deciding() == TrainConfig().deciding()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 1),
        ("data.lookback", 6),
        ("forecaster.name", "stid"),
        ("training.batch", 8),
        ("training.learning_rate", 0.1),
        ("training.check_every", 2),
        ("training.validation_windows", 8),
    ],
)
def test_what_may_not(name, value):
    assert TrainConfig.model_validate(with_settings({}, [(name, value)])).deciding()[name] == value


def test_data_and_forecaster_are_those_of_a_distillation():
    ours, theirs = TrainConfig(), build_config()
    assert (ours.data, ours.forecaster, ours.tracking) == (
        theirs.data,
        theirs.forecaster,
        theirs.tracking,
    )


def test_the_fewest_workers_are_at_most_all():
    assert TrainWorkerConfig(num_workers=4).fewest == 4
    assert TrainWorkerConfig(num_workers=4, min_workers=2).fewest == 2
    with pytest.raises(ValidationError, match="min_workers is at most num_workers, found 5 and 4"):
        TrainWorkerConfig(num_workers=4, min_workers=5)
