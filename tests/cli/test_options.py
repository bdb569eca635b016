from stemdist_ray.cli.options import (
    assignments,
    default_of,
    drop_unset,
    text_of_default,
)


def test_drop_unset():
    assert drop_unset({"a": None, "b": {"c": None}, "d": {"e": 0}}) == {"d": {"e": 0}}


def test_assignments():
    assert assignments(None) == {}
    assert assignments(["a.b=3"]) == {"a": {"b": 3}}


def test_defaults_are_those_of_the_configuration_and_its_presets():
    assert default_of("rounds") == "  [default: 0; paper: 100]"
    assert default_of("data.lookback") == "  [default: 12]"
    assert default_of("data.missing_values") == "  [default: none]"
    assert default_of("worker.num_workers", "as many as fit") == "  [default: as many as fit]"
    assert text_of_default(0) == "  [default: 0]"
