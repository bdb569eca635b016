"""What is in memory becomes what a file of it would."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
import xarray as xr

from stemdist_ray import as_series, prepare_source, read_series
from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

VALUES = np.arange(12, dtype=np.float32).reshape(6, 2)
TIMES = pd.date_range("2024-01-01", periods=6, freq="h")
ROWS = {
    "start": ["2024-01-01"] * 2,
    "target": VALUES.T.tolist(),
    "item_id": ["a", "b"],
    "freq": ["h", "h"],
}
LONG = {"time": list(TIMES.repeat(2)), "id": ["a", "b"] * 6, "v": list(VALUES.ravel())}


def wide():
    return pd.DataFrame(VALUES, index=TIMES, columns=["a", "b"])


def same(series):
    np.testing.assert_array_equal(series.values[:, :, 0], VALUES)
    np.testing.assert_array_equal(series.times, TIMES.to_numpy())
    assert series.location_ids == ("a", "b")


TABLES = {
    "wide": wide,
    "wide with a column of times": lambda: wide().reset_index(names="time"),
    "long": lambda: pd.DataFrame(LONG),
    "long by its index": lambda: pd.DataFrame(LONG).set_index(["time", "id"]),
    "series by time and place": lambda: wide().stack().rename_axis(["time", "id"]),
    "columns of two levels": lambda: pd.concat({"v": wide()}, axis=1).swaplevel(axis=1),
    "row per series": lambda: pd.DataFrame(ROWS),
    "arrow": lambda: pa.table(LONG),
    "a batch of arrow": lambda: pa.table(LONG).to_batches()[0],
    "arrow, row per series": lambda: pa.table(ROWS),
}


@pytest.mark.parametrize("table", list(TABLES.values()), ids=list(TABLES))
def test_tables(table):
    same(as_series(table()))


def test_a_pandas_series_is_one_location():
    series = as_series(wide()["a"])
    np.testing.assert_array_equal(series.values[:, 0, 0], VALUES[:, 0])
    assert series.location_ids == ("a",)
    assert as_series(pd.Series(VALUES[:, 0], index=TIMES)).location_ids == ("value",)


@pytest.mark.parametrize(
    "array",
    [
        VALUES,
        VALUES.astype(np.int64),
        torch.tensor(VALUES, requires_grad=True),
        torch.tensor(VALUES, dtype=torch.bfloat16),
        torch.tensor(VALUES).to_sparse(),
    ],
)
def test_arrays(array):
    series = as_series(array)
    np.testing.assert_array_equal(series.values[:, :, 0], VALUES)
    assert (series.name, series.times) == ("array", None)


def test_features_and_masks_of_arrays():
    assert as_series(np.ones((5, 3, 2)), name="mine").values.shape == (5, 3, 2)
    masked = np.ma.masked_equal(VALUES, 3)
    series = as_series(masked)
    assert np.isnan(series.values[1, 1, 0])
    assert series.mask.sum() == 11


def test_xarray():
    array = xr.DataArray(VALUES, coords={"time": TIMES, "s": ["a", "b"]}, dims=("time", "s"))
    same(as_series(array))
    same(as_series(array.to_dataset(name="v")))
    levels = xr.concat([array, array + 1], pd.Index([850, 1000], name="level")).rename("v")
    with pytest.raises(DataError, match=r"take one by data\.read\.select"):
        as_series(levels)
    same(as_series(levels, DataConfig(read=ReadConfig(select={"level": 850}))))


def test_polars():
    polars = pytest.importorskip("polars")
    same(as_series(polars.DataFrame(LONG)))
    same(as_series(polars.DataFrame(ROWS)))
    assert as_series(polars.Series("a", VALUES[:, 0])).location_ids == ("a",)
    with pytest.raises(DataError, match=r"call collect\(\) first"):
        as_series(polars.DataFrame(LONG).lazy())


def test_hugging_face():
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict(ROWS)
    same(as_series(data))
    assert as_series(data.select([1])).location_ids == ("b",)
    with pytest.raises(DataError, match="give one of its splits: train"):
        as_series(datasets.DatasetDict(train=data))
    with pytest.raises(DataError, match="IterableDataset of datasets is no series"):
        as_series(data.to_iterable_dataset())


def test_settings_are_those_of_files(tmp_path):
    places = tmp_path / "places.csv"
    places.write_text("id,lat,lon\n0,1,2\n1,3,4\n")
    config = DataConfig(
        missing_values=(3,), start="2024-01-01", sampling_step="h", locations_file=str(places)
    )
    series = as_series(VALUES, config)
    assert np.isnan(series.values[1, 1, 0])
    np.testing.assert_array_equal(series.times, TIMES.to_numpy())
    np.testing.assert_array_equal(series.coordinates, [[1, 2], [3, 4]])


def test_steps_left_out_become_missing():
    series = as_series(wide().drop(TIMES[2]))
    assert series.num_steps == 6
    assert np.isnan(series.values[2]).all()


def test_a_series_is_treated_like_a_file():
    series = SpatioTemporalSeries(VALUES, name="mine")
    assert as_series(series).content_hash() == series.content_hash()
    changed = as_series(series, DataConfig(missing_values=(0,)), name="other")
    assert (changed.name, changed.mask.sum()) == ("other", 11)
    with pytest.raises(DataError, match="layout says nothing about a series in memory"):
        as_series(series, DataConfig(read=ReadConfig(layout="long")))


def test_same_as_the_file(tmp_path):
    wide().to_parquet(tmp_path / "x.parquet")
    read = read_series(tmp_path / "x.parquet")
    assert as_series(wide()).content_hash() == read.content_hash()


class Strange:
    pass


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1, 2]], "list is no series; expected a NumPy array"),
        (None, "NoneType is no series"),
        (Strange(), "Strange of .* is no series"),
        (np.ones(3), r"found float64 of shape \(3,\)"),
        (np.ones((3, 2), bool), "found bool of shape"),
        (np.ones((3, 2), complex), "found complex128 of shape"),
        (np.array([["a"]]), "found <U1 of shape"),
        (np.full((3, 2), np.inf), "infinite reading"),
        (np.full((3, 2), np.nan), "every entry is missing"),
        (np.empty((0, 2)), "none of them empty"),
        (torch.ones(2, 2, 2, 2), r"of shape \(2, 2, 2, 2\)"),
        (torch.ones(3, 2, dtype=torch.complex64), "found complex64"),
        (torch.ones(3, 2, device="meta"), "the tensor cannot become an array"),
        (np.array([[1e300, 1]]), "infinite reading"),
        (pd.DataFrame(), "found none"),
        (pd.DataFrame(VALUES, columns=["a", "a"]), "two columns are called 'a'"),
        (pd.DataFrame({"a": ["x", "y"]}), "expected a number, found 'x'"),
        (pd.DataFrame({"a": [object(), object()]}), "expected a number"),
        (pa.table({"a": pa.array([b"x"])}), "values of the type bytes"),
        (xr.Dataset({"v": ("s", [1.0, 2])}), "Dataset"),
        (xr.DataArray([[1.0, 2]], dims=("a", "b"), name="a"), "DataArray"),
    ],
)
def test_what_is_not_taken(given, message):
    with pytest.raises(DataError, match=message) as caught:
        as_series(given)
    assert "\n" not in str(caught.value)


def test_settings_that_say_nothing():
    with pytest.raises(DataError, match="data.read.layout says nothing about array in memory"):
        as_series(VALUES, DataConfig(read=ReadConfig(layout="long")))


def test_wherever_a_source_is_taken(traffic):
    config = DataConfig(lookback=3, horizon=2)
    prepared = prepare_source(traffic.values[:, :, 0], config)
    assert prepared.description.format == "memory"
    assert prepared.description.source == "array"
    assert prepared.num_steps == traffic.num_steps
