import numpy as np
import pytest

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError


def make(**changes):
    values = np.arange(12, dtype=np.float32).reshape(4, 3, 1)
    return SpatioTemporalSeries(**{"values": values, **changes})


def test_defaults():
    series = make()
    assert (series.num_steps, series.num_locations, series.num_features) == (4, 3, 1)
    assert series.location_ids == ("0", "1", "2")
    assert series.feature_names == ("value",)
    assert series.mask is None
    assert series.missing_share == 0
    assert series.sampling_step is None


def test_two_axes_become_one_feature():
    assert SpatioTemporalSeries(values=np.ones((4, 3))).values.shape == (4, 3, 1)


def test_immutable():
    series = make()
    with pytest.raises(ValueError, match="read-only"):
        series.values[0, 0, 0] = 1


def test_the_callers_array_stays_writable_and_apart():
    values = np.zeros((4, 3, 1), np.float32)
    series = make(values=values)
    values[0] = 1
    assert values.flags.writeable
    assert not series.values.flags.writeable


def test_nan_is_missing_and_zero_is_a_reading():
    values = np.zeros((4, 3, 1), np.float32)
    values[1, 2] = np.nan
    series = make(values=values)
    assert series.mask is not None
    assert series.mask.sum() == 11
    assert series.missing_share == pytest.approx(1 / 12)


def test_masked_readings_are_forgotten():
    mask = np.ones((4, 3, 1), bool)
    mask[0, 0] = False
    assert np.isnan(make(mask=mask).values[0, 0, 0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"values": np.ones(3)}, "shape"),
        ({"values": np.ones((0, 3, 1))}, "empty"),
        ({"values": np.full((4, 3, 1), np.nan)}, "every entry is missing"),
        ({"values": np.full((4, 3, 1), np.inf)}, "infinite"),
        ({"mask": np.ones((4, 2, 1), bool)}, "mask"),
        ({"mask": np.ones((4, 3, 1))}, "mask"),
        ({"location_ids": ("a", "b")}, "expected 3 location ids, found 2"),
        ({"location_ids": ("a", "b", "a")}, "'a' occurs twice"),
        ({"feature_names": ("a", "b")}, "feature name"),
        ({"units": ("a", "b")}, "units"),
        ({"coordinates": np.ones((3, 3))}, "coordinates"),
        ({"times": np.arange(3).astype("datetime64[h]")}, "time stamps"),
        ({"times": np.array([0, 2, 1, 3]).astype("datetime64[h]")}, "must increase"),
        ({"times": np.array([0, "NaT", 2, 3], "datetime64[h]")}, "missing"),
    ],
)
def test_bad_series(changes, words):
    with pytest.raises(DataError, match=words):
        make(**changes)


def test_sampling_step_is_the_median():
    times = np.array([0, 1, 2, 9]).astype("datetime64[h]")
    assert make(times=times).sampling_step == np.timedelta64(1, "h")


def test_hash_sees_values_masks_and_names():
    values = np.zeros((4, 3, 1), np.float32)
    lost = values.copy()
    lost[0, 0] = np.nan
    hashes = {
        make().content_hash(),
        make(values=values).content_hash(),
        make(values=lost).content_hash(),
        make(location_ids=("a", "b", "c")).content_hash(),
    }
    assert len(hashes) == 4
    assert make().content_hash() == make().content_hash()
