import dataclasses

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data import streaming
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.readers import READERS
from stemdist_ray.data.simulate import TrafficParameters, simulate_traffic
from stemdist_ray.data.source import read_series, source_format
from stemdist_ray.data.streaming import opened_source, stream_source
from stemdist_ray.data.writers import write_series
from stemdist_ray.errors import DataError
from stemdist_ray.progress import SilentReporter

CONFIG = DataConfig(lookback=6, horizon=4, covariates=("time_of_day",))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 24 * 4 * 37)  # 37 steps of 24 locations


@pytest.fixture
def two_features(traffic):
    """Speed and flow at 24 locations, with gaps of their own."""
    flow = np.where(traffic.mask, 90 - traffic.values, 7.0)
    both = np.concatenate([traffic.values, flow], axis=2)
    return dataclasses.replace(
        traffic, values=both, mask=None, feature_names=("speed", "flow"), units=("km/h", "")
    )


@pytest.mark.parametrize("name", ["wide.parquet", "series.zarr", "series.nc", "folder"])
def test_streamed_equals_read_whole(tmp_path, traffic, name):
    check(write_series(traffic, tmp_path / name), tmp_path, CONFIG)


@pytest.mark.parametrize("name", ["long.parquet", "series.zarr", "folder"])
def test_several_features(tmp_path, two_features, name):
    config = CONFIG.model_copy(update={"target": "flow", "missing_values": (7.0,)})
    check(write_series(two_features, tmp_path / name), tmp_path, config)


def test_time_stamps_that_are_given(tmp_path, traffic):
    path = write_series(traffic.with_changes(times=None), tmp_path / "plain.parquet")
    times = {"start": "2024-02-28", "sampling_step": "5min"}
    check(path, tmp_path, CONFIG.model_copy(update=times))


def test_nothing_missing_needs_no_mask(tmp_path):
    series = simulate_traffic(TrafficParameters(locations=9, steps=200, missing=0.0))
    path = write_series(series, tmp_path / "folder")
    assert check(path, tmp_path, CONFIG).windows.input_mask is None


def check(path, tmp_path, config):
    """Stream the file and compare with reading it whole."""
    files = tmp_path / "files"
    files.mkdir()
    got, series = stream_source(path, config, files), read_series(path, config)
    whole = prepare(series, config, str(path), source_format(path))
    np.testing.assert_allclose(got.windows.inputs, whole.windows.inputs, atol=1e-6)
    for a, b in zip(got.scaler.mean, whole.scaler.mean, strict=True):
        assert a == pytest.approx(b, rel=1e-12)
    if whole.windows.input_mask is None:
        assert got.windows.input_mask is None
    else:
        np.testing.assert_array_equal(got.windows.input_mask, whole.windows.input_mask)
    for split, starts in whole.starts.items():
        np.testing.assert_array_equal(got.starts[split], starts)
    np.testing.assert_array_equal(got.times, whole.times)
    assert (got.target_name, got.target_unit) == (whole.target_name, whole.target_unit)
    assert got.location_ids == series.location_ids
    assert got.input_names == whole.input_names
    assert got.season == whole.season
    np.testing.assert_array_equal(got.windows.calendar, whole.windows.calendar)
    assert got.description == whole.description
    return got


def test_blocks_without_any_reading(tmp_path, traffic):
    values = traffic.values.copy()
    values[80:200] = np.nan
    series = traffic.with_changes(values=values, mask=None)
    check(write_series(series, tmp_path / "gap.parquet"), tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("demo", "simulated in memory"),
        ("table.csv", "csv cannot be read in blocks; formats that can: basicts, canonical, netcdf"),
        ("nothing.parquet", "no such file"),
    ],
)
def test_what_cannot_be_streamed(tmp_path, traffic, source, words):
    path = source if source == "demo" else tmp_path / source
    if source.endswith(".csv"):
        write_series(traffic, path)
    with pytest.raises(DataError, match=words):
        stream_source(path, CONFIG, tmp_path)


def test_rows_out_of_order(tmp_path, two_features):
    path = write_series(two_features, tmp_path / "long.parquet")
    import pandas as pd

    frame = pd.read_parquet(path)
    frame.iloc[::-1].to_parquet(path, index=False)
    with pytest.raises(DataError, match="must be in the order of time to be streamed"):
        stream_source(path, CONFIG, tmp_path)


def test_everything_missing(tmp_path, traffic):
    path = write_series(traffic, tmp_path / "empty.parquet")
    config = CONFIG.model_copy(update={"missing_values": tuple(np.unique(traffic.values))})
    with pytest.raises(DataError, match="every entry is missing"):
        stream_source(path, config, tmp_path)


def test_formats_for_large_files_can_be_streamed():
    can = {name for name, reader in READERS.items() if reader.stream is not None}
    assert {"parquet", "zarr", "netcdf", "canonical"} <= can


def test_files_of_a_streamed_source_are_gone_afterwards(tmp_path, traffic):
    path, out = write_series(traffic, tmp_path / "folder"), tmp_path / "run"
    with opened_source(path, CONFIG, True, out, SilentReporter()) as source:
        assert len(list(tmp_path.glob("run.series-*"))) == 1
        assert source.windows.inputs.shape == (400, 24, 1)
        assert source.windows.calendar.shape == (400, 2)
    assert list(tmp_path.glob("run.series-*")) == []


def test_a_prepared_source_is_neither_read_nor_streamed(tmp_path, traffic):
    ready = prepare(traffic, CONFIG)
    with opened_source(ready, CONFIG, True, tmp_path / "run", SilentReporter()) as source:
        assert source is ready
