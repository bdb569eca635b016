import numpy as np
import pytest

from stemdist_ray.config import DataConfig
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.season import SeasonRule
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.forecasters.closed_form.profile import ProfileSums, SeasonProfile

CONFIG = DataConfig(lookback=3, horizon=2, season=4, split=(0.6, 0.2, 0.2))


def source(values, **settings):
    series = SpatioTemporalSeries(np.asarray(values, np.float32))
    return prepare(series, CONFIG.model_copy(update=settings))


@pytest.fixture
def gappy_source(rng):
    values = rng.normal(size=(60, 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    return source(values)


def test_sums_hold_the_observed_train_readings_per_fold_and_place(gappy_source):
    sums, series = ProfileSums.of(gappy_source), gappy_source.windows
    assert (sums.num_seasons, sums.num_folds, gappy_source.train_steps) == (9, 5, 36)
    total, count = np.zeros_like(sums.total), np.zeros_like(sums.count)
    for step in range(36):
        for location in range(3):
            if series.input_mask[step, location, 0]:
                total[sums.fold[step], step % 4, location] += series.inputs[step, location, 0]
                count[sums.fold[step], step % 4, location] += 1
    np.testing.assert_allclose(sums.total, total, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(sums.count, count)


def test_folds_are_runs_of_whole_seasons_and_end_with_train(gappy_source):
    fold = ProfileSums.of(gappy_source).fold
    assert (fold[36:] == -1).all()
    seasons = fold[:36].reshape(9, 4)
    assert (seasons == seasons[:, :1]).all()
    assert (np.diff(seasons[:, 0]) >= 0).all()
    assert set(seasons[:, 0].tolist()) == set(range(5))


def test_what_follows_train_plays_no_role(gappy_source, rng):
    values = gappy_source.scaler.inverse(gappy_source.windows.inputs[..., 0], 0)
    values[~gappy_source.windows.input_mask[..., 0]] = np.nan
    changed = values.copy()
    changed[36:] = rng.normal(size=(24, 3))
    one, two = (ProfileSums.of(source(v)) for v in (values, changed))
    np.testing.assert_array_equal(one.total, two.total)
    np.testing.assert_array_equal(one.count, two.count)


def test_a_place_is_shrunk_by_one_reading_towards_the_level(gappy_source):
    sums = ProfileSums.of(gappy_source)
    profile = sums.profile(gappy_source.season, smoothing=0.0, rank=4)
    total, count = sums.total.sum(axis=0), sums.count.sum(axis=0)
    level = total.sum(axis=0) / count.sum(axis=0)
    np.testing.assert_allclose(profile.level, level, rtol=1e-5, atol=1e-6)
    slot = (total + level) / (count + 1)
    mean = (total + slot) / (count + 1)  # the day types of this season are one
    found = profile.coefficients @ profile.patterns
    np.testing.assert_allclose(found, (mean - level).T, rtol=1e-4, atol=1e-5)


def test_a_fold_can_be_left_out(gappy_source):
    sums = ProfileSums.of(gappy_source)
    rule = gappy_source.season
    without = sums.profile(rule, 0.0, 3, without=2)
    kept = [0, 1, 3, 4]
    alone = ProfileSums(sums.total[kept], sums.count[kept], sums.fold, sums.num_seasons)
    np.testing.assert_allclose(without.level, alone.profile(rule, 0.0, 3).level, rtol=1e-6)
    assert not np.allclose(without.level, sums.profile(rule, 0.0, 3).level, rtol=1e-3)


def test_lower_ranks_are_the_first_patterns_of_higher_ones(gappy_source):
    profile = ProfileSums.of(gappy_source).profile(gappy_source.season, 0.0, 3)
    whole = profile.coefficients @ profile.patterns
    errors = [
        np.square(whole - cut.coefficients @ cut.patterns).sum()
        for cut in (profile.truncated(rank) for rank in (0, 1, 2, 3))
    ]
    assert errors == sorted(errors, reverse=True)
    assert profile.truncated(2).rank == 2
    np.testing.assert_allclose(profile.patterns @ profile.patterns.T, np.eye(3), atol=1e-5)


def test_smoothing_evens_out_neighbouring_slots(rng):
    rule = SeasonRule("steps", 24)
    noisy = np.tile(rng.normal(size=24), 10)[:, None] * np.ones(2)
    sums = ProfileSums.of(source(noisy, season=24))
    rough, smooth = (sums.profile(rule, s, 2) for s in (0.0, 3.0))
    jumps = [np.abs(np.diff((p.coefficients @ p.patterns)[0])).sum() for p in (rough, smooth)]
    assert jumps[1] < 0.5 * jumps[0]


def test_day_types_have_profiles_of_their_own(seasonal):
    sums = ProfileSums.of(seasonal)
    profile = sums.profile(seasonal.season, 0.0, 12)
    deviation = (profile.coefficients @ profile.patterns).reshape(12, 2, 24)
    weekday, weekend = np.abs(deviation).mean(axis=2).T
    assert (weekday > weekend).all()


def test_without_a_season_there_is_only_the_level(gappy_source):
    plain = gappy_source.windows
    data = source(gappy_source.scaler.inverse(plain.inputs[..., 0], 0), season=None)
    sums = ProfileSums.of(data)
    assert (sums.num_seasons, sums.num_folds) == (1, 1)
    profile = sums.profile(data.season, 0.0, 12)
    assert (profile.rank, profile.coefficients.shape, profile.patterns.shape) == (0, (3, 0), (0, 1))
    mean = data.windows.inputs[: data.train_steps, :, 0].mean(axis=0)
    np.testing.assert_allclose(profile.level, mean, rtol=1e-5, atol=1e-6)


def test_a_location_that_was_never_seen_is_at_the_train_mean(rng):
    values = rng.normal(size=(60, 3)).astype(np.float32)
    values[:, 1] = np.nan
    values[50:, 1] = 4.0
    data = source(values)
    profile = ProfileSums.of(data).profile(data.season, 1.0, 3)
    assert profile.level[1] == 0
    np.testing.assert_allclose(profile.coefficients[1], 0, atol=1e-6)


def test_one_location_has_rank_one(rng):
    data = source(rng.normal(size=(60, 1)))
    profile = ProfileSums.of(data).profile(data.season, 0.0, 12)
    assert isinstance(profile, SeasonProfile)
    assert (profile.rank, profile.patterns.shape) == (1, (1, 4))
