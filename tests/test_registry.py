import pytest

from stemdist_ray.errors import ConfigError
from stemdist_ray.registry import Registry


def test_register_and_get():
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    assert registry.get("one") == 1
    assert "one" in registry
    assert list(registry) == ["one"]


def test_unknown_name_lists_the_known_ones():
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    with pytest.raises(ConfigError, match="unknown number 'two'; expected one of: one"):
        registry.get("two")


def test_a_name_is_taken_once():
    registry: Registry[int] = Registry("number")
    registry.register("one")(1)
    registry.register("one")(1)
    with pytest.raises(ConfigError, match="registered already"):
        registry.register("one")(2)
