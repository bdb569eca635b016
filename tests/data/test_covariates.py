import numpy as np
import pytest

from stemdist_ray.data.covariates import append_covariates, day_of_week, time_of_day
from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.errors import DataError

TIMES = np.array(["2024-01-01T00:00", "2024-01-01T06:00", "2024-01-07T18:00"], "datetime64[ns]")


def test_time_of_day_and_day_of_week():
    np.testing.assert_allclose(time_of_day(TIMES), [0, 0.25, 0.75])
    np.testing.assert_array_equal(day_of_week(TIMES), [0, 0, 6])


def test_covariates_are_appended_as_observed_features():
    values = np.zeros((3, 2, 1), np.float32)
    values[0, 0] = np.nan
    series = append_covariates(
        SpatioTemporalSeries(values, times=TIMES), ["time_of_day", "day_of_week"]
    )
    assert series.feature_names == ("value", "time_of_day", "day_of_week")
    np.testing.assert_allclose(series.values[:, 1, 1], [0, 0.25, 0.75])
    assert series.mask is not None
    assert series.mask[:, :, 1:].all()
    assert not series.mask[0, 0, 0]


def test_no_covariates_no_change():
    series = SpatioTemporalSeries(np.zeros((3, 2, 1)))
    assert append_covariates(series, ()) is series


def test_covariates_need_times():
    with pytest.raises(DataError, match="need time stamps"):
        append_covariates(SpatioTemporalSeries(np.zeros((3, 2, 1))), ["time_of_day"])


def test_covariate_that_is_there_already():
    series = SpatioTemporalSeries(np.zeros((3, 2, 1)), times=TIMES, feature_names=("time_of_day",))
    with pytest.raises(DataError, match="already"):
        append_covariates(series, ["time_of_day"])
