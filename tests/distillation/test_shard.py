import dataclasses

import numpy as np
import pytest
import torch

from stemdist_ray.config import ForecasterConfig
from stemdist_ray.distillation.shard import OBJECTIVES, run_shard
from stemdist_ray.distillation.task import ClusteredData
from stemdist_ray.errors import DivergenceError
from stemdist_ray.forecasters import FORECASTERS


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_a_task_is_a_pure_function(clustered, make_task, objective):
    task = make_task(objective=objective)
    inputs = clustered.windows.inputs.copy()
    x = task.state.x.copy()
    torch.manual_seed(1)
    one = run_shard(clustered, task)
    torch.manual_seed(2)
    two = run_shard(clustered, task)
    for name, array in one.state.arrays().items():
        np.testing.assert_array_equal(array, getattr(two.state, name))
    assert one.objectives == two.objectives
    assert len(one.objectives) == task.matching.steps
    np.testing.assert_array_equal(clustered.windows.inputs, inputs)
    np.testing.assert_array_equal(task.state.x, x)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
@pytest.mark.parametrize("name", FORECASTERS)
def test_every_forecaster_can_be_the_surrogate(clustered, make_task, name, objective):
    task = make_task(objective=objective, steps=2)
    task = dataclasses.replace(task, forecaster=ForecasterConfig(name=name))
    update = run_shard(clustered, task)
    assert np.isfinite(update.objectives).all()
    assert np.isfinite(update.state.x).all()
    assert np.abs(update.state.x - task.state.x).max() > 0
    assert np.abs(update.state.y - task.state.y).max() > 0


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_another_seed_another_update(clustered, make_task, objective):
    one, two = (run_shard(clustered, make_task(objective=objective, seed=s)) for s in (1, 2))
    assert not np.array_equal(one.state.x, two.state.x)


def test_threads_and_random_state_are_given_back(clustered, make_task):
    before = torch.get_num_threads()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run_shard(clustered, dataclasses.replace(make_task(), threads=2))
    assert torch.get_num_threads() == before
    assert torch.equal(torch.rand(1), expected)


def test_divergence_is_an_error(clustered, make_task):
    spoiled = clustered.windows.inputs.copy()
    spoiled[:] = np.float32(3e38)
    data = ClusteredData(
        dataclasses.replace(clustered.windows, inputs=spoiled),
        clustered.starts,
        clustered.mean_window,
        clustered.cluster_size,
    )
    with pytest.raises(DivergenceError, match="test shard: the synthetic data became non-finite"):
        run_shard(data, make_task(objective="unrolled"))


@pytest.mark.parametrize("locations", [(0,), (0, 1)])
def test_fewer_locations_than_subsets(clustered, make_task, locations):
    update = run_shard(clustered, make_task(locations=locations, subsets=4))
    assert update.state.x.shape[2] == len(locations)


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
def test_tasks_on_top_of_a_base(based_data, make_based_task, objective):
    task = make_based_task(objective=objective)
    one, two = (run_shard(based_data, task) for _ in range(2))
    np.testing.assert_array_equal(one.state.x, two.state.x)
    assert np.abs(one.state.x - task.state.x).max() > 0
    assert np.isfinite(one.objectives).all()
