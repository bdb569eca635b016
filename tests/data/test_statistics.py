import numpy as np
import pytest

from stemdist_ray.data.series import SpatioTemporalSeries
from stemdist_ray.data.statistics import series_statistics


def test_statistics_skip_missing_entries():
    values = np.array([[0.0, 2.0], [4.0, np.nan]])
    (numbers,) = series_statistics(SpatioTemporalSeries(values))
    assert numbers["mean"] == pytest.approx(2)
    assert (numbers["min"], numbers["max"]) == (0, 4)
    assert numbers["zero_share"] == pytest.approx(1 / 3)


def test_a_feature_that_was_never_observed():
    values = np.ones((3, 2, 2), np.float32)
    values[:, :, 1] = np.nan
    assert np.isnan(series_statistics(SpatioTemporalSeries(values))[1]["mean"])
