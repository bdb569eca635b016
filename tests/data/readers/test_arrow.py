import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_file_and_stream(tmp_path, kind):
    stamps = pd.date_range("2024-01-01", periods=3, freq="h")
    table = pa.table({"time": stamps, "a": [1.0, 2, 3], "b": [4.0, None, 6]})
    path = tmp_path / "x.arrow"
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table)
    series = read_series(path)
    np.testing.assert_array_equal(series.values[:, :, 0], [[1, 4], [2, np.nan], [3, 6]])
    np.testing.assert_array_equal(series.times, stamps.to_numpy())


def test_damaged_file(tmp_path):
    (tmp_path / "x.arrow").write_bytes(b"ARROW1 broken")
    with pytest.raises(DataError, match="cannot be read as Arrow"):
        read_series(tmp_path / "x.arrow")
