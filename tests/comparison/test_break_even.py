import math
from dataclasses import dataclass, field

import pytest

from stemdist_ray.comparison.break_even import (
    break_even,
    break_even_lines,
    break_evens,
    seconds_to_reach,
)


@dataclass
class Point:
    train_seconds: float
    test: float


@dataclass
class Trained:
    curve: list = field(default_factory=list)


def row(*pairs):
    return Trained([Point(*pair) for pair in pairs])


@pytest.mark.parametrize(
    ("distil", "full", "distilled", "models"),
    [
        (100, 12, 2, 10),
        (101, 12, 2, 11),
        (1, 50, 2, 1),
        (100, 2, 2, None),
        (100, 2, 3, None),
        (math.nan, 12, 2, None),
    ],
)
def test_models_after_which_it_pays(distil, full, distilled, models):
    assert break_even(distil, full, distilled) == models


def test_seconds_to_the_first_point_that_is_good_enough():
    curve = row((1, 0.9), (2, 0.5), (3, 0.7), (4, 0.4)).curve
    assert [seconds_to_reach(curve, e) for e in (0.95, 0.5, 0.45, 0.3)] == [1, 2, 4, None]
    assert seconds_to_reach([], 1.0) is None


@pytest.fixture
def tracks():
    return {
        "with_base": {
            "distilled": row((1, 0.5), (2, 0.4), (4, 0.35)),
            "node_sampled": row((5, 0.5), (10, 0.4), (20, 0.45)),
            "random_subset": row((1, 0.6)),
        },
        "network_alone": {
            "distilled": row((1, 0.8)),
            "node_sampled": row((3, 0.5)),
            "full_data": row((50, 0.3)),
        },
    }


def test_either_side_is_given_the_time_to_the_same_error(tracks):
    found = break_evens(tracks, 80.0)
    assert list(found) == [
        "with_base.node_sampled",
        "network_alone.node_sampled",
        "network_alone.full_data",
    ]
    assert found["with_base.node_sampled"] == {
        "relative_rmse": 0.4,
        "full_seconds": 10,
        "distilled_seconds": 2,
        "models": 10,
    }
    # Against the network alone stands training on the distilled data on the default track.
    assert found["network_alone.node_sampled"]["distilled_seconds"] == 1
    assert found["network_alone.node_sampled"]["models"] == 40
    never = found["network_alone.full_data"]
    assert (never["distilled_seconds"], never["models"]) == (None, None)


def test_where_nothing_was_trained_there_is_nothing_to_compare(tracks):
    assert break_evens({"with_base": {"distilled": row((1, 0.5))}}, 80.0) == {}
    empty = {"with_base": {**tracks["with_base"], "distilled": row()}}
    assert break_evens(empty, 80.0) == {}


def test_in_words(tracks):
    tracks["with_base"]["full_data"] = row((1.5, 0.4))
    lines = break_even_lines(tracks, 80.0)
    assert lines == [
        "against full data, sampled, with base (0.400 in 10.0 s): as good after 2.0 s; "
        "distilling pays from 10 models on",
        "against full data, with base (0.400 in 1.5 s): as good after 2.0 s; "
        "distilling does not pay",
        "against full data, sampled, alone (0.500 in 3.0 s): as good after 1.0 s; "
        "distilling pays from 40 models on",
        "against full data, alone (0.300 in 50.0 s): not reached on the distilled data",
    ]
