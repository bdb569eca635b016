import os
import pickle
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from stemdist_ray.data.source import read_series
from stemdist_ray.errors import DataError


class Payload:
    """Would make a folder if anything unpickled it."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def table():
    stamps = pd.date_range("2012-03-01", periods=6, freq="5min")
    return pd.DataFrame(np.arange(12.0).reshape(6, 2), index=stamps, columns=["a", "b"])


def check_table(path, table):
    series = read_series(path)
    np.testing.assert_array_equal(series.values[:, :, 0], table.to_numpy())
    np.testing.assert_array_equal(series.times, table.index.to_numpy())
    assert series.location_ids == ("a", "b")


@pytest.mark.parametrize("attribute", ["freq", "name", "tz"])
def test_pickled_attributes_stay_bytes(tmp_path, table, attribute):
    table.to_hdf(tmp_path / "x.h5", key="df")
    planted = pickle.dumps(Payload(tmp_path / "ran"), 0)
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        for place in ("df", "df/axis1", "df/block0_values"):
            file[place].attrs[attribute] = np.bytes_(planted)
    if attribute == "tz":
        with pytest.raises(DataError, match="unknown time zone"):
            read_series(tmp_path / "x.h5")
    else:
        check_table(tmp_path / "x.h5", table)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_column_names_that_need_code_are_refused(tmp_path, table, layout):
    table.to_hdf(tmp_path / "x.h5", key="df", format=layout)
    planted = np.bytes_(pickle.dumps([Payload(tmp_path / "ran"), "b"], 0))
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        for name in ("non_index_axes", "info", "values_cols"):
            file["df"].attrs[name] = planted
        if layout == "table":
            file["df/table"].attrs["values_block_0_kind"] = planted
    if layout == "table":
        with pytest.raises(DataError, match="column names are kept as Python objects"):
            read_series(tmp_path / "x.h5")
    else:
        check_table(tmp_path / "x.h5", table)
    assert not (tmp_path / "ran").exists()


def test_columns_of_objects_are_refused(tmp_path, table):
    note = [Payload(tmp_path / "ran"), *[None] * 5]
    with_note = table.assign(note=pd.Series(note, index=table.index, dtype=object))
    with pytest.warns(pd.errors.PerformanceWarning):
        with_note.to_hdf(tmp_path / "x.h5", key="df")
    with pytest.raises(DataError, match="column 'note' holds Python objects"):
        read_series(tmp_path / "x.h5")
    assert not (tmp_path / "ran").exists()


def test_written_by_pandas_on_python_2(tmp_path, table):
    """All attributes are bytes, and the index says datetime64 without a unit, as METR-LA's."""
    table.set_axis(table.index.as_unit("ns")).to_hdf(tmp_path / "x.h5", key="df")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        for place in ("df", "df/axis0", "df/axis1", "df/block0_items", "df/block0_values"):
            attributes = file[place].attrs
            for name, value in list(attributes.items()):
                if isinstance(value, bytes | np.bytes_):
                    old = {"encoding": b"N.", "kind": bytes(value).split(b"[")[0]}
                    attributes[name] = np.bytes_(old.get(name, bytes(value)))
    check_table(tmp_path / "x.h5", table)


@pytest.mark.parametrize("layout", ["fixed", "table"])
def test_a_table_in_a_group_with_a_zone_and_several_types(tmp_path, table, layout):
    mixed = table.assign(c=np.arange(6, dtype=np.int32), d=np.float32(0.5))
    mixed = mixed.tz_localize("Europe/Madrid")
    mixed.to_hdf(tmp_path / "x.h5", key="y2012/march", format=layout)
    series = read_series(tmp_path / "x.h5")
    np.testing.assert_array_equal(series.values[:, :, 0], mixed.to_numpy(np.float32))
    assert series.location_ids == ("a", "b", "c", "d")
    assert series.times[0] == np.datetime64("2012-02-29T23:00")


def test_a_damaged_table(tmp_path, table):
    table.to_hdf(tmp_path / "x.h5", key="df")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        del file["df/block0_values"]
    with pytest.raises(DataError, match="table 'df' is damaged"):
        read_series(tmp_path / "x.h5")


@pytest.mark.parametrize("layout", ["fixed", "table"])
@pytest.mark.parametrize("named", [True, False])
def test_a_series(tmp_path, table, layout, named):
    column = table["a"].rename("speed" if named else None)
    column.to_hdf(tmp_path / "x.h5", key="s", format=layout)
    series = read_series(tmp_path / "x.h5")
    np.testing.assert_array_equal(series.values[:, 0, 0], table["a"])
    np.testing.assert_array_equal(series.times, table.index.to_numpy())
    if named and layout == "fixed":
        assert series.location_ids == ("speed",)


def test_a_series_of_time_and_location(tmp_path, table):
    table.stack().rename_axis(["time", "sensor"]).rename("v").to_hdf(tmp_path / "x.h5", key="s")
    check_table(tmp_path / "x.h5", table)


def test_a_series_of_objects(tmp_path, table):
    column = table["a"].astype(object)
    column.iloc[0] = Payload(tmp_path / "ran")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTables tells of the pickle
        column.to_hdf(tmp_path / "x.h5", key="s")
    with pytest.raises(DataError, match="Python objects, which are not read"):
        read_series(tmp_path / "x.h5")
    assert not (tmp_path / "ran").exists()
