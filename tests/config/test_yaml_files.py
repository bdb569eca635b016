import math
from pathlib import Path

import pytest

from stemdist_ray.config import DistillConfig, typed_layer
from stemdist_ray.config.yaml_files import PlainScalar, read_yaml
from stemdist_ray.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    def read(text):
        (tmp_path / "a.yaml").write_text(text)
        return read_yaml(tmp_path / "a.yaml")

    return read


def test_mapping_and_nothing(read):
    assert typed_layer(read("rounds: 3\n"), DistillConfig) == {"rounds": 3}
    assert read("# nothing\n") == {}
    assert read("~\n") == {}
    assert read_yaml(None) == {}


@pytest.mark.parametrize(
    ("text", "words"), [("[1, 2]", "mapping"), ("words", "found text"), ("a: [1", "not YAML")]
)
def test_bad_files(read, text, words):
    with pytest.raises(ConfigError, match=words):
        read(text)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "none.yaml")


def test_files_that_are_not_text(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ConfigError, match="not YAML"):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rounds: 3\nseed: 1\nrounds: 4\n", "rounds is given twice, in lines 1 and 3"),
        ("data:\n  start: a\n  start: b\n", "start is given twice, in lines 2 and 3"),
        ("data: {start: a, start: b}\n", "start is given twice, in line 1"),
        ("1: a\n'1': b\n", "1 is given twice"),
        ("a: &a {x: 1}\nb: {<<: *a, y: 1, y: 2}\n", "y is given twice"),
    ],
)
def test_keys_that_occur_twice_are_errors(read, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_tree_that_holds_itself_is_an_error(read):
    with pytest.raises(ConfigError, match="recursive"):
        read("data: &x {b: *x}\n")


def test_the_same_key_in_two_sections_is_none_twice(read):
    assert read("validation: {epochs: 1}\nteacher: {epochs: 2}\n").keys() == {
        "validation",
        "teacher",
    }


def test_merge_keys_and_aliases(read):
    tree = read("a: &a {epochs: 1, every: 2}\nb: {<<: *a, epochs: 3}\n")
    assert tree["b"] == {"epochs": "3", "every": "2"}


def test_nothing_but_plain_data_is_built(read):
    with pytest.raises(ConfigError, match="not YAML"):
        read("a: !!python/object/apply:os.getcwd []\n")


def test_plain_scalars_keep_their_text_and_quoted_ones_are_text(read):
    tree = read("a: 1.10\nb: '1.10'\nc: |\n  1.10\nd: !!str 1.10\n2012-03-01: x\n")
    assert type(tree["a"]) is PlainScalar
    assert tree["a"] == "1.10"
    assert {type(tree[name]) for name in "bcd"} == {str}
    assert "2012-03-01" in tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1.10", 1.1),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("-.inf", -math.inf),
        # Text, though YAML 1.1 reads something else.
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2012-03-01", "2012-03-01"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("=", "="),
    ],
)
def test_guesses_are_those_of_yaml_1_2(text, value):
    guess = PlainScalar(text).guess()
    assert (type(guess), guess) == (type(value), value)


def test_nan_is_written_with_a_dot():
    assert math.isnan(PlainScalar(".nan").guess())


def test_what_is_no_file_of_settings(tmp_path):
    with pytest.raises(ConfigError, match="expected a YAML file; found a folder or a device"):
        read_yaml(Path("/dev/zero"))
    with pytest.raises(ConfigError, match="found a folder or a device"):
        read_yaml(tmp_path)
    (tmp_path / "large.yaml").write_text("a: " + "x" * 2**20)
    with pytest.raises(ConfigError, match="bytes are no file of settings"):
        read_yaml(tmp_path / "large.yaml")


def test_aliases_that_multiply(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    (tmp_path / "x.yaml").write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="aliases stand for more than 10,000 values"):
        read_yaml(tmp_path / "x.yaml")


def test_nested_too_deeply(tmp_path):
    (tmp_path / "x.yaml").write_text("a: " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        read_yaml(tmp_path / "x.yaml")
