import dataclasses
import pickle

import numpy as np
import pytest

from stemdist_ray.config import build_config
from stemdist_ray.distillation.coordinator import Coordinator
from stemdist_ray.distillation.run_state import RunObserver, resumed
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.task import ShardUpdate
from stemdist_ray.distillation.validation import ValidationResult
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


class Learner:
    """An executor that learns nothing: data move by what their task's seed says, at no cost."""

    def run(self, function, tasks, on_done):
        updates = [self._update(task) for task in tasks]
        for update in updates:
            on_done(update)
        return updates

    def _update(self, task):
        moved = task.state.x + np.float32(task.seed % 1000) / 1000
        steps = task.state.updates + task.matching.steps
        state = dataclasses.replace(task.state, x=moved, updates=steps)
        return ShardUpdate(task.locations, state, (1.0,), 0.0, 0.0)


def start_state(clustered):
    batch = clustered.windows.batch(np.arange(0, 50, 10))
    return SyntheticState.fresh(batch.x.numpy(), batch.y.numpy())


def make(clustered, scores=None, saved=None, observer=None, executor=None, **changes):
    # There are no locations behind these clusters.
    config = build_config("demo", TINY, {"matching": {"real": "clusters"}}, changes)
    queue = iter(scores) if scores is not None else None
    return Coordinator(
        config=config,
        data=clustered,
        executor=executor or Learner(),
        validate=lambda state: ValidationResult(
            next(queue) if queue else float(np.abs(state.x).mean()), 0.0
        ),
        save=(saved.append if saved is not None else lambda state: None),
        observers=[observer] if observer else (),
    )


def run(coordinator, clustered):
    return coordinator.run(coordinator.start(start_state(clustered)))


def test_every_location_is_updated_once_per_matching_step(clustered):
    state = run(make(clustered, executor=SerialExecutor(clustered)), clustered)
    assert state.round == 2
    # 2 rounds of 2 shard steps and 1 refine step
    np.testing.assert_array_equal(state.synthetic.updates, 2 * (2 + 1))


def test_best_round_is_kept(clustered):
    state = run(make(clustered, scores=[0.5, 0.3, 0.4, 0.9], rounds=3), clustered)
    assert (state.best_round, state.best_error) == (1, 0.3)
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


def test_one_shard_has_no_refine_tasks(clustered):
    observer = Recorder()
    run(make(clustered, observer=observer, num_shards=1), clustered)
    assert observer.planned == [("round 1", 1), ("round 2", 1)]
    observer = Recorder()
    run(make(clustered, observer=observer), clustered)
    assert observer.planned == [("round 1", 6), ("round 2", 6)]
    assert observer.done == 12
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
    for number in (1, 2):
        tasks += coordinator.shard_tasks(number, state, refining=True)
    assert len(tasks) == 12
    assert len({t.seed for t in tasks}) == len(tasks)
    assert len({t.name for t in tasks}) == len(tasks)


def test_refine_tasks_visit_every_location_across_the_borders_of_the_shards(clustered):
    coordinator = make(clustered, refine={"steps": 1, "inner_epochs": 0})
    state = start_state(clustered)
    shards = [set(t.locations.tolist()) for t in coordinator.shard_tasks(1, state)]
    tasks = coordinator.shard_tasks(1, state, refining=True)
    parts = [set(t.locations.tolist()) for t in tasks]
    assert sorted(np.concatenate([t.locations for t in tasks]).tolist()) == list(range(8))
    assert parts != shards
    assert any(part & shard for part in parts for shard in shards if part != shard)
    assert {t.matching.steps for t in tasks} == {1}


def test_refining_goes_on_from_what_the_shards_gave(clustered):
    coordinator = make(clustered)
    start = start_state(clustered)
    state = coordinator.run(coordinator.start(start))
    steps = coordinator.config.matching.steps + coordinator.config.refine.steps
    np.testing.assert_array_equal(state.synthetic.updates, 2 * steps)


def test_tasks_carry_their_slice_and_nothing_that_stays(based_data, based_start):
    """Calendar and base of the windows are shared once, not sent in every round."""
    state, _ = based_start
    coordinator = make(based_data, num_shards=2)
    for task in coordinator.shard_tasks(1, state):
        own = sum(array.nbytes for array in task.state.arrays().values())
        assert len(pickle.dumps(task, protocol=5)) < own + 4000


def errors(state):
    return [(r.round, r.validation) for r in state.history]


@pytest.mark.parametrize("every", [0, 1, 2, 3])
@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_more_rounds_equal_a_direct_run_for_every_rhythm(clustered, every, stop):
    """The last round is validated because it is the last; going on forgets that."""
    settings = {"validation": {**TINY["validation"], "every": every}}

    def scored(rounds):
        """Rounds score the worse the further they are from round 1, whoever asks."""
        coordinator = make(clustered, rounds=rounds, **settings)
        object.__setattr__(coordinator, "validate", lambda s: ValidationResult(score(s), 0.0))
        return coordinator

    first = run(scored(stop), clustered)
    assert first.history[-1].validation is not None
    longer = scored(5)
    longer = longer.run(resumed(first, longer.config))
    direct = run(scored(5), clustered)
    assert errors(longer) == errors(direct)
    assert longer.kept().round == direct.kept().round
    assert longer.kept().error == direct.kept().error
    np.testing.assert_array_equal(longer.kept().synthetic.x, direct.kept().synthetic.x)
    np.testing.assert_array_equal(longer.best.x, direct.best.x)


def score(state):
    # 2 shard steps and 1 refine step per round.
    return 0.5 + 0.1 * abs(int(state.updates[0]) // 3 - 1)


def test_the_last_round_may_be_kept_though_it_was_not_due(clustered):
    settings = {"validation": {**TINY["validation"], "every": 2}}
    state = run(make(clustered, scores=[0.5, 0.4, 0.3], rounds=3, **settings), clustered)
    assert (state.best_round, state.best_error) == (2, 0.4)
    assert (state.kept().round, state.kept().error) == (3, 0.3)
    assert state.kept().synthetic is state.synthetic


def test_a_round_that_becomes_the_last_one_is_validated(clustered):
    """A longer run was cut after a round that was not due; now that round is the last one."""
    settings = {"validation": {**TINY["validation"], "every": 2}}
    saved, again = [], []
    run(make(clustered, saved=saved, rounds=5, **settings), clustered)
    cut = saved[3]
    assert cut.history[-1].validation is None
    short = make(clustered, saved=again, rounds=3, **settings)
    state = short.run(resumed(cut, short.config))
    direct = run(make(clustered, rounds=3, **settings), clustered)
    assert [r.validation for r in state.history] == [r.validation for r in direct.history]
    assert state.final_error == direct.final_error
    assert state.kept().round == direct.kept().round
    assert again == [state]  # what is written down is what is told
