import json

import numpy as np
import pytest

from stemdist_ray.config import DataConfig, ReadConfig
from stemdist_ray.data.prepared import prepare_source
from stemdist_ray.data.readers.basicts import stream_basicts
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.data.streaming import stream_source
from stemdist_ray.errors import DataError


@pytest.fixture
def values():
    return np.random.default_rng(0).normal(60, 5, (40, 3, 3)).astype(np.float32)


def write(folder, values, **changes):
    """The layout of versions before 1.1."""
    folder.mkdir(exist_ok=True)
    about = {
        "name": "PEMS04",
        "shape": list(values.shape),
        "frequency (minutes)": 5,
        "feature_description": ["traffic flow", "time of day", "day of week"],
        "regular_settings": {"NULL_VAL": 0.0},
    }
    about = {name: value for name, value in (about | changes).items() if value is not ...}
    (folder / "desc.json").write_text(json.dumps(about))
    values.astype("<f4").tofile(folder / "data.dat")
    return folder


def write_splits(folder, values, **about):
    """The layout of version 1.1."""
    folder.mkdir(exist_ok=True)
    for name, part in zip(("train", "val", "test"), np.split(values, [24, 32]), strict=True):
        np.save(folder / f"{name}_data.npy", part)
        np.save(folder / f"{name}_timestamps.npy", np.zeros((len(part), 2)))
    (folder / "meta.json").write_text(json.dumps({"shape": list(values.shape), **about}))
    return folder


@pytest.mark.parametrize("given", ["", "data.dat", "desc.json"])
def test_readings_without_what_the_calendar_says(tmp_path, values, given):
    values[3, 1, 0] = 0
    folder = write(tmp_path / "PEMS04", values)
    series = read_series(folder / given)
    assert source_format(folder / given) == "basicts"
    assert (series.name, series.feature_names) == ("PEMS04", ("traffic flow",))
    assert (series.num_steps, series.num_locations, series.times) == (40, 3, None)
    assert np.isnan(series.values[3, 1, 0])
    values[3, 1, 0] = np.nan
    np.testing.assert_array_equal(series.values, values[:, :, :1])


@pytest.mark.parametrize("null", [float("nan"), None, ...])
def test_zero_is_a_reading_unless_it_is_named(tmp_path, values, null):
    values[:5] = 0
    settings = {} if null is ... else {"NULL_VAL": null}
    assert read_series(write(tmp_path / "x", values, regular_settings=settings)).mask is None


def test_start_and_frequency_make_time_stamps(tmp_path, values):
    folder = write(tmp_path / "x", values)
    for step in (None, "5min", "300s"):
        series = read_series(folder, DataConfig(start="2018-01-01", sampling_step=step))
        assert series.times[1] == np.datetime64("2018-01-01T00:05")
    with pytest.raises(DataError, match="5min apart by its own account"):
        read_series(folder, DataConfig(start="2018-01-01", sampling_step="15min"))
    with pytest.raises(DataError, match=r"give data\.start, too"):
        read_series(folder, DataConfig(sampling_step="5min"))


def test_an_array_per_split(tmp_path, values):
    values[2, 2, 0] = -1
    folder = write_splits(
        tmp_path / "x", values[:, :, 0], **{"name": "y", "regular_settings": {"null_val": -1}}
    )
    series = read_series(folder)
    assert (series.name, series.values.shape) == ("y", (40, 3, 1))
    assert np.isnan(series.values[2, 2, 0])
    np.testing.assert_array_equal(series.values[24:, :, 0], values[24:, :, 0])
    (folder / "meta.json").unlink()
    assert read_series(folder).name == "x"


def test_splits_with_features(tmp_path, values):
    names = ["flow", "time_of_day", "Day in Week"]
    folder = write_splits(tmp_path / "x", values, feature_description=names)
    assert read_series(folder).feature_names == ("flow",)


def test_blocks_are_the_series(tmp_path, values):
    values[3] = 0
    for folder in (write(tmp_path / "a", values), write_splits(tmp_path / "b", values)):
        blocks = list(stream_basicts(folder, ReadConfig(), 4 * 9 * 7))
        assert len(blocks) > 5
        whole = np.concatenate([block.values for block in blocks])
        np.testing.assert_array_equal(whole, read_series(folder).values)


def test_streamed_is_the_same(tmp_path, values):
    folder = write(tmp_path / "x", values)
    config = DataConfig(start="2018-01-01", lookback=2, horizon=2)
    (tmp_path / "out").mkdir()
    streamed = stream_source(folder, config, tmp_path / "out")
    assert streamed.description.hash == prepare_source(folder, config).description.hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": [41, 3, 3]}, r"1,440 bytes; the shape \[41, 3, 3\] .* needs 1,476"),
        ({"shape": [40, 9]}, "expected a shape"),
        ({"shape": [True, 3, 3]}, "expected a shape"),
        ({"shape": ...}, "expected a shape .*found None"),
        ({"feature_description": ["time of day"] * 3}, "there are no readings"),
        ({"feature_description": ["a"]}, "must name the 3 features.*found 1"),
        ({"feature_description": ...}, "must name the 3 features"),
        ({"feature_description": ["a", "a", "time of day"]}, "'a' occurs twice"),
        ({"regular_settings": {"NULL_VAL": "zero"}}, "NULL_VAL must be a number"),
        ({"regular_settings": [1]}, "under regular_settings"),
        ({"frequency (minutes)": "5"}, "must be above 0; found '5'"),
        ({"frequency (minutes)": -5}, "must be above 0"),
    ],
)
def test_descriptions_that_do_not_fit(tmp_path, values, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        read_series(write(tmp_path / "x", values, **changes))
    assert "\n" not in str(caught.value)


def test_damaged_folders(tmp_path, values):
    folder = write(tmp_path / "x", values)
    (folder / "desc.json").write_text("[1")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        read_series(folder)
    (folder / "desc.json").write_text("[1]")
    with pytest.raises(DataError, match="expected a JSON object; found list"):
        read_series(folder)
    (folder / "desc.json").unlink()
    with pytest.raises(DataError, match=r"there is no desc\.json"):
        read_series(folder / "data.dat")
    folder = write(tmp_path / "y", values)
    (folder / "data.dat").unlink()
    with pytest.raises(DataError, match=r"no data\.dat"):
        read_series(folder)


def test_damaged_splits(tmp_path, values):
    folder = write_splits(tmp_path / "x", values)
    (folder / "val_data.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match="cannot be read as NumPy data"):
        read_series(folder)
    header = b"{'shape': (3, \n"
    (folder / "val_data.npy").write_bytes(b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header)
    with pytest.raises(DataError, match="cannot be read as NumPy data"):
        read_series(folder)
    np.save(folder / "val_data.npy", np.array(["a"]))
    with pytest.raises(DataError, match="expected numbers of shape"):
        read_series(folder)
    np.save(folder / "val_data.npy", np.ones((8, 2, 3)))
    with pytest.raises(DataError, match="other locations or features"):
        read_series(folder)
    np.save(folder / "val_data.npy", np.ones((9, 3, 3)))
    with pytest.raises(DataError, match=r"declares the shape \[40, 3, 3\]"):
        read_series(folder)
    (folder / "val_data.npy").unlink()
    with pytest.raises(DataError, match=r"lacks val_data\.npy"):
        read_series(folder)
