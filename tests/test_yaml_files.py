import pytest

from stemdist_ray.errors import ConfigError
from stemdist_ray.yaml_files import read_yaml


def test_mapping_and_nothing(tmp_path):
    (tmp_path / "a.yaml").write_text("rounds: 3\n")
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "a.yaml") == {"rounds": 3}
    assert read_yaml(tmp_path / "empty.yaml") == {}
    assert read_yaml(None) == {}


@pytest.mark.parametrize(("text", "words"), [("[1, 2]", "mapping"), ("a: [1", "not YAML")])
def test_bad_files(tmp_path, text, words):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_yaml(tmp_path / "a.yaml")


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")
