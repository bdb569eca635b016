import dataclasses

import numpy as np
import pytest

from stemdist_ray.config import build_config
from stemdist_ray.distillation.coordinator import (
    Coordinator,
    Judgement,
    RoundRecord,
    RunObserver,
    out_of_patience,
    refine_matching,
)
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.execution.serial import SerialExecutor
from tests.conftest import TINY


class Recorder(RunObserver):
    def __init__(self):
        self.planned, self.done, self.rounds = [], 0, []

    def tasks_planned(self, name, count):
        self.planned.append((name, count))

    def task_done(self, update):
        self.done += 1

    def round_done(self, record, state):
        self.rounds.append(record.round)


def start_state(clustered):
    batch = clustered.windows.batch(np.arange(0, 50, 10))
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy())


def make(clustered, scores=None, saved=None, observer=None, **changes):
    config = build_config("demo", TINY, changes)
    queue = iter(scores) if scores is not None else None
    return Coordinator(
        config=config,
        data=clustered,
        executor=SerialExecutor(clustered),
        judge=lambda state: Judgement(next(queue) if queue else float(np.abs(state.x).mean()), 0.0),
        save=(saved.append if saved is not None else lambda state: None),
        observers=[observer] if observer else (),
    )


def run(coordinator, clustered):
    return coordinator.run(coordinator.start(start_state(clustered)))


def test_every_location_is_updated_once_per_matching_step(clustered):
    state = run(make(clustered), clustered)
    assert state.round == 2
    # 2 rounds of 2 shard steps and 1 refine step
    np.testing.assert_array_equal(state.synthetic.updates, 2 * (2 + 1))


def test_best_round_is_kept(clustered):
    state = run(make(clustered, scores=[0.5, 0.3, 0.4, 0.9], rounds=3), clustered)
    assert (state.best_round, state.best_score) == (1, 0.3)
    assert [r.validation for r in state.history] == [0.5, 0.3, 0.4, 0.9]
    assert not np.array_equal(state.best.x, state.synthetic.x)


def test_the_unlearned_start_may_be_best(clustered):
    state = run(make(clustered, scores=[0.1, 0.3, 0.4]), clustered)
    assert state.best_round == 0
    np.testing.assert_array_equal(state.best.x, start_state(clustered).x)


def test_patience(clustered):
    config = {"rounds": 6, "validation": {**TINY["validation"], "patience": 2}}
    state = run(make(clustered, scores=[0.5, 0.4, 0.6, 0.7, 0.1, 0.1, 0.1], **config), clustered)
    assert state.stopped_early
    assert state.round == 3


def test_rounds_are_validated_as_configured(clustered):
    config = {"rounds": 5, "validation": {**TINY["validation"], "every": 2}}
    state = run(make(clustered, **config), clustered)
    assert [r.round for r in state.history if r.validation is not None] == [0, 2, 4, 5]


def test_checkpoint_after_every_round_and_resume_gives_the_same(clustered):
    saved = []
    whole = run(make(clustered, saved=saved, rounds=3), clustered)
    assert [s.round for s in saved] == [0, 1, 2, 3]
    for state in saved[:3]:
        again = make(clustered, rounds=3).run(state)
        for name, array in whole.synthetic.arrays().items():
            np.testing.assert_array_equal(array, getattr(again.synthetic, name))


def test_one_shard_has_no_refine_task(clustered):
    observer = Recorder()
    run(make(clustered, observer=observer, num_shards=1), clustered)
    assert observer.planned == [("round 1", 1), ("round 2", 1)]
    observer = Recorder()
    run(make(clustered, observer=observer), clustered)
    assert observer.planned == [("round 1", 4), ("round 2", 4)]
    assert observer.done == 8
    assert observer.rounds == [0, 1, 2]


def test_partition_is_redrawn_every_round(clustered):
    coordinator = make(clustered)
    state = start_state(clustered)
    first, second = (
        [t.locations.tolist() for t in coordinator.shard_tasks(n, state)] for n in (1, 2)
    )
    assert first != second
    assert sorted(np.concatenate(first).tolist()) == list(range(8))


def test_tasks_have_different_seeds(clustered):
    coordinator = make(clustered)
    state = start_state(clustered)
    tasks = [*coordinator.shard_tasks(1, state), *coordinator.shard_tasks(2, state)]
    tasks += [coordinator._refine_task(1, state), coordinator._refine_task(2, state)]
    assert len({t.seed for t in tasks}) == len(tasks)


def test_refine_keeps_subsets_as_small_as_inside_a_shard():
    config = build_config("standard", {"num_shards": 5})
    refine = refine_matching(config)
    assert refine.subsets == 5 * config.matching.subsets
    assert refine.steps == config.refine.steps


@pytest.mark.parametrize(
    ("scores", "patience", "expected"),
    [
        ([5, 4, 3], 1, False),
        ([5, 6], 1, True),
        ([5, 6], 2, False),
        ([5, None, 6], 1, True),
        ([5, 6, 7, 8], 0, False),
    ],
)
def test_out_of_patience(scores, patience, expected):
    blank = RoundRecord(0, None, 0.0, 0.0, 0.0, 0.0, None)
    history = [dataclasses.replace(blank, round=i, validation=s) for i, s in enumerate(scores)]
    best = min((s, i) for i, s in enumerate(scores) if s is not None)[1]
    assert out_of_patience(history, best, patience) is expected
