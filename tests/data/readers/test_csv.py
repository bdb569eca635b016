import numpy as np
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
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


def write(path, rows, separator=","):
    path.write_text("\n".join(separator.join(map(str, row)) for row in rows) + "\n")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_with_labels_that_the_header_does_not_name(tmp_path, separator):
    """As R's write.table writes them: without care all columns shift by one."""
    stamps = [f"2024-01-01 0{hour}:00" for hour in range(3)]
    rows = [["a", "b"], *([t, i, i + 10] for i, t in enumerate(stamps))]
    write(tmp_path / "x.csv", rows, separator)
    series = read_series(tmp_path / "x.csv")
    assert series.location_ids == ("a", "b")
    np.testing.assert_array_equal(series.values[:, :, 0], [[0, 10], [1, 11], [2, 12]])
    assert series.times[0] == np.datetime64("2024-01-01")


@pytest.mark.parametrize("header", ["a,b", "a,b,"])
def test_a_delimiter_at_the_end_of_rows(tmp_path, header):
    (tmp_path / "x.csv").write_text(f"{header}\n1,2,\n3,4,\n")
    series = read_series(tmp_path / "x.csv")
    assert series.location_ids == ("a", "b")
    np.testing.assert_array_equal(series.values[:, :, 0], [[1, 2], [3, 4]])


@pytest.mark.parametrize("row", ["5", "5,6,7,8"])
def test_rows_of_other_lengths(tmp_path, row):
    (tmp_path / "x.csv").write_text(f"a,b,c\n1,2,3\n{row}\n")
    with pytest.raises(DataError, match="data row 2 has . fields, the others have 3"):
        read_series(tmp_path / "x.csv")


def test_a_separator_inside_quotes(tmp_path):
    (tmp_path / "x.csv").write_text('"a,1",b\n1,2\n3,"4"\n')
    assert read_series(tmp_path / "x.csv").location_ids == ("a,1", "b")


def test_two_columns_of_one_name(tmp_path):
    (tmp_path / "x.csv").write_text("a,b,a\n1,2,3\n")
    with pytest.raises(DataError, match="two columns are called 'a'"):
        read_series(tmp_path / "x.csv")


def test_no_header(tmp_path):
    rows = [[340 + i, 644 - i, 500] for i in range(9)]
    write(tmp_path / "x.csv", rows)
    with pytest.raises(DataError, match=r"looks like readings.*data.read.header"):
        read_series(tmp_path / "x.csv")
    config = DataConfig(read=ReadConfig(header=False))
    series = read_series(tmp_path / "x.csv", config)
    np.testing.assert_array_equal(series.values[:, :, 0], rows)
    assert series.location_ids == ("0", "1", "2")
    said = DataConfig(read=ReadConfig(header=True))
    assert read_series(tmp_path / "x.csv", said).location_ids == ("340", "644", "500")


def test_whole_numbers_that_are_ids(tmp_path):
    write(tmp_path / "x.csv", [[773869, 767541], [60, 61], [62, 63]])
    assert read_series(tmp_path / "x.csv").location_ids == ("773869", "767541")


def test_a_row_per_location(tmp_path):
    stamps = [f"2024-01-01 0{hour}:00" for hour in range(4)]
    rows = [["sensor", *stamps], [400001, 1, 2, 3, 4], [400002, 5, 6, 7, 8]]
    write(tmp_path / "x.csv", rows)
    with pytest.raises(DataError, match=r"named like times.*data.read.transpose"):
        read_series(tmp_path / "x.csv")
    series = read_series(tmp_path / "x.csv", DataConfig(read=ReadConfig(transpose=True)))
    assert series.location_ids == ("400001", "400002")
    np.testing.assert_array_equal(series.values[:, :, 0], [[1, 5], [2, 6], [3, 7], [4, 8]])
    assert series.times[-1] == np.datetime64("2024-01-01T03:00")


def test_a_row_per_location_without_times(tmp_path):
    write(tmp_path / "x.csv", [["id", 0, 1, 2], ["a", 1, 2, 3], ["b", 4, 5, 6]])
    series = read_series(tmp_path / "x.csv", DataConfig(read=ReadConfig(transpose=True)))
    assert series.times is None
    np.testing.assert_array_equal(series.values[:, :, 0], [[1, 4], [2, 5], [3, 6]])
    write(tmp_path / "y.csv", [["id", 0, 1], ["a", 1, 2], ["a", 4, 5]])
    with pytest.raises(DataError, match="location 'a' has two rows"):
        read_series(tmp_path / "y.csv", DataConfig(read=ReadConfig(transpose=True)))


@pytest.mark.parametrize("name", ["timestamp", "time", "date", "ds"])
def test_times_since_1970_are_not_dropped(tmp_path, name):
    write(tmp_path / "x.csv", [[name, "a"], *([1614556800 + 300 * i, i] for i in range(5))])
    series = read_series(tmp_path / "x.csv")
    assert series.times[1] == np.datetime64("2021-03-01T00:05")


def test_a_temperature_called_t(tmp_path):
    write(tmp_path / "x.csv", [["T", "u"], [281.5, 1], [281.1, 2], [282.0, 3]])
    assert read_series(tmp_path / "x.csv").location_ids == ("T", "u")


def test_numbers_called_a_time_that_are_none(tmp_path):
    write(tmp_path / "x.csv", [["time", "a"], [7.5, 1], [3.25, 2], [9.0, 3]])
    with pytest.raises(DataError, match=r"no known time stamps; say how.*time_format"):
        read_series(tmp_path / "x.csv")


def test_the_index_of_a_data_frame(tmp_path):
    write(tmp_path / "x.csv", [["", "a"], [3, 1], [4, 2], [7, 3]])
    series = read_series(tmp_path / "x.csv")
    assert series.location_ids == ("a",)
    assert series.times is None


def test_not_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="UTF-8"):
        read_series(tmp_path / "x.csv")


def test_road_speeds():
    series = read_series(real_file("metr_la_week_speed.csv"))
    assert series.values.shape == (2016, 207, 1)
    assert series.location_ids[0] == "773869"


def test_columns_without_a_name(tmp_path):
    (tmp_path / "x.csv").write_text("a,,b,\n1,2,3,\n4,5,6,\n")
    assert read_series(tmp_path / "x.csv").location_ids == ("a", "Unnamed: 1", "b")


def test_fields_that_are_no_text(tmp_path):
    (tmp_path / "x.csv").write_bytes(b'"' + b"x" * 200_000 + b'",b\n1,2\n')
    with pytest.raises(DataError, match="cannot be read as CSV: field larger"):
        read_series(tmp_path / "x.csv")


@pytest.mark.parametrize("first", ["2024-01-01 00:00,5.5,7", "2024-01-01 00:00,A,7"])
def test_a_headerless_table_of_times_is_refused(tmp_path, first):
    with pytest.raises(DataError, match="begins a column of times"):
        read(tmp_path, f"{first}\n{first.replace('00:00', '01:00')}\n")


def test_row_names_are_no_location_beside_times(tmp_path):
    text = "time,a,b\n1,2024-01-01 00:00,5,6\n2,2024-01-01 01:00,7,8\n"
    series = read(tmp_path, text)
    assert series.location_ids == ("a", "b")
    np.testing.assert_array_equal(series.values[:, :, 0], [[5, 6], [7, 8]])


def test_ids_called_na_do_not_hinder_the_search_for_times(tmp_path):
    text = "when,station,flow\n" + "".join(
        f"2024-01-01 {hour:02}:00,{place},{hour + i}\n"
        for hour in range(4)
        for i, place in enumerate(("NA", "b"))
    )
    assert set(read(tmp_path, text).location_ids) == {"NA", "b"}


def test_rows_of_locations_keep_their_zeros(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("id,2024-01-01,2024-01-02\n007,1,2\n012,3,4\n")
    series = read_series(path, DataConfig(read=ReadConfig(transpose=True)))
    assert series.location_ids == ("007", "012")


@pytest.mark.parametrize("separator", ["", ",,", '"'])
def test_a_separator_is_one_character(tmp_path, separator):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="one character"):
        read_series(path, DataConfig(read=ReadConfig(separator=separator)))
