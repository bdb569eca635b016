from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.distillation.teacher import (
    MemberTask,
    ScoreTask,
    TargetsTask,
    run_score,
    run_targets,
    score_teacher,
    taught_targets,
    train_member,
    train_teacher,
)
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.evaluation.predict import EvaluationWindows
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.progress import SilentReporter


class LastFirst(SerialExecutor):
    """Trains the members from the last to the first."""

    def run(self, function, tasks, on_done):
        return super().run(function, tasks[::-1], on_done)[::-1]


def with_teacher(config, **changes):
    return config.model_copy(update={"teacher": config.teacher.model_copy(update=changes)})


def train(config, source, kind=SerialExecutor):
    real = real_data(source, config)
    return train_teacher(config, real, kind(real), "cpu", SilentReporter())


def assert_same(one, two):
    for ours, theirs in zip(one.members, two.members, strict=True):
        for name, array in ours.items():
            np.testing.assert_array_equal(array, theirs[name])


def test_without_epochs_there_is_no_teacher(based, tiny_config):
    assert train(with_teacher(tiny_config, epochs=0), based) == (None, {})


def test_members_differ_and_their_order_of_training_does_not_matter(based, tiny_config):
    config = with_teacher(tiny_config, members=3, epochs=6)
    (one, errors), (two, others) = (train(config, based, k) for k in (SerialExecutor, LastFirst))
    assert_same(one, two)
    assert errors == others
    assert list(errors) == ["member 1", "member 2", "member 3", "mean", "base"]
    assert len({errors[f"member {i}"] for i in (1, 2, 3)}) == 3
    assert errors["mean"] <= max(errors[f"member {i}"] for i in (1, 2, 3))


def test_members_of_several_kinds(based, tiny_config):
    """Each is trained as if it were alone; the teacher forecasts their mean."""
    config = with_teacher(tiny_config, members=2, epochs=6, forecasters=("dlinear", "stid"))
    (one, errors), (two, others) = (train(config, based, k) for k in (SerialExecutor, LastFirst))
    assert [kind.name for kind in one.forecasters] == ["dlinear", "stid"]
    assert_same(one, two)
    assert errors == others
    alone, _ = train(with_teacher(config, members=1, forecasters=("dlinear",)), based)
    assert_same(alone, replace(one, members=one.members[:1], forecasters=one.forecasters[:1]))


def test_a_teacher_follows_the_seed(based, tiny_config):
    one, again = (train(tiny_config, based)[0] for _ in range(2))
    assert_same(one, again)
    other, _ = train(tiny_config.model_copy(update={"seed": 1}), based)
    name = "series.weight"
    assert not np.array_equal(one.members[0][name], other.members[0][name])


def test_it_is_never_worse_than_the_base_on_the_windows_that_choose(based, tiny_config):
    _, errors = train(with_teacher(tiny_config, epochs=6), based)
    assert errors["member 1"] <= errors["base"]
    selection = real_data(based, tiny_config).selection
    base = selection.score(lambda s: selection.windows.batch(s).base.numpy(), 99)
    assert errors["base"] == pytest.approx(base.relative_rmse)


def test_without_a_base_it_forecasts_alone(seasonal, tiny_config):
    teacher, errors = train(tiny_config, seasonal)
    assert "base" not in errors
    assert not teacher.shape.residual
    real = real_data(seasonal, tiny_config)
    assert score_teacher(teacher, real) == pytest.approx(errors["mean"])


def test_the_validation_windows_choose_and_test_is_not_there(based, tiny_config):
    real = real_data(based, tiny_config)
    assert len(real.windows.inputs) == based.train_steps
    chosen = EvaluationWindows.of(based, based.starts["val"][::19])
    task = MemberTask("one", tiny_config, seed=3, device="cpu")
    one = train_member(real, task)
    two = train_member(replace(real, selection=chosen.compact()), task)
    assert one.error != two.error
    assert one.seconds > 0


def test_steps_fit_small_data(based, tiny_config):
    real = real_data(based, tiny_config)
    few = replace(real, starts=real.starts[:5])
    config = with_teacher(tiny_config, windows=500, locations=500)
    assert np.isfinite(train_member(few, MemberTask("one", config, 0, "cpu")).error)


def test_targets_are_the_base_and_what_the_members_add(based_start, teacher):
    state, known = based_start
    targets = taught_targets(teacher, known, state.x)
    inputs = known.inputs(state.x)
    added = teacher.forecast(inputs, inputs.mean(axis=0).transpose(1, 0, 2))
    np.testing.assert_allclose(targets - known.base(state.x), added, atol=1e-5)
    assert targets.shape == state.y.shape
    np.testing.assert_allclose(known.residual(state.x, targets), added, atol=1e-5)


def test_targets_are_nearer_to_the_truth_than_nothing(based_start, teacher):
    state, known = based_start
    targets = taught_targets(teacher, known, state.x)
    assert np.square(targets - state.y).mean() < 0.5 * np.square(state.y).mean()


class Kept:
    """Keeps members in memory."""

    def __init__(self):
        self.members, self.asked = {}, []

    @contextmanager
    def held(self, members):
        self.asked.append(members)
        yield

    def load(self, index):
        return self.members.get(index)

    def save(self, member):
        self.members[member.index] = member


class Counting(SerialExecutor):
    """Counts the members that are trained, and dies after some."""

    def __init__(self, data, last=None):
        super().__init__(data)
        self.trained, self.last = 0, last

    def run(self, function, tasks, on_done):
        def done(result):
            on_done(result)
            self.trained += function is train_member
            if self.trained == self.last:
                raise KeyboardInterrupt

        return super().run(function, tasks, done)


def test_members_that_were_kept_are_not_trained_again(based, tiny_config):
    config, keeper = with_teacher(tiny_config, members=3), Kept()
    real, lines = real_data(based, config), []
    reporter = SilentReporter()
    reporter.say = lines.append
    dying, second = Counting(real, last=2), Counting(real)
    with pytest.raises(KeyboardInterrupt):
        train_teacher(config, real, dying, "cpu", reporter, keeper)
    assert sorted(keeper.members) == [0, 1]
    found, errors = train_teacher(config, real, second, "cpu", reporter, keeper)
    assert (second.trained, keeper.asked) == (1, [3, 3])
    assert lines[0] == "teacher: 2 of 3 members were trained before"
    calm, calm_errors = train(config, based)
    assert_same(found, calm)
    assert errors == calm_errors


def test_tasks_give_what_the_functions_give(based, based_start, tiny_config, teacher):
    real, (state, known) = real_data(based, tiny_config), based_start
    score = run_score(real, ScoreTask("score", teacher, "cpu", 1))
    assert score == score_teacher(teacher, real)
    targets = run_targets(None, TargetsTask("targets", teacher, known, state.x, "cpu", 1))
    np.testing.assert_array_equal(targets, taught_targets(teacher, known, state.x))
