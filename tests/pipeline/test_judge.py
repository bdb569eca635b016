import numpy as np

from stemdist_ray.clustering.kmeans import cluster_locations, location_vectors
from stemdist_ray.data.windows import prepare
from stemdist_ray.distillation.state import SyntheticState
from stemdist_ray.execution.serial import SerialExecutor
from stemdist_ray.pipeline.judge import SyntheticJudge, driver_device
from stemdist_ray.pipeline.start import clustered_data, initial_state


def test_judge_repeats_and_sees_the_data(traffic, tiny_config):
    data = prepare(traffic, tiny_config.data)
    vectors = location_vectors(data.windows, data.starts["train"])
    clustering = cluster_locations(vectors, 6, tiny_config.clustering, 0)
    clustered = clustered_data(data, clustering)
    state = initial_state(tiny_config, data, clustered)
    judge = SyntheticJudge(data, clustering, tiny_config, SerialExecutor(clustered))
    assert judge(state).error == judge(state).error
    assert np.isfinite(judge(state).error)
    assert judge(state).train_seconds > 0
    noise = np.random.default_rng(0).normal(size=state.x.shape).astype(np.float32)
    assert judge(SyntheticState.fresh(noise, state.y)).error != judge(state).error


def test_device(tiny_config):
    assert driver_device(tiny_config) == "cpu"
