import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from stemdist_ray.comparison.ranking.agreement import Interval, agreement, intervals

TRUTH = np.array([0.5, 0.6, 0.7, 0.8])


def test_the_same_order():
    found = agreement(np.array([1.0, 2.0, 3.0, 9.0]), TRUTH)
    assert (found.spearman, found.kendall) == pytest.approx((1.0, 1.0))
    assert (found.chosen, found.regret, found.regret_percent) == (0, 0.0, 0.0)


def test_another_order():
    """Computed by hand: squared rank differences 1, 1, 1, 1; one pair of six turned, twice."""
    found = agreement(np.array([2.0, 1.0, 4.0, 3.0]), TRUTH)
    assert found.spearman == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert found.kendall == pytest.approx((4 - 2) / 6)
    assert found.chosen == 1
    assert found.regret == pytest.approx(0.1)
    assert found.regret_percent == pytest.approx(20.0)


def test_ties_are_counted_as_scipy_does(rng):
    for _ in range(20):
        one, other = rng.integers(4, size=(2, 9)).astype(float)
        found = agreement(one, other + 1)
        assert found.spearman == pytest.approx(spearmanr(one, other).statistic)
        assert found.kendall == pytest.approx(kendalltau(one, other).statistic)


def test_what_diverged_ranks_last():
    found = agreement(np.array([1.0, math.inf, 3.0, math.inf]), TRUTH)
    same = agreement(np.array([1.0, 9.0, 3.0, 9.0]), TRUTH)
    assert found == same
    lost = agreement(np.array([2.0, 1.0, 3.0, 4.0]), np.array([0.5, math.inf, 0.7, 0.8]))
    assert lost.regret == math.inf
    assert math.isnan(agreement(TRUTH, np.full(4, math.inf)).regret)


def test_ties_alone_are_no_order():
    found = agreement(np.ones(4), TRUTH)
    assert math.isnan(found.spearman)
    assert math.isnan(found.kendall)


def test_intervals_hold_the_value_and_shrink_with_agreement(rng):
    truth = np.linspace(1.0, 2.0, 20)[:, None]
    noise = rng.normal(size=(20, 3))
    near, far = truth + 0.02 * noise, truth + 0.6 * noise
    one = intervals(near, truth, 200, np.random.default_rng(1))
    other = intervals(far, truth, 200, np.random.default_rng(1))
    again = intervals(far, truth, 200, np.random.default_rng(1))
    assert other == again
    for found in (one, other):
        for interval in found.values():
            assert interval.low <= interval.value <= interval.high
    assert one["spearman"].low > other["spearman"].value
    assert one["regret"].high <= other["regret"].high


def test_where_nothing_is_known():
    found = intervals(
        np.ones((3, 1)), np.array([[1.0], [2.0], [3.0]]), 20, np.random.default_rng(0)
    )
    assert math.isnan(found["spearman"].low)
    assert found["regret"].value == 0.0
    tree = Interval(1.0, math.nan, 2.0).to_json()
    back = Interval.from_json({**tree, "low": None})
    assert math.isnan(back.low)
    assert (back.value, back.high) == (1.0, 2.0)
