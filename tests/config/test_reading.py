import pytest

from stemdist_ray.config import ReadConfig, build_config
from stemdist_ray.errors import ConfigError


def test_nothing_is_said_by_default():
    assert build_config("standard").data.read == ReadConfig()
    said = {**ReadConfig().model_dump(), "layout": None, "duplicates": None}
    assert not any(said.values())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "red"}, "data.read.colour: unknown setting"),
        ({"select": {"level": [850]}}, "data.read.select.level"),
        ({"key": ["df"]}, "data.read.key"),
    ],
)
def test_what_it_does_not_take(given, words):
    with pytest.raises(ConfigError, match=words):
        build_config("standard", {"data": {"read": given}})


def test_readers_are_told_the_step():
    data = build_config("standard", {"data": {"sampling_step": "5min"}}).data
    assert (data.read.step, data.reading.step) == (None, "5min")
    assert data.reading.model_dump() == data.read.model_dump()
    assert data.reading.model_fields_set == data.read.model_fields_set
