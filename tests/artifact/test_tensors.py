import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stemdist_ray.artifact.tensors import read_tensor, tensor_column, write_table


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
