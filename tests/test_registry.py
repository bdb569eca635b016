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


@pytest.fixture
def package(tmp_path, monkeypatch):
    (tmp_path / "numbers_of_theirs.py").write_text("seven = 7\n")
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[stemdist_ray.test_numbers]\n"
        "seven = numbers_of_theirs:seven\nlost = numbers_of_theirs:lost\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("package")
def test_installed_packages_add_entries():
    registry = Registry("number", group="stemdist_ray.test_numbers", adapt=lambda n: 10 * n)
    registry.register("one")(1)
    assert registry.names() == ["lost", "one", "seven"]
    assert "seven" in registry
    assert registry.loaded() == {"one": 10}
    assert registry.get("seven") == 70
    with pytest.raises(ConfigError, match="number 'lost' cannot be loaded from numbers_of_theirs"):
        registry.get("lost")


@pytest.mark.usefixtures("package")
def test_no_group_no_packages():
    assert Registry("number").names() == []
