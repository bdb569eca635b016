from dataclasses import replace

import numpy as np
import pytest

from stemdist_ray.clustering.aggregate import interpolated
from stemdist_ray.config import build_config
from stemdist_ray.data.prepared import prepare
from stemdist_ray.data.windows import evenly_spaced
from stemdist_ray.distillation.start import (
    StartTask,
    chosen_windows,
    cluster_by_task,
    cluster_source,
    clustered_data,
    covering,
    initial_state,
    known_parts,
    num_synthetic_windows,
    run_start,
)
from stemdist_ray.distillation.validation import real_data
from stemdist_ray.errors import ConfigError
from stemdist_ray.execution.serial import SerialExecutor
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


@pytest.mark.parametrize("kind", ["even", "random", "covering"])
def test_start_is_made_of_real_windows_of_the_centroids(work, kind):
    data, clustering, clustered = work
    config = build_config("demo", TINY, {"matching": {"init": kind, "locations": "centroid"}})
    state, known = initial_state(config, data, clustering, clustered)
    whole = interpolated(clustered.windows).batch(clustered.starts).x.numpy()
    every = whole[..., :1]  # without calendar
    for window in state.x:
        assert (every == window).all(axis=(1, 2, 3)).any()
    again, _ = initial_state(config, data, clustering, clustered)
    np.testing.assert_array_equal(state.x, again.x)
    if kind == "even":
        chosen = clustered.starts[evenly_spaced(len(clustered.starts), state.num_windows)]
        expected = interpolated(clustered.windows).batch(chosen)
        np.testing.assert_array_equal(known.inputs(state.x), expected.x.numpy())


def test_tasks_give_what_the_functions_give(work, tiny_config):
    """From the train split alone, which is what workers have."""
    data, clustering, clustered = work
    real = real_data(data, tiny_config)
    found = cluster_by_task(tiny_config, data, SerialExecutor(real))
    np.testing.assert_array_equal(found.assignment, clustering.assignment)
    np.testing.assert_array_equal(found.medoids, clustering.medoids)
    start = run_start(real, StartTask("start", tiny_config, clustering))
    state, known = initial_state(tiny_config, data, clustering, clustered)
    np.testing.assert_array_equal(start.clustered.windows.inputs, clustered.windows.inputs)
    np.testing.assert_array_equal(start.clustered.mean_window, clustered.mean_window)
    np.testing.assert_array_equal(start.state.x, state.x)
    np.testing.assert_array_equal(start.known.calendar, known.calendar)


def test_medoids_are_real_locations(work):
    data, clustering, clustered = work
    config = build_config("demo", TINY, {"matching": {"init": "even"}})
    state, _ = initial_state(config, data, clustering, clustered)
    starts = chosen_windows(config, data)
    windows = interpolated(data.windows.head(data.train_steps)).batch(starts)
    np.testing.assert_array_equal(state.x, windows.x.numpy()[:, :, clustering.medoids, :1])
    np.testing.assert_array_equal(state.y, windows.y.numpy()[:, :, clustering.medoids])
    unknown = replace(clustering, medoids=None)
    with pytest.raises(ConfigError, match="the clusters have no medoids"):
        initial_state(config, data, unknown, clustered)


@pytest.mark.parametrize("locations", ["medoid", "centroid"])
def test_known_parts_stay_exact_while_the_inputs_change(
    based, based_config, based_clusters, based_data, rng, locations
):
    matching = based_config.matching.model_copy(update={"locations": locations})
    config = based_config.model_copy(update={"matching": matching})
    state, known = initial_state(config, based, based_clusters, based_data)
    starts = chosen_windows(config, based)
    base = based_data.windows.base
    if locations == "medoid":
        base = based.windows.base.select(based_clusters.medoids)
    for x in (state.x, state.x + rng.normal(size=state.x.shape).astype(np.float32)):
        np.testing.assert_allclose(known.base(x), base.forecast(x, starts, None), atol=1e-5)
    rows = starts[:, None] + np.arange(6)
    np.testing.assert_array_equal(known.calendar, based.windows.calendar[rows])


def test_without_base_and_calendar_nothing_is_known(hourly, tiny_config):
    data = prepare(hourly.with_changes(times=None), tiny_config.data)
    known = known_parts(data.windows, np.array([0, 5]))
    assert (known.calendar, known.offset, known.own) == (None, None, None)


@pytest.mark.parametrize(("count", "wanted"), [(240, 10), (7, 7), (5, 9), (1, 1), (1000, 333)])
def test_covering_windows_are_distinct_and_one_per_stretch(count, wanted):
    at = covering(count, wanted)
    assert len(at) == min(count, wanted)
    assert (np.diff(at) > 0).all()
    stretch = np.arange(len(at)) * count // len(at)
    assert (at >= stretch).all()
    assert at[-1] < count


@pytest.mark.parametrize("days", [1, 2, 7])
def test_covering_windows_meet_all_hours_where_the_stride_is_a_number_of_days(days):
    wanted = 48
    count = wanted * 24 * days
    assert len(set((evenly_spaced(count, wanted) % 24).tolist())) == 1
    hours = np.bincount(covering(count, wanted) % 24, minlength=24)
    assert hours.min() > 0
    assert hours.max() <= 6
