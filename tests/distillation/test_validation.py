import numpy as np

from stemdist_ray.data.prepared import prepare
from stemdist_ray.distillation.start import cluster_source, clustered_data, initial_state
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.distillation.validation import Validator
from stemdist_ray.execution.serial import SerialExecutor


def test_validation_repeats_and_sees_the_data(traffic, tiny_config):
    source = prepare(traffic, tiny_config.data)
    clustering = cluster_source(tiny_config, source)
    clustered = clustered_data(source, clustering)
    state = initial_state(tiny_config, source, clustered)
    executor = SerialExecutor(clustered)
    validate = Validator(source, clustering.cluster_size, tiny_config, executor)
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
    state = initial_state(tiny_config, source, clustered)

    def error(section, **changes):
        changed = getattr(tiny_config, section).model_copy(update=changes)
        config = tiny_config.model_copy(update={section: changed})
        executor = SerialExecutor(clustered)
        return Validator(source, clustering.cluster_size, config, executor)(state).error

    assert error("evaluation", learning_rate=0.1, subsets=1) == error("evaluation")
    assert error("validation", learning_rate=0.1) != error("validation")
