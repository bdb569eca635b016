import numpy as np
import pytest

from stemdist_ray.data.files import source_files
from stemdist_ray.errors import DataError


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a,b\n1,2\n")


def names(files):
    return [path.name for path in files.paths]


def test_a_file_is_itself(tmp_path):
    touch(tmp_path, "x.csv")
    files = source_files(tmp_path / "x.csv")
    assert names(files) == ["x.csv"]
    assert files.reader.name == "csv"


def test_natural_order_and_what_is_no_data(tmp_path):
    touch(tmp_path, "m10.csv", "m9.csv", "deep/m1.csv", "_SUCCESS", ".m9.csv.crc", "notes.md")
    files = source_files(tmp_path)
    assert names(files) == ["m1.csv", "m9.csv", "m10.csv"]
    assert [path.name for path in files.ignored] == ["notes.md"]


def test_a_pattern(tmp_path):
    touch(tmp_path, "a1.csv", "a2.csv", "b1.csv")
    assert names(source_files(tmp_path / "a*.csv")) == ["a1.csv", "a2.csv"]
    assert names(source_files(str(tmp_path / "**/*1.csv"))) == ["a1.csv", "b1.csv"]
    with pytest.raises(DataError, match="no file matches this pattern"):
        source_files(tmp_path / "c*.csv")


def test_a_file_whose_name_looks_like_a_pattern(tmp_path):
    touch(tmp_path, "a[1].csv")
    assert names(source_files(tmp_path / "a[1].csv")) == ["a[1].csv"]


def test_several_formats(tmp_path):
    touch(tmp_path, "a.csv", "b.csv")
    np.save(tmp_path / "c.npy", np.zeros((3, 2)))
    with pytest.raises(DataError, match=r"several formats: csv \(2: a.csv\), npz \(1: c.npy\)"):
        source_files(tmp_path)


def test_nothing_known(tmp_path):
    with pytest.raises(DataError, match="a folder of no known format"):
        source_files(tmp_path)
    touch(tmp_path, "notes.md")
    with pytest.raises(DataError, match="a folder of no known format"):
        source_files(tmp_path)
    with pytest.raises(DataError, match="no such file or folder"):
        source_files(tmp_path / "none.csv")


def test_what_folders_say(tmp_path):
    touch(tmp_path, "station=A7/year=2024/part.csv", "station=B1/year=2024/part.csv")
    files = source_files(tmp_path)
    assert files.keys(files.paths[0]) == {"station": "A7"}  # the year is that of the times


def test_names_of_folders_count_below_a_pattern(tmp_path):
    path = tmp_path / "station=A7" / "x.csv"
    path.parent.mkdir()
    path.write_text("a,b\n1,2\n")
    for source in (tmp_path, tmp_path / "**" / "*.csv", tmp_path / "station=*" / "x.csv"):
        assert source_files(source).keys(path) == {"station": "A7"}
