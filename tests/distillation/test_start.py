import numpy as np
import pytest

from stemdist_ray.clustering.aggregate import interpolated
from stemdist_ray.config import build_config
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.start import (
    cluster_source,
    clustered_data,
    initial_state,
    num_synthetic_windows,
)
from tests.conftest import TINY


@pytest.fixture
def work(traffic, tiny_config):
    data = prepare(traffic, tiny_config.data)
    clustering = cluster_source(tiny_config, data)
    return data, clustering, clustered_data(data, clustering)


def test_ratios_give_at_least_one_window(traffic, tiny_config):
    data = prepare(traffic, tiny_config.data)
    config = build_config("demo", TINY, {"temporal_ratio": 1e-6})
    assert num_synthetic_windows(config, data) == 1


def test_number_of_clusters_follows_the_ratio(work):
    assert work[1].num_clusters == round(0.4 * 24)


def test_workers_get_train_steps_only(work):
    data, _, clustered = work
    assert len(clustered.windows.inputs) == data.train_steps
    np.testing.assert_array_equal(
        clustered.mean_window, clustered.windows.mean_window(clustered.starts)
    )


@pytest.mark.parametrize("kind", ["even", "random"])
def test_start_is_made_of_real_windows_of_the_centroids(work, kind):
    data, _, clustered = work
    config = build_config("demo", TINY, {"matching": {"init": kind}})
    state = initial_state(config, data, clustered)
    every = interpolated(clustered.windows).batch(clustered.starts).x.numpy()
    for window in state.x:
        assert (every == window).all(axis=(1, 2, 3)).any()
    again = initial_state(config, data, clustered)
    np.testing.assert_array_equal(state.x, again.x)
    if kind == "even":
        chosen = clustered.starts[evenly_spaced(len(clustered.starts), state.num_windows)]
        expected = interpolated(clustered.windows).batch(chosen)
        np.testing.assert_array_equal(state.x, expected.x.numpy())
