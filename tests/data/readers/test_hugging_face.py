import json

import numpy as np
import pyarrow as pa
import pytest

from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.errors import DataError

ROWS = {
    "start": ["2020-01-01", "2020-01-01"],
    "target": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
    "item_id": ["a", "b"],
    "freq": ["h", "h"],
}


def write(folder, *tables):
    """What save_to_disk writes."""
    folder.mkdir()
    names = [f"data-{i:05d}-of-{len(tables):05d}.arrow" for i in range(len(tables))]
    for name, columns in zip(names, tables, strict=True):
        table = pa.table(columns)
        file = str(folder / name)
        with pa.OSFile(file, "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
            out.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_a_saved_data_set(tmp_path):
    other = {**ROWS, "item_id": ["c", "d"]}
    folder = write(tmp_path / "x", ROWS, other)
    series = read_series(folder)
    assert source_format(folder) == "hugging_face"
    assert series.location_ids == ("a", "b", "c", "d")
    np.testing.assert_array_equal(series.values[:, 1, 0], [4, 5, 6])


def test_a_saved_wide_table(tmp_path):
    series = read_series(write(tmp_path / "x", {"a": [1.0, 2, 3], "b": [4.0, 5, 6]}))
    assert series.location_ids == ("a", "b")


def test_what_datasets_itself_saves(tmp_path):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict(ROWS)
    data.select([1, 0]).save_to_disk(tmp_path / "x")
    assert read_series(tmp_path / "x").location_ids == ("b", "a")
    datasets.DatasetDict(train=data).save_to_disk(tmp_path / "y")
    with pytest.raises(DataError, match="holds the splits train"):
        read_series(tmp_path / "y")


def test_splits(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "dataset_dict.json").write_text('{"splits": ["test", "train"]}')
    for split in ("train", "test"):
        write(tmp_path / "x" / split, ROWS)
    with pytest.raises(DataError, match="holds the splits test, train; give the folder of one"):
        read_series(tmp_path / "x")
    assert read_series(tmp_path / "x" / "train").num_locations == 2


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("[", "_data_files"),
        ("{}", "_data_files"),
        ('{"_data_files": 3}', "_data_files"),
        ('{"_data_files": []}', "expected rows in order"),
        ('{"_data_files": [{"filename": "no.arrow"}]}', "there is no file 'no.arrow'"),
        ('{"_data_files": [{"filename": "../y.arrow"}]}', "there is no file '../y.arrow'"),
    ],
)
def test_damaged_descriptions(tmp_path, state, message):
    folder = write(tmp_path / "x", ROWS)
    (tmp_path / "y.arrow").write_bytes(b"")
    (folder / "state.json").write_text(state)
    with pytest.raises(DataError, match=message) as caught:
        read_series(folder)
    assert "\n" not in str(caught.value)


def test_damaged_arrow(tmp_path):
    folder = write(tmp_path / "x", ROWS)
    (folder / "data-00000-of-00001.arrow").write_bytes(b"broken")
    with pytest.raises(DataError, match="cannot be read as Arrow"):
        read_series(folder)


def test_files_of_other_columns(tmp_path):
    with pytest.raises(DataError, match="x: .*"):
        read_series(write(tmp_path / "x", ROWS, {"a": [1.0]}))
