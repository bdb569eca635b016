import numpy as np

from stemdist_ray.forecasters.closed_form.base_model import group_means
from stemdist_ray.forecasters.closed_form.base_parts import group_locations
from stemdist_ray.forecasters.closed_form.fit_tasks import (
    GroupTask,
    ProfileTask,
    SampleTask,
    Way,
    run_groups,
    run_profiles,
    run_sample,
)
from stemdist_ray.forecasters.closed_form.profile import ProfileSums, season_folds


def test_groups_and_their_means(seasonal):
    found = run_groups(seasonal, GroupTask("groups", True, seed=0, threads=1))
    membership = group_locations(seasonal, 0)
    np.testing.assert_array_equal(found.membership, membership)
    means, overall = group_means(seasonal.windows, membership)
    np.testing.assert_array_equal(found.means, means)
    np.testing.assert_array_equal(found.overall, overall)
    alone = run_groups(seasonal, GroupTask("groups", False, seed=0, threads=1))
    assert alone.membership.shape == (12, 0)
    np.testing.assert_allclose(alone.overall, overall, rtol=1e-4, atol=1e-6)  # other sums


def test_profiles_leave_the_folds_out_one_at_a_time(seasonal):
    sums, folds = ProfileSums.of(seasonal), int(season_folds(seasonal)[0].max()) + 1
    assert folds == sums.num_folds > 1
    crossed = run_profiles(seasonal, ProfileTask("p", Way(1.0, True, 4), folds))
    assert len(crossed) == folds + 1
    for found, without in zip(crossed, (*range(folds), None), strict=True):
        wanted = sums.profile(seasonal.season, 1.0, 4, without)
        np.testing.assert_array_equal(found.level, wanted.level)
        np.testing.assert_allclose(found.patterns, wanted.patterns, atol=1e-6)
    (whole,) = run_profiles(seasonal, ProfileTask("p", Way(1.0, False, 4), folds))
    np.testing.assert_array_equal(whole.coefficients, crossed[-1].coefficients)


def test_sampled_locations_are_those_of_the_series(seasonal):
    some = np.array([1, 4, 7])
    found = run_sample(seasonal, SampleTask("sample", some))
    wanted = seasonal.windows.select(some)
    np.testing.assert_array_equal(found.inputs, wanted.inputs)
    assert (found.input_mask is None) == (wanted.input_mask is None)
    np.testing.assert_array_equal(found.calendar, wanted.calendar)
