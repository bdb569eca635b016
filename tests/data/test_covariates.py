import numpy as np
import pytest

from stemdist_ray.data.covariates import CalendarRule, day_of_week, time_of_day, time_of_year
from stemdist_ray.errors import DataError

TIMES = np.array(["2024-01-01T00:00", "2024-01-01T06:00", "2024-01-07T18:00"], "datetime64[ns]")
DAY = ("time_of_day_sin", "time_of_day_cos")
WEEK = ("day_of_week_sin", "day_of_week_cos")
YEAR = ("time_of_year_sin", "time_of_year_cos")


def stamps(first, count, step):
    times = np.datetime64(first, "ns") + np.arange(count) * np.timedelta64(*step)
    return times.astype("datetime64[ns]")


def find(times, train_steps, covariates="auto"):
    return CalendarRule.find(covariates, times, train_steps, "speeds").columns


def test_time_of_day_and_day_of_week():
    np.testing.assert_allclose(time_of_day(TIMES), [0, 0.25, 0.75])
    np.testing.assert_array_equal(day_of_week(TIMES), [0, 0, 6])


def test_time_of_year_knows_leap_years():
    times = np.array(["2023-01-01", "2023-07-02T12:00", "2024-07-02"], "datetime64[ns]")
    np.testing.assert_allclose(time_of_year(times), [0, 0.5, 0.5])


def test_days_of_the_week_need_all_seven_of_them_in_train():
    hours = stamps("2024-01-01", 400, (1, "h"))  # a Monday
    assert find(hours, 7 * 24) == (*DAY, *WEEK, "weekend")
    assert find(hours, 6 * 24) == (*DAY, "weekend")
    assert find(hours, 5 * 24) == DAY


def test_a_train_split_of_a_weekend_tells_no_weekdays():
    assert find(stamps("2024-01-06", 100, (1, "h")), 48) == DAY


def test_auto_follows_the_sampling():
    assert find(stamps("2024-01-01", 900, (1, "D")), 400) == YEAR
    months = np.arange("2020-01", "2024-01", dtype="datetime64[M]").astype("datetime64[ns]")
    assert find(months, 36) == YEAR
    assert find(months, 11) == ()
    assert find(None, 100) == ()


def test_covariates_that_are_asked_for():
    hours = stamps("2024-01-01", 400, (1, "h"))
    assert find(hours, 240, ("day_of_week",)) == (*WEEK, "weekend")
    assert find(hours, 240, ()) == ()
    assert find(hours, 240, ("month_of_year",)) == ()  # train has not seen twelve months
    with pytest.raises(DataError, match=r"speeds: covariates \['time_of_day'\] need time stamps"):
        find(None, 240, ("time_of_day",))


def test_encoded_columns():
    columns = CalendarRule((*DAY, "weekend")).encode(TIMES)
    assert columns.dtype == np.float32
    np.testing.assert_allclose(columns, [[0, 1, 0], [1, 0, 0], [-1, 0, 1]], atol=1e-6)
    assert CalendarRule().encode(TIMES) is None


def test_the_last_minutes_of_a_day_lie_beside_the_first():
    rule = CalendarRule(DAY)
    late, early, noon = rule.encode(
        np.array(["2024-01-01T23:55", "2024-01-02T00:00", "2024-01-02T12:00"], "datetime64[ns]")
    )
    assert np.linalg.norm(late - early) < 0.05
    assert np.linalg.norm(noon - early) == pytest.approx(2)
