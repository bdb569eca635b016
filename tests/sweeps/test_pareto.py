import numpy as np
import pytest

from stemdist_ray.sweeps.pareto import pareto_front, spread


def test_front_of_two_objectives():
    values = [(1, 9), (2, 5), (3, 5), (4, 1), (2, 9)]
    assert pareto_front(values) == [0, 1, 3]


def test_one_objective_has_one_winner_even_when_tied():
    assert pareto_front([(3,), (1,), (2,), (1,)]) == [1]


def test_what_is_not_finite_is_left_out():
    assert pareto_front([(np.nan, 1), (np.inf, 0), (2, 2)]) == [2]
    assert pareto_front([]) == []


def test_front_agrees_with_its_definition(rng):
    values = rng.integers(0, 12, (80, 3)).astype(float)
    found = set(pareto_front(values))
    for i, own in enumerate(values):
        beaten = any((other <= own).all() and (other < own).any() for other in values)
        if i in found:
            assert not beaten
        else:
            assert beaten or any((values[j] == own).all() for j in found)


@pytest.mark.parametrize(("wanted", "chosen"), [(9, [3, 0, 1, 2]), (2, [3, 2]), (1, [3]), (0, [])])
def test_spread_begins_with_the_lowest_error(wanted, chosen):
    values = [(2, 5), (3, 4), (4, 3), (1, 9)]
    assert spread(pareto_front(values), values, wanted) == chosen
