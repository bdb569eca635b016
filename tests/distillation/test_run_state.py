import dataclasses

import numpy as np
import pytest

from stemdist_ray.config import build_config
from stemdist_ray.distillation.run_state import (
    RoundRecord,
    RunState,
    impatient_round,
    is_due,
    resumed,
)
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.errors import ConfigError

BLANK = RoundRecord(0, None, 0.0, 0.0, 0.0, 0.0, None)


def records(scores):
    return tuple(dataclasses.replace(BLANK, round=i, validation=s) for i, s in enumerate(scores))


def state_after(scores, **changes):
    data = SyntheticState.fresh(np.zeros((1, 2, 3, 1)), np.zeros((1, 2, 3)))
    validated = [(s, i) for i, s in enumerate(scores) if s is not None]
    best, number = min(validated)
    state = RunState(len(scores) - 1, data, data, number, best, records(scores))
    return dataclasses.replace(state, **changes)


def config(rounds, patience=0):
    return build_config("standard", {"rounds": rounds, "validation": {"patience": patience}})


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        ([5, 4, 3], 1, None),
        ([5, 6], 1, 1),
        ([5, 6], 2, None),
        ([5, None, 6], 1, 2),
        ([5, 6, 7, 8], 0, None),
        ([5, 6, 4, 7, 8, 9], 2, 4),
    ],
)
def test_patience(scores, patience, expected):
    assert impatient_round(records(scores), patience) == expected


def test_rhythm_of_validation():
    assert [n for n in range(7) if is_due(n, 3)] == [0, 3, 6]
    assert [n for n in range(7) if is_due(n, 0)] == [0]


def test_going_on_forgets_the_validation_of_a_last_round_that_was_not_due():
    state = state_after([0.5, None, 0.4, 0.3], best_round=2, best_error=0.4, final_error=0.3)
    assert state.kept().round == 3
    going_on = resumed(state, config(rounds=4))
    assert [r.validation for r in going_on.history] == [0.5, None, 0.4, None]
    assert going_on.kept().round == 2
    assert resumed(state, config(rounds=3)) == state


def test_fewer_rounds_than_are_done_are_refused():
    with pytest.raises(ConfigError, match="rounds=2: the checkpoint is after round 3"):
        resumed(state_after([5, 4, 3, 2]), config(rounds=2))


def test_patience_that_ran_out_stays_so_until_there_is_more_of_it():
    stopped = state_after([5, 6, 7], stopped_early=True)
    assert resumed(stopped, config(rounds=9, patience=2)).stopped_early
    assert not resumed(stopped, config(rounds=9, patience=3)).stopped_early
    assert not resumed(stopped, config(rounds=9)).stopped_early
    with pytest.raises(ConfigError, match="would have stopped after round 1"):
        resumed(stopped, config(rounds=9, patience=1))
