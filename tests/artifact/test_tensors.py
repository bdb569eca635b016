import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemdist_ray.artifact.tensors import SHAPES, read_tensor, row_of, tensor_column, write_table


@pytest.mark.parametrize("shape", [(5, 3), (1, 2), (4, 3, 2), (6, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_round_trip(tmp_path, rng, shape, dtype):
    array = (10 * rng.normal(size=shape)).astype(dtype)
    write_table(tmp_path / "t.parquet", pa.table({"x": tensor_column(array)}))
    again = read_tensor(pq.read_table(tmp_path / "t.parquet")["x"])
    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    again[:] = 0  # a copy that may be changed


def test_arrays_may_be_views(rng):
    array = rng.normal(size=(4, 6)).T[::2]
    column = pa.chunked_array([tensor_column(array)])
    np.testing.assert_array_equal(read_tensor(column), array)


def test_several_chunks_are_one_array(rng):
    array = rng.normal(size=(6, 2, 3))
    column = pa.chunked_array([tensor_column(array[:2]), tensor_column(array[2:])])
    np.testing.assert_array_equal(read_tensor(column), array)


def test_an_interrupted_write_leaves_the_old_table(tmp_path, monkeypatch):
    path, table = tmp_path / "t.parquet", pa.table({"x": [1, 2]})
    write_table(path, table)

    def broken(*unused, **options):
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", broken)
    with pytest.raises(OSError, match="disk full"):
        write_table(path, pa.table({"x": [3]}))
    assert pq.read_table(path).equals(table)


def test_rows_are_lists_and_the_metadata_say_their_shapes(tmp_path, rng):
    x, y = rng.normal(size=(4, 3, 2)).astype(np.float32), rng.normal(size=(4, 5))
    path = tmp_path / "t.parquet"
    write_table(path, pa.table({"n": [1, 2, 3, 4], "x": tensor_column(x), "y": tensor_column(y)}))
    schema = pq.read_schema(path)
    assert row_of(schema.field("x").type) == ((3, 2), pa.float32())
    assert row_of(schema.field("n").type) == ((), pa.int64())
    assert json.loads(schema.metadata[SHAPES]) == {"x": [3, 2], "y": [5]}
    frame = pd.read_parquet(path)
    np.testing.assert_array_equal(np.stack([np.stack(row) for row in frame["x"]]), x)
    write_table(path, pa.table({"n": [1]}))
    assert SHAPES not in (pq.read_schema(path).metadata or {})


def test_arrows_tensor_type_is_read_too(tmp_path, rng):
    """As earlier releases wrote it."""
    array = rng.normal(size=(6, 2, 3)).astype(np.float32)
    old = pa.FixedShapeTensorArray.from_numpy_ndarray(array)
    pq.write_table(pa.table({"x": old}), tmp_path / "t.parquet")
    column = pq.read_table(tmp_path / "t.parquet")["x"]
    np.testing.assert_array_equal(read_tensor(column), array)
    np.testing.assert_array_equal(read_tensor(column.slice(2, 3)), array[2:5])


def test_a_slice_of_a_column(rng):
    array = rng.normal(size=(6, 2, 3))
    column = pa.chunked_array([tensor_column(array)])
    np.testing.assert_array_equal(read_tensor(column.slice(1, 4)), array[1:5])
    assert read_tensor(column.slice(0, 0)).shape == (0, 2, 3)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([1.0, 2.0]), "expected numbers in lists of a fixed size, found double"),
        (pa.array([[1.0], [2.0, 3.0]]), "expected numbers in lists of a fixed size, found list"),
        (pa.array([["a"]], pa.list_(pa.string(), 1)), "expected numbers"),
        (pa.array([[1.0, None]], pa.list_(pa.float32(), 2)), "1 numbers are missing"),
        (pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), "1 lists of numbers are missing"),
    ],
)
def test_what_is_no_tensor_is_refused(column, words):
    with pytest.raises(ValueError, match=words):
        read_tensor(pa.chunked_array([column]))


@pytest.mark.parametrize("shape", [(3,), (3, 0), (3, 0, 2)])
def test_rows_without_entries_are_refused(shape):
    with pytest.raises(ValueError, match="no tensors with entries"):
        tensor_column(np.zeros(shape))
