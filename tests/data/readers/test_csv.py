import numpy as np
import pytest

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError
from tests.conftest import real_file


def read(tmp_path, text, name="x.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_series(path)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_separators_and_gaps(tmp_path, separator):
    text = "time,s1,s2\n2024-01-01 00:00,1,2\n2024-01-01 01:00,,4\n".replace(",", separator)
    series = read(tmp_path, text)
    assert series.location_ids == ("s1", "s2")
    assert series.times is not None
    assert np.isnan(series.values[1, 0, 0])
    assert series.values[1, 1, 0] == 4


def test_no_time_column_and_zero_is_a_reading(tmp_path):
    series = read(tmp_path, "773869,767541\n0,64.5\n60,0\n")
    assert series.times is None
    assert series.mask is None
    assert series.location_ids == ("773869", "767541")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n", "row per step"),
        ("a,b\n1,x\n", "expected a number"),
        ("1.5,2.5\n3.5,4.5\n", "header row"),
        ("time,a\n2024-01-01,1\nyesterday-ish,2\n", "time stamp"),
        ('a,b\n1,"2\n', "cannot be read as CSV"),
    ],
)
def test_bad_files(tmp_path, text, words):
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, text)
    assert "x.csv" in str(caught.value)


def test_not_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_series(tmp_path / "x.csv")


def test_road_speeds():
    series = read_series(real_file("metr_la_week_speed.csv"))
    assert series.values.shape == (2016, 207, 1)
    assert series.location_ids[0] == "773869"
