import json
import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from stemdist_ray.comparison.ranking.agreement import (
    Interval,
    Truth,
    advantage,
    agreement,
    intervals,
    resampled,
)
from stemdist_ray.system.files import finite

TRUTH = np.array([0.5, 0.6, 0.7, 0.8])


def compare(errors, truth=TRUTH):
    return agreement(np.asarray(errors)[:, None], Truth(np.asarray(truth)[:, None]))


def with_intervals(errors, truth, resamples=200, seed=1):
    drawn = resampled(errors, Truth(truth), resamples, np.random.default_rng(seed))
    return intervals(agreement(errors, Truth(truth)), drawn)


def test_the_same_order():
    found = compare([1.0, 2.0, 3.0, 9.0])
    assert (found.spearman, found.kendall) == pytest.approx((1.0, 1.0))
    assert (found.chosen, found.regret, found.regret_percent) == (0, 0.0, 0.0)


def test_another_order():
    """Computed by hand: squared rank differences 1, 1, 1, 1; one pair of six turned, twice."""
    found = compare([2.0, 1.0, 4.0, 3.0])
    assert found.spearman == pytest.approx(1 - 6 * 4 / (4 * 15))
    assert found.kendall == pytest.approx((4 - 2) / 6)
    assert found.chosen == 1
    assert found.regret == pytest.approx(0.1)
    assert found.regret_percent == pytest.approx(20.0)


def test_ties_are_counted_as_scipy_does(rng):
    for _ in range(20):
        one, other = rng.integers(4, size=(2, 9)).astype(float)
        found = compare(one, other + 1)
        assert found.spearman == pytest.approx(spearmanr(one, other).statistic)
        assert found.kendall == pytest.approx(kendalltau(one, other).statistic)


def test_what_diverged_ranks_last():
    found = compare([1.0, math.inf, 3.0, math.inf])
    same = compare([1.0, 9.0, 3.0, 9.0])
    assert found == same
    lost = compare([2.0, 1.0, 3.0, 4.0], [0.5, math.inf, 0.7, 0.8])
    assert lost.regret == math.inf
    assert math.isnan(compare(TRUTH, np.full(4, math.inf)).regret)


def test_ties_alone_are_no_order():
    found = compare(np.ones(4))
    assert math.isnan(found.spearman)
    assert math.isnan(found.kendall)


def test_intervals_hold_the_value_and_shrink_with_agreement(rng):
    truth = np.linspace(1.0, 2.0, 20)[:, None]
    noise = rng.normal(size=(20, 3))
    near, far = truth + 0.02 * noise, truth + 0.6 * noise
    one = with_intervals(near, truth)
    other = with_intervals(far, truth)
    again = with_intervals(far, truth)
    assert other == again
    for found in (one, other):
        for interval in found.values():
            assert interval.low <= interval.value <= interval.high
    assert one["spearman"].low > other["spearman"].value
    assert one["regret"].high <= other["regret"].high


def test_full_training_chooses_among_the_finalists():
    """By its validation error, which prefers the third here; the truth is the test error."""
    errors, full = np.array([[3.0], [1.0], [2.0], [4.0]]), np.array([[0.1], [0.7], [0.6], [0.9]])
    test = TRUTH[:, None]
    found = agreement(errors, Truth(test, full, finalists=2))
    assert (found.chosen, found.finalist) == (1, 2)
    assert found.finalist_regret == pytest.approx(0.2)
    assert found.finalist_regret_percent == pytest.approx(40.0)
    assert agreement(errors, Truth(test, full, finalists=9)).finalist == 0
    alone = agreement(errors, Truth(test, full))
    assert (alone.finalist, alone.finalist_regret) == (alone.chosen, alone.regret)


def test_copies_of_a_configuration_are_one_finalist():
    some = np.array([1, 1, 0])
    errors, test = np.array([2.0, 1.0])[some][:, None], np.array([0.5, 0.6])[some][:, None]
    found = agreement(errors, Truth(test, finalists=2), np.unique(some, return_index=True)[1])
    assert found.finalist == 2


def test_an_advantage_is_that_of_pairs(rng):
    """What is a little better on every resample has an interval that its own does not give it."""
    truth = np.linspace(1.0, 2.0, 20)[:, None]
    worse = truth + 0.3 * rng.normal(size=(20, 1))
    better = 0.5 * (truth + worse)
    sides = [
        (
            agreement(errors, Truth(truth)),
            resampled(errors, Truth(truth), 300, np.random.default_rng(1)),
        )
        for errors in (better, worse)
    ]
    found = advantage(*sides)
    assert 0 < found.low < found.value < found.high
    assert found.value == pytest.approx(sides[0][0].spearman - sides[1][0].spearman)
    assert advantage(sides[0], sides[0]) == Interval(0.0, 0.0, 0.0)


def test_where_nothing_is_known():
    found = with_intervals(np.ones((3, 1)), np.array([[1.0], [2.0], [3.0]]), 20)
    assert math.isnan(found["spearman"].low)
    assert found["regret"].value == 0.0
    tree = Interval(1.0, math.nan, 2.0).to_json()
    back = Interval.from_json({**tree, "low": None})
    assert math.isnan(back.low)
    assert (back.value, back.high) == (1.0, 2.0)


def test_infinities_come_back_from_json():
    """A configuration that was chosen and diverged when trained fully has no end of regret."""
    tree = json.loads(json.dumps(finite(Interval(math.inf, 0.5, math.inf).to_json())))
    assert Interval.from_json(tree) == Interval(math.inf, 0.5, math.inf)
