import numpy as np
import pytest

from stemdist_ray.data.merge import merged
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError
from stemdist_ray.system.free_memory import MemoryBudget

BUDGET = MemoryBudget(2**30)
HOURS = np.datetime64("2024-01-01") + np.arange(24) * np.timedelta64(1, "h")
WHOLE = SpatioTemporalSeries(
    values=np.arange(24 * 3 * 2, dtype=np.float32).reshape(24, 3, 2),
    times=HOURS,
    location_ids=("a", "b", "c"),
    feature_names=("speed", "flow"),
    units=("km/h", ""),
    coordinates=np.arange(6.0).reshape(3, 2),
)


def part(steps=slice(None), places=(0, 1, 2), features=(0, 1)):
    names = [WHOLE.location_ids[i] for i in places]
    return WHOLE.with_changes(
        values=WHOLE.values[steps][:, places][:, :, features],
        times=HOURS[steps],
        location_ids=tuple(names),
        coordinates=WHOLE.coordinates[list(places)],
        feature_names=tuple(WHOLE.feature_names[i] for i in features),
        units=tuple(WHOLE.units[i] for i in features),
        name=f"{steps}",
    )


def check(*parts, **changes):
    series = merged(parts, "all", BUDGET, **changes)
    np.testing.assert_array_equal(series.values, WHOLE.values)
    np.testing.assert_array_equal(series.times, HOURS)
    np.testing.assert_array_equal(series.coordinates, WHOLE.coordinates)
    assert (series.location_ids, series.feature_names) == (WHOLE.location_ids, ("speed", "flow"))
    assert (series.units, series.name) == (WHOLE.units, "all")


def test_parts_in_time_in_any_order():
    check(part(slice(10, 24)), part(slice(0, 10)))


def test_the_same_readings_twice():
    check(part(slice(0, 12)), part(slice(8, 24)))


def test_a_file_per_location_and_per_feature():
    check(part(places=(0,)), part(places=(1, 2)))
    check(part(features=(0,)), part(features=(1,)))


def test_what_no_part_has_is_missing():
    series = merged([part(slice(0, 12), (0, 1)), part(slice(12, 24), (1, 2))], "all", BUDGET)
    assert np.isnan(series.values[:12, 2]).all()
    assert np.isnan(series.values[12:, 0]).all()
    np.testing.assert_array_equal(series.values[:, 1], WHOLE.values[:, 1])


def test_different_readings_of_one_entry():
    first, other = part(slice(0, 12)), part(slice(11, 24))
    other = other.with_changes(values=other.values + 2)
    with pytest.raises(DataError, match=r"has 68 and an earlier file has 66 for speed at a, 2024"):
        merged([first, other], "all", BUDGET)
    kept = merged([first, other], "all", BUDGET, "first")
    np.testing.assert_array_equal(kept.values[11], WHOLE.values[11])
    mean = merged([first, other], "all", BUDGET, "mean")
    np.testing.assert_array_equal(mean.values[11], WHOLE.values[11] + 1)
    np.testing.assert_array_equal(mean.values[:11], WHOLE.values[:11])


def test_without_time_stamps_they_follow_each_other():
    parts = [part(slice(0, 10)), part(slice(10, 24))]
    bare = [p.with_changes(times=None) for p in parts]
    series = merged(bare, "all", BUDGET)
    np.testing.assert_array_equal(series.values, WHOLE.values)
    assert series.times is None
    with pytest.raises(DataError, match="has other locations or features"):
        merged([bare[0], part(slice(10, 24), (0, 1)).with_changes(times=None)], "all", BUDGET)
    with pytest.raises(DataError, match="has time stamps and .* has none"):
        merged([bare[0], parts[1]], "all", BUDGET)


def test_parts_that_have_nothing_in_common():
    days = [
        SpatioTemporalSeries(values=np.ones((5, 1)), times=HOURS[:5] + np.timedelta64(9 * i, "D"),
                             location_ids=(str(i),)) for i in range(40)
    ]  # fmt: skip
    with pytest.raises(DataError, match="hardly anything in common"):
        merged(days, "all", BUDGET)


def test_too_large():
    with pytest.raises(DataError, match=r"24 steps x 3 locations x 2 features would need"):
        merged([part(slice(0, 10)), part(slice(10, 24))], "all", MemoryBudget(100))
