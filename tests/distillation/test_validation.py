import pickle
from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import StartTask, cluster_source, run_start
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.teacher import taught_targets
from stemdist_ray.distillation.validation import Validator, real_data, validation_windows
from stemdist_ray.execution.serial import SerialExecutor


@pytest.fixture
def begun(traffic, tiny_config):
    """A start, and all that evaluators read besides."""
    source = prepare(traffic, tiny_config.data)
    clustering, real = cluster_source(tiny_config, source), real_data(source, tiny_config)
    start = run_start(real, StartTask("start", tiny_config, clustering))
    return start.state, replace(start.clustered, real=real, known=start.known)


def test_validation_repeats_and_sees_the_data(begun, tiny_config):
    state, clustered = begun
    validate = Validator(tiny_config, SerialExecutor(clustered))
    assert validate(state).error == validate(state).error
    assert np.isfinite(validate(state).error)
    assert validate(state).train_seconds > 0
    noise = np.random.default_rng(0).normal(size=state.x.shape).astype(np.float32)
    assert validate(SyntheticState.fresh(noise, state.y)).error != validate(state).error


def test_settings_of_the_evaluation_do_not_decide_a_round(begun, tiny_config):
    """Rounds are validated by settings of their own."""
    state, clustered = begun

    def error(section, **changes):
        changed = getattr(tiny_config, section).model_copy(update=changes)
        config = tiny_config.model_copy(update={section: changed})
        return Validator(config, SerialExecutor(clustered))(state).error

    assert error("evaluation", learning_rate=0.1, subsets=1) == error("evaluation")
    assert error("validation", learning_rate=0.1) != error("validation")


def test_what_is_known_of_the_windows_counts(based, based_config, based_data, based_start, teacher):
    start, known = based_start
    state = SyntheticState.fresh(start.x, taught_targets(teacher, known, start.x))
    longer = based_config.validation.model_copy(update={"epochs": 40})
    config = based_config.model_copy(update={"validation": longer})

    def error(known, source=based):
        data = replace(based_data, known=known, real=real_data(source, config))
        return Validator(config, SerialExecutor(data))(state).error

    wrong = replace(known, offset=known.offset + 3)
    assert error(wrong) > error(known)
    alone = KnownParts(known.calendar)
    assert error(alone, based.with_base(None)) > error(known)


def test_targets_that_the_base_gives_keep_the_base(based, based_config, based_data, based_start):
    """Where nothing is left to learn, the evaluator is the base itself."""
    state, known = based_start
    taught = SyntheticState.fresh(state.x, known.base(state.x))
    validate = Validator(based_config, SerialExecutor(based_data))
    windows = validation_windows(based, based_config)
    base = windows.score(lambda s: based.windows.batch(s).base.numpy(), 99)
    assert validate(taught).error == pytest.approx(base.relative_rmse, rel=1e-5)


class Weighing(SerialExecutor):
    """Notes how many bytes its tasks are."""

    def run(self, function, tasks, on_done):
        self.bytes = [len(pickle.dumps(task, protocol=5)) for task in tasks]
        return super().run(function, tasks, on_done)


def test_a_task_carries_the_synthetic_data_and_nothing_that_stays(
    based_config, based_data, based_start
):
    """Validation windows, mean windows, calendar and base are shared once, not sent every round."""
    state, _ = based_start
    executor = Weighing(based_data)
    Validator(based_config, executor)(state)
    settings = len(pickle.dumps(based_config, protocol=5))
    assert max(executor.bytes) < state.x.nbytes + state.y.nbytes + settings + 2000


def test_what_tasks_read_of_the_real_series(based, based_config):
    real = real_data(based, based_config)
    assert len(real.windows.inputs) == based.train_steps
    np.testing.assert_array_equal(real.starts, based.starts["train"])
    np.testing.assert_array_equal(real.mean_window, based.mean_window())
    assert len(real.selection.starts) == based_config.validation.windows
    assert len(real.selection.windows.inputs) == 10 * len(real.selection.starts)
