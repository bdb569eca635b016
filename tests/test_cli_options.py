import pytest

from stemdist_ray.cli_options import assignments, data_config, data_layer, drop_unset
from stemdist_ray.errors import ConfigError


def test_drop_unset():
    assert drop_unset({"a": None, "b": {"c": None}, "d": {"e": 0}}) == {"d": {"e": 0}}


def test_data_options_that_are_not_given_stay_out_of_the_layer():
    assert data_layer(None, None, None, None) == {}
    assert data_layer([0.0], None, None, None) == {"missing_values": [0.0]}
    assert data_config([0.0], "2020-01-01", "5min", None).sampling_step == "5min"
    with pytest.raises(ConfigError, match="give both or neither"):
        data_config(None, "2020-01-01", None, None)


def test_assignments():
    assert assignments(None) == {}
    assert assignments(["a.b=3"]) == {"a": {"b": 3}}
