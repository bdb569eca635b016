import pytest

from jobs.benchmarks.intervals import mean_and_interval


def test_the_interval_of_a_mean():
    mean, (low, high) = mean_and_interval([1.0, 2.0, 3.0])
    assert mean == 2
    assert (low, high) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)  # t = 4.303, s = 1
