import math

import pytest
from pydantic import ValidationError

from stemdist_ray.config import build_config, with_settings
from stemdist_ray.config.section import Rate, Section
from stemdist_ray.errors import ConfigError


class Example(Section):
    rate: Rate = 1.0


def test_frozen_strict_and_finite():
    section = Example()
    with pytest.raises(ValidationError):
        section.rate = 2.0
    for wrong in ({"ratte": 1.0}, {"rate": float("nan")}, {"rate": float("inf")}, {"rate": 0.0}):
        with pytest.raises(ValidationError):
            Example(**wrong)


def test_config_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        build_config().rounds = 3


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, "inf", "nan"])
@pytest.mark.parametrize(
    "name", ["matching.learning_rate", "clustering.tolerance", "worker.start_timeout"]
)
def test_infinities_and_nan_are_refused(name, value):
    with pytest.raises(ConfigError, match=f"{name}: Input should be a finite number"):
        build_config("standard", with_settings({}, [(name, value)]))
