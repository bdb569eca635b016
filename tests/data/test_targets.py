from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare, prepare_source
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.targets import with_targets
from stemdist_ray.errors import DataError

CONFIG = DataConfig(lookback=3, horizon=2)
SPLITS = {"train": slice(0, 60), "val": slice(60, 80), "test": slice(80, 100)}


@pytest.fixture
def values(rng):
    return rng.normal(50, 5, (100, 4, 2)).astype(np.float32)


@pytest.mark.parametrize("split", list(SPLITS))
@pytest.mark.parametrize(
    ("reading", "words"), [(np.nan, "is never observed"), (7.5, r"is 7\.5 in all observed entries")]
)
def test_splits_without_anything_to_forecast(values, split, reading, words):
    values[SPLITS[split], :, 0] = reading
    if split == "train":
        values[0, 0, 0] = 1.0  # seen by the scaler, and only ever an input
    series = SpatioTemporalSeries(values, name="x")
    with pytest.raises(DataError, match=f"x: the target 'feature_0' {words} in the {split} split"):
        prepare(series, CONFIG)
    # The other feature varies, and one that does not is no harm as an input.
    assert prepare(series, CONFIG.model_copy(update={"target": 1})).target_name == "feature_1"


def test_a_constant_series(tmp_path):
    np.savez(tmp_path / "x.npz", data=np.full((100, 4), 5.0))
    with pytest.raises(DataError, match=r"is 5 in all observed entries in the train split"):
        prepare_source(tmp_path / "x.npz", CONFIG)


def test_one_reading_that_differs_is_enough(values):
    values[:, :, 0] = 3.0
    values[[30, 70, 95], 1, 0] = 4.0
    assert prepare(SpatioTemporalSeries(values), CONFIG).num_steps == 100


def test_missing_entries_do_not_count(values):
    """They are stored as the mean, which must not pass for a second value."""
    values[80:, :, 0] = 42.0
    values[90:, 1:, 0] = np.nan
    with pytest.raises(DataError, match="is 42 in all observed entries in the test split"):
        prepare(SpatioTemporalSeries(values, name="x"), CONFIG)


def test_windows_whose_targets_lie_wholly_in_a_gap_are_left_out(values):
    values[20:30] = np.nan
    values[25, 2, 0] = 1.0  # one target is enough
    source = prepare(SpatioTemporalSeries(values), CONFIG)
    first = source.starts["train"] + CONFIG.lookback
    seen = ~np.isnan(values[:, :, 0]).all(axis=1)
    everything = np.arange(60 - 5 + 1)
    wanted = [s for s in everything if seen[s + 3 : s + 5].any()]
    assert source.starts["train"].tolist() == wanted
    assert len(wanted) < len(everything)
    assert {24, 25} & set(first)
    for split in ("val", "test"):
        whole = prepare(SpatioTemporalSeries(np.nan_to_num(values)), CONFIG).starts[split]
        np.testing.assert_array_equal(source.starts[split], whole)


def test_a_split_without_targets_keeps_its_windows_to_be_told_of():
    mask = np.ones((100, 4, 1), bool)
    mask[60:80] = False
    values = np.random.default_rng(0).normal(size=mask.shape).astype(np.float32)
    windows = prepare(SpatioTemporalSeries(values), CONFIG).windows
    starts = {"val": np.arange(60, 70)}
    kept = with_targets(replace(windows, input_mask=mask), starts)
    np.testing.assert_array_equal(kept["val"], starts["val"])
