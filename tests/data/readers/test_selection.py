from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from stemdist_ray.config import ReadConfig
from stemdist_ray.data.readers.selection import (
    dimensions_of_readings,
    has_stamps,
    is_reading,
    labels_of,
    taken,
    without_others,
)
from stemdist_ray.errors import DataError

PATH = Path("x.nc")


@pytest.fixture
def levels():
    values = np.arange(3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)
    times = np.arange(3).astype("datetime64[h]").astype("datetime64[ns]")
    return xr.Dataset(
        {"t": (("time", "level", "x"), values), "time_bnds": (("time", "nv"), values[:, :, 0])},
        coords={"time": times, "level": [850.0, 500.0]},
    )


def test_what_holds_readings(levels):
    assert dimensions_of_readings(levels) == ["time", "level", "x"]
    assert is_reading("t", levels["t"])
    assert not is_reading("time_bnds", levels["time_bnds"])
    assert has_stamps(levels, "time")
    assert not has_stamps(levels, "level")


def test_labels(levels):
    assert labels_of(levels, "level") == ["850", "500"]
    assert labels_of(levels, "x") == ["0", "1", "2", "3"]


@pytest.mark.parametrize("label", ["500", 500.0, "5e2"])
def test_an_entry_by_its_label(levels, label):
    chosen = without_others(taken(levels, ReadConfig(select={"Level": label}), PATH), PATH)
    np.testing.assert_array_equal(chosen["t"], levels["t"][:, 1])


def test_none_is_taken_unasked(levels):
    with pytest.raises(DataError, match=r"'level' .* has 2 entries \(850, 500\); take one by"):
        without_others(taken(levels, ReadConfig(), PATH), PATH)


@pytest.mark.parametrize(
    ("select", "words"),
    [({"level": 700}, "level has no entry 700; there are 850, 500"), ({"z": 1}, "dimension 'z'")],
)
def test_what_is_not_there(levels, select, words):
    with pytest.raises(DataError, match=words):
        taken(levels, ReadConfig(select=select), PATH)
