import pytest
from pydantic import ValidationError

from stemdist_ray.training.config import TrainConfig


def test_unknown_settings_are_errors():
    with pytest.raises(ValidationError, match="colour"):
        TrainConfig(training={"colour": 1})
    with pytest.raises(ValidationError, match="num_workers"):
        TrainConfig(worker={"num_workers": -1})


def test_every_setting_is_described():
    sections = [TrainConfig().training, TrainConfig().worker]
    for section in sections:
        assert all(field.description for field in type(section).model_fields.values())
