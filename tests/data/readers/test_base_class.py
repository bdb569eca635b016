import numpy as np
import pandas as pd
import pytest

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers import READERS, find_reader
from stemdist_ray.data.readers.base_class import check_settings, in_a_line
from stemdist_ray.data.readers.tables import frame_to_series
from stemdist_ray.errors import DataError


def test_every_format_is_registered():
    files = {"arrow", "csv", "hdf5", "libcity", "netcdf", "npz", "parquet"}
    folders = {"basicts", "canonical", "hugging_face", "libcity_folder", "windows", "zarr"}
    assert set(READERS) == files | folders


def test_some_names_decide_whatever_the_ending(tmp_path):
    (tmp_path / "desc.json").write_text("{}")
    (tmp_path / "other.json").write_text("{}")
    assert find_reader(tmp_path / "desc.json").name == "basicts"
    with pytest.raises(DataError, match="unknown format"):
        find_reader(tmp_path / "other.json")


def test_settings_that_are_not_heeded():
    options = ReadConfig(key="df")
    check_settings(options, frozenset({"key"}), "x", "it")
    check_settings(ReadConfig(layout="auto"), frozenset(), "x", "it")  # what it is anyway
    with pytest.raises(DataError, match="x: data.read.key says nothing about it; leave it out"):
        check_settings(options, frozenset(), "x", "it")


def test_content_decides_where_the_ending_says_nothing(tmp_path):
    path = tmp_path / "readings"
    with path.open("wb") as file:
        np.savez(file, data=np.ones((3, 2)))
    assert find_reader(path).name == "npz"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.doc", b"hello", "unknown format"),
        ("x", b"hello", "ending none"),
        ("empty.csv", b"", "empty"),
    ],
)
def test_unreadable_files(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        find_reader(tmp_path / name)


def test_missing_path_and_unknown_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        find_reader(tmp_path / "none")
    with pytest.raises(DataError, match="folder of no known format"):
        find_reader(tmp_path)


def test_times_come_from_the_index_or_the_first_column(tmp_path):
    stamps = pd.date_range("2024-01-01", periods=3, freq="h")
    table = pd.DataFrame({"a": [1.0, 2, 3], "b": [4.0, 5, 6]})
    for frame in (
        table.set_index(stamps),
        table.assign(time=stamps)[["time", "a", "b"]],
        table.assign(when=stamps.astype(str))[["when", "a", "b"]],
    ):
        series = frame_to_series(frame, tmp_path, ReadConfig())
        np.testing.assert_array_equal(series.times, stamps.to_numpy())
        assert series.location_ids == ("a", "b")


def test_a_running_number_called_time_is_dropped(tmp_path):
    table = pd.DataFrame({"time": [0, 1], "a": [1.0, 2]})
    series = frame_to_series(table, tmp_path, ReadConfig())
    assert series.times is None
    assert series.location_ids == ("a",)


def test_time_zones_become_utc(tmp_path):
    stamps = pd.date_range("2024-01-01", periods=2, freq="h", tz="Europe/Berlin")
    table = pd.DataFrame({"a": [1.0, 2]}, index=stamps)
    series = frame_to_series(table, tmp_path, ReadConfig())
    assert series.times is not None
    assert str(series.times[0]).startswith("2023-12-31T23")


def test_a_word_among_numbers_is_named(tmp_path):
    table = pd.DataFrame({"a": ["1", "x", "3"]})
    with pytest.raises(DataError, match="column 'a', data row 2: expected a number, found 'x'"):
        frame_to_series(table, tmp_path, ReadConfig())


def test_errors_that_say_nothing_are_called_by_their_kind():
    assert in_a_line(MemoryError()) == "MemoryError"
    assert in_a_line(ValueError("a\n b")) == "a b"
