import pytest

from stemdist_ray.cli.options import (
    assignments,
    data_config,
    data_layer,
    default_of,
    drop_unset,
    text_of_default,
)
from stemdist_ray.errors import ConfigError


def test_drop_unset():
    assert drop_unset({"a": None, "b": {"c": None}, "d": {"e": 0}}) == {"d": {"e": 0}}


def test_data_options_that_are_not_given_stay_out_of_the_layer():
    assert data_layer(None, None, None, None) == {}
    assert data_layer([0.0], None, None, None) == {"missing_values": [0.0]}
    assert data_layer(None, None, None, None, season=24) == {"season": 24}
    assert data_config([0.0], "2020-01-01", "5min", None).sampling_step == "5min"
    with pytest.raises(ConfigError, match="give both or neither"):
        data_config(None, "2020-01-01", None, None)


def test_assignments():
    assert assignments(None) == {}
    assert assignments(["a.b=3"]) == {"a": {"b": 3}}


def test_defaults_are_those_of_the_configuration_and_its_presets():
    assert default_of("rounds") == "  [default: 0; paper: 100]"
    assert default_of("data.lookback") == "  [default: 12]"
    assert default_of("data.missing_values") == "  [default: none]"
    assert default_of("worker.num_workers", "as many as fit") == "  [default: as many as fit]"
    assert text_of_default(0) == "  [default: 0]"
