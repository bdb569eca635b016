from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.distillation.state import KnownParts, SyntheticState
from stemdist_ray.distillation.teacher import taught_targets
from stemdist_ray.distillation.validation import Validator, real_data, validation_windows
from stemdist_ray.execution.serial import SerialExecutor


def test_validation_repeats_and_sees_the_data(traffic, tiny_config):
    source = prepare(traffic, tiny_config.data)
    clustering = cluster_source(tiny_config, source)
    clustered = clustered_data(source, clustering)
    state, known = initial_state(tiny_config, source, clustering, clustered)
    executor = SerialExecutor(clustered)
    validate = Validator(source, clustering.cluster_size, tiny_config, executor, known=known)
    assert validate(state).error == validate(state).error
    assert np.isfinite(validate(state).error)
    assert validate(state).train_seconds > 0
    noise = np.random.default_rng(0).normal(size=state.x.shape).astype(np.float32)
    assert validate(SyntheticState.fresh(noise, state.y)).error != validate(state).error


def test_settings_of_the_evaluation_do_not_decide_a_round(traffic, tiny_config):
    """Rounds are validated by settings of their own."""
    source = prepare(traffic, tiny_config.data)
    clustering = cluster_source(tiny_config, source)
    clustered = clustered_data(source, clustering)
    state, known = initial_state(tiny_config, source, clustering, clustered)

    def error(section, **changes):
        changed = getattr(tiny_config, section).model_copy(update=changes)
        config = tiny_config.model_copy(update={section: changed})
        executor = SerialExecutor(clustered)
        return Validator(source, clustering.cluster_size, config, executor, known=known)(
            state
        ).error

    assert error("evaluation", learning_rate=0.1, subsets=1) == error("evaluation")
    assert error("validation", learning_rate=0.1) != error("validation")


def test_what_is_known_of_the_windows_counts(
    based, based_config, based_clusters, based_start, teacher
):
    start, known = based_start
    state = SyntheticState.fresh(start.x, taught_targets(teacher, known, start.x))
    sizes = based_clusters.cluster_size
    longer = based_config.validation.model_copy(update={"epochs": 40})
    config = based_config.model_copy(update={"validation": longer})

    def error(known, source=based):
        validate = Validator(source, sizes, config, SerialExecutor(), known=known)
        return validate(state).error

    wrong = replace(known, offset=known.offset + 3)
    assert error(wrong) > error(known)
    alone = KnownParts(known.calendar)
    assert error(alone, based.with_base(None)) > error(known)


def test_targets_that_the_base_gives_keep_the_base(
    based, based_config, based_clusters, based_start
):
    """Where nothing is left to learn, the evaluator is the base itself."""
    state, known = based_start
    taught = SyntheticState.fresh(state.x, known.base(state.x))
    validate = Validator(
        based, based_clusters.cluster_size, based_config, SerialExecutor(), known=known
    )
    windows = validation_windows(based, based_config)
    base = windows.score(lambda s: based.windows.batch(s).base.numpy(), 99)
    assert validate(taught).error == pytest.approx(base.relative_rmse, rel=1e-5)


def test_what_tasks_read_of_the_real_series(based, based_config):
    real = real_data(based, based_config)
    assert len(real.windows.inputs) == based.train_steps
    np.testing.assert_array_equal(real.starts, based.starts["train"])
    np.testing.assert_array_equal(real.mean_window, based.mean_window())
    assert len(real.selection.starts) == based_config.validation.windows
    assert len(real.selection.windows.inputs) == 10 * len(real.selection.starts)
