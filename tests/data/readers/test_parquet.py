import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError
from tests.conftest import real_file


def test_long_table_in_any_row_order(tmp_path):
    rows = [("b", 1, 5.0), ("a", 0, 1.0), ("a", 1, 2.0)]
    table = pd.DataFrame(rows, columns=["station", "hour", "flow"])
    table["time"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(table.pop("hour"), "h")
    table.to_parquet(tmp_path / "x.parquet")
    series = read_series(tmp_path / "x.parquet")
    assert series.location_ids == ("b", "a")
    assert series.feature_names == ("flow",)
    np.testing.assert_array_equal(series.values[:, :, 0], [[np.nan, 1], [5, 2]])


def test_repeated_step_and_location(tmp_path):
    table = pd.DataFrame({"time": [0, 0], "location": ["a", "a"], "v": [1.0, 2]})
    table.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="row 2 repeats time 0 and location a"):
        read_series(tmp_path / "x.parquet")


def test_long_table_without_values(tmp_path):
    pd.DataFrame({"time": [0], "location": ["a"]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="value column"):
        read_series(tmp_path / "x.parquet")


def test_damaged_file(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_series(tmp_path / "x.parquet")


def test_bus_boardings():
    series = read_series(real_file("montevideo_bus_inflow.parquet"))
    assert series.values.shape == (744, 675, 1)
    assert series.mask is None
    assert (series.values == 0).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_text_that_is_none(tmp_path, ending):
    """Bytes that are no UTF-8, in a column that says it is text."""
    bad = pa.array([b"a", b"\xff\xfe", b"c"]).cast(pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, bad.buffers())
    table = pa.table({"id": text, "time": [1, 2, 3], "v": [1.0, 2, 3]})
    path = tmp_path / f"x.{ending}"
    (pq.write_table if ending == "parquet" else feather.write_feather)(table, path)
    with pytest.raises(DataError, match="cannot be read as"):
        read_series(path)
