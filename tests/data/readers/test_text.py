import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.readers.text import opened_text
from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError

TEXT = "time,Köln,b\n2024-01-01,1.5,2\n2024-01-02,3,4\n"


def read(path, **options):
    return read_series(path, DataConfig(read=ReadConfig(**options)))


def check(series):
    assert series.location_ids == ("Köln", "b")
    np.testing.assert_array_equal(series.values[:, :, 0], [[1.5, 2], [3, 4]])


def zipped(path, content, names=("x.csv",)):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, content)


def test_compressed_files(tmp_path):
    content = TEXT.encode()
    for ending, pack in (("gz", gzip), ("bz2", bz2), ("xz", lzma)):
        (tmp_path / f"x.csv.{ending}").write_bytes(pack.compress(content))
        check(read_series(tmp_path / f"x.csv.{ending}"))
    zipped(tmp_path / "x.csv.zip", content)
    check(read_series(tmp_path / "x.csv.zip"))


@pytest.mark.parametrize("ending", ["gz", "xz", "zip"])
def test_damaged_compressed_files(tmp_path, ending):
    path = tmp_path / f"x.csv.{ending}"
    if ending == "zip":
        zipped(path, TEXT)
        path.write_bytes(path.read_bytes()[:-30])
    else:
        packed = {"gz": gzip, "xz": lzma}[ending].compress(TEXT.encode() * 100)
        path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match=r"x\.csv\.\w+: is damaged|cannot be read as CSV"):
        read_series(path)


def test_archives_of_several_files_and_other_formats(tmp_path):
    zipped(tmp_path / "x.csv.zip", TEXT, ("a.csv", "b.csv"))
    with pytest.raises(DataError, match="holds 2 files; expected one"):
        read_series(tmp_path / "x.csv.zip")
    (tmp_path / "x.parquet.gz").write_bytes(gzip.compress(b"PAR1"))
    with pytest.raises(DataError, match="format parquet are not read compressed"):
        read_series(tmp_path / "x.parquet.gz")


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8", "utf-8-sig"])
def test_encodings(tmp_path, encoding):
    (tmp_path / "x.csv").write_text(TEXT, encoding=encoding)
    check(read(tmp_path / "x.csv", encoding=encoding))
    if encoding.startswith("utf-8"):
        check(read_series(tmp_path / "x.csv"))
        return
    with pytest.raises(DataError, match=r"not a text file in UTF-8.*data\.read\.encoding"):
        read_series(tmp_path / "x.csv")


def test_an_encoding_that_does_not_exist(tmp_path):
    (tmp_path / "x.csv").write_text(TEXT)
    with pytest.raises(DataError, match="unknown encoding: klingon"):
        read(tmp_path / "x.csv", encoding="klingon")


def test_comments_on_top(tmp_path):
    (tmp_path / "x.csv").write_text("# stations, 2024\n#\n" + TEXT)
    check(read_series(tmp_path / "x.csv"))
    with opened_text(tmp_path / "x.csv", ReadConfig()) as file:
        assert file.readline().startswith("time,")


def test_numbers_of_other_lands(tmp_path):
    text = TEXT.replace(",", ";").replace("1.5", "1.001,5")
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(DataError, match="expected a number, found '1.001,5'"):
        read_series(tmp_path / "x.csv")
    series = read(tmp_path / "x.csv", decimal=",", thousands=".")
    assert series.values[0, 0, 0] == 1001.5


@pytest.mark.parametrize(("separator", "written"), [("|", "|"), (" ", "space"), ("\t", "tab")])
def test_separators_that_are_said(tmp_path, separator, written):
    (tmp_path / "x.csv").write_text(TEXT.replace(",", separator))
    check(read(tmp_path / "x.csv", separator=written))


def test_damaged_zstandard(tmp_path):
    path = tmp_path / "x.csv.zst"
    path.write_bytes(b"no such frame")
    with pytest.raises(DataError, match="is damaged"), opened_text(path, ReadConfig()):
        pass
