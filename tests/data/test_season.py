import json

import numpy as np
import pytest

from stemdist_ray.data.season import SeasonRule, describe_season, propose_period


def stamps(first, count, step):
    times = np.datetime64(first, "ns") + np.arange(count) * np.timedelta64(*step)
    return times.astype("datetime64[ns]")


def months(first, last):
    return np.arange(first, last, dtype="datetime64[M]").astype("datetime64[ns]")


def test_hours_have_slots_of_the_day_and_day_types_that_train_has_seen():
    hours = stamps("2024-01-01", 400, (1, "h"))  # a Monday
    week = SeasonRule.find(hours, None, 6 * 24)
    assert (week.unit, week.slots, week.day_types, week.size) == ("day", 24, True, 48)
    days = SeasonRule.find(hours, None, 5 * 24)
    assert (days.slots, days.day_types, days.size) == (24, False, 24)


@pytest.mark.parametrize(
    ("times", "unit", "slots"),
    [
        (stamps("2024-01-01", 50, (5, "m")), "day", 288),
        (stamps("2024-01-01", 50, (1, "D")), "week", 7),
        (months("2020-01", "2023-01"), "year", 12),
        (stamps("2024-01-01", 50, (7, "D")), "none", 1),
        (None, "none", 1),
    ],
)
def test_the_sampling_suggests_the_season(times, unit, slots):
    rule = SeasonRule.find(times, None, 30)
    assert (rule.unit, rule.slots) == (unit, slots)


def test_a_period_from_the_settings_wins():
    rule = SeasonRule.find(stamps("2024-01-01", 50, (1, "h")), 10, 30)
    assert rule == SeasonRule("steps", 10)
    assert not rule.needs_times
    np.testing.assert_array_equal(rule.place(None, np.arange(8, 13)), [8, 9, 0, 1, 2])
    np.testing.assert_array_equal(rule.number(None, np.arange(8, 13)), [0, 0, 1, 1, 1])
    assert SeasonRule.find(None, 1, 30) == SeasonRule()


def test_without_a_season_every_step_has_the_same_place():
    steps = np.arange(5)
    np.testing.assert_array_equal(SeasonRule().place(None, steps), np.zeros(5))
    np.testing.assert_array_equal(SeasonRule().number(None, steps), np.zeros(5))
    assert SeasonRule().size == 1


def test_places_of_weekend_days_follow_those_of_weekdays():
    rule = SeasonRule("day", 24, day_types=True)
    times = np.array(["2024-01-05T23:00", "2024-01-06T00:00", "2024-01-07T05:00"], "datetime64[ns]")
    np.testing.assert_array_equal(rule.place(times, np.arange(3)), [23, 24, 29])
    np.testing.assert_array_equal(rule.slot(times, np.arange(3)), [23, 0, 5])
    number = rule.number(times, np.arange(3))
    np.testing.assert_array_equal(number - number[0], [0, 1, 2])


def test_stamps_that_are_a_little_late_fall_into_their_slot():
    rule = SeasonRule("day", 24)
    times = np.array(["2024-01-01T03:00:20", "2024-01-01T23:59:50"], "datetime64[ns]")
    np.testing.assert_array_equal(rule.slot(times, np.arange(2)), [3, 0])


def test_weeks_begin_on_monday_and_years_in_january():
    week, year = SeasonRule("week", 7), SeasonRule("year", 12)
    days = stamps("2024-01-07", 3, (1, "D"))  # a Sunday
    np.testing.assert_array_equal(week.place(days, np.arange(3)), [6, 0, 1])
    np.testing.assert_array_equal(np.diff(week.number(days, np.arange(3))), [1, 0])
    stamped = months("2020-11", "2021-02")
    np.testing.assert_array_equal(year.place(stamped, np.arange(3)), [10, 11, 0])
    np.testing.assert_array_equal(np.diff(year.number(stamped, np.arange(3))), [0, 1])


def test_as_plain_data():
    rule = SeasonRule("day", 288, day_types=True)
    assert SeasonRule(**json.loads(json.dumps(rule.to_json()))) == rule


@pytest.mark.parametrize("period", [24, 108])
def test_a_period_is_proposed(rng, period):
    wave = np.sin(2 * np.pi * np.arange(1500) / period)
    values = (wave[:, None] + 0.5 * rng.normal(size=(1500, 6))).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    found, height = propose_period(values)
    assert found == pytest.approx(period, abs=1)
    assert 0.3 < height <= 1.0


def test_the_period_is_the_shortest_and_not_its_multiple(rng):
    shape = rng.normal(size=24)  # with harmonics of all kinds
    values = np.tile(shape, 60)[:, None] + 0.1 * rng.normal(size=(1440, 3))
    assert propose_period(values.astype(np.float32))[0] == 24


def test_nothing_is_proposed_where_nothing_recurs(rng):
    assert propose_period(rng.normal(size=(1500, 6)).astype(np.float32)) is None
    assert propose_period(np.ones((300, 4), np.float32)) is None
    assert propose_period(np.full((300, 4), np.nan, np.float32)) is None
    assert propose_period(np.zeros((6, 2), np.float32)) is None


def test_what_is_said_of_a_season(rng):
    wave = np.sin(2 * np.pi * np.arange(480) / 24)[:, None] + 0.1 * rng.normal(size=(480, 3))
    values = wave.astype(np.float32)
    plain = describe_season(values, None)
    assert (plain["unit"], plain["slots"], plain["proposed_period"]) == ("none", 1, 24)
    assert 0.5 < plain["autocorrelation"] <= 1.1
    hours = describe_season(values, stamps("2024-01-01", 480, (1, "h")))
    assert (hours["unit"], hours["slots"], hours["proposed_period"]) == ("day", 24, 24)
    nothing = describe_season(rng.normal(size=(480, 3)).astype(np.float32), None)
    assert (nothing["proposed_period"], nothing["autocorrelation"]) == (None, None)


@pytest.mark.parametrize("period", [2, 3, 4, 5, 7, 12])
@pytest.mark.parametrize("seed", range(4))
def test_short_periods_are_not_pulled_down(period, seed):
    rng = np.random.default_rng(seed)
    wave = np.tile(rng.normal(size=period), 400 // period)[:, None]
    wave = wave + 0.2 * rng.normal(size=(len(wave), 3))
    found = propose_period(wave.astype(np.float32))
    assert found is None or (found[0] > 1 and found[0] % period == 0)


@pytest.mark.parametrize("seed", range(4))
def test_noise_on_a_slow_wave_is_no_period(seed):
    noise = np.random.default_rng(seed).normal(0, 0.5, (600, 1))
    slow = np.sin(np.arange(600) / 288 * 2 * np.pi)[:, None] + noise
    assert propose_period(slow.astype(np.float32)) is None  # seen twice, not three times
    day = slow[:288] - noise[:288]
    longer = np.tile(day, (4, 1)) + 0.3 * np.tile(noise, (2, 1))[: 4 * 288]
    assert propose_period(longer.astype(np.float32))[0] in range(280, 297)
