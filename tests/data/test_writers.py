import numpy as np
import pytest

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.source import read_series
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError

ENDINGS = [".csv", ".parquet", ".arrow", ".feather", ".npz", ".h5", ".nc", ".zarr", ""]
MANY_FEATURES = [".parquet", ".arrow", ".npz", ".nc", ".zarr", ""]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read_back(tmp_path, ending, traffic):
    path = tmp_path / f"a folder's ä{ending}"
    write_series(traffic, path)
    back = read_series(path)
    np.testing.assert_array_equal(back.values, traffic.values)
    np.testing.assert_array_equal(back.mask, traffic.mask)
    np.testing.assert_array_equal(back.times, traffic.times)
    assert back.location_ids == traffic.location_ids
    if ending in ("", ".npz", ".nc", ".zarr"):
        np.testing.assert_allclose(back.coordinates, traffic.coordinates)
        assert back.units == ("km/h",)


@pytest.mark.parametrize("ending", MANY_FEATURES)
def test_several_features(tmp_path, ending, rng):
    values = rng.normal(size=(6, 3, 2)).astype(np.float32)
    values[0, 0, 1] = np.nan
    times = np.arange(6).astype("datetime64[h]")
    series = SpatioTemporalSeries(
        values, times=times, location_ids=("a", "b", "c"), feature_names=("speed", "flow")
    )
    back = read_series(write_series(series, tmp_path / f"x{ending}"))
    np.testing.assert_array_equal(back.values, values)
    assert back.location_ids == ("a", "b", "c")
    assert back.feature_names == ("speed", "flow")


def test_nothing_is_overwritten(tmp_path, traffic):
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(DataError, match="exists already"):
        write_series(traffic, path)
    assert path.read_text() == "mine"


def test_unknown_ending(tmp_path, traffic):
    with pytest.raises(DataError, match="cannot write '.doc'"):
        write_series(traffic, tmp_path / "x.doc")


def test_wide_formats_hold_one_feature(tmp_path):
    series = SpatioTemporalSeries(np.ones((3, 2, 2)))
    with pytest.raises(DataError, match="a wide table holds one"):
        write_series(series, tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_no_name_in_a_table_is_a_formula(tmp_path, traffic):
    names = ("=1+1", "@b", "-c", "'d", *traffic.location_ids[4:])
    write_series(traffic.with_changes(location_ids=names), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        assert file.readline().startswith("time,'=1+1,'@b,'-c,'d,")
    assert read_series(tmp_path / "a.csv").location_ids == names
