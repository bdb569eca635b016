import pytest

from stemdist_ray.config import WorkerConfig
from stemdist_ray.errors import ExecutionError
from stemdist_ray.sweeps.resources import how_many_fit, plan_trials, wanted_bundles


def plan(nodes, shards=4, concurrent=None, **worker):
    return plan_trials(WorkerConfig(**worker), shards, 0.5, concurrent, nodes)


@pytest.mark.parametrize(
    ("nodes", "concurrent", "workers", "at_once"),
    [
        ([{"CPU": 2}], None, 1, 1),
        ([{"CPU": 2}], 2, 0, 2),  # a share of one core: each trial does the work itself
        ([{"CPU": 1}], None, 0, 1),
        ([{"CPU": 64}], None, 4, 14),  # never more workers than shards
        ([{"CPU": 64}], 4, 4, 4),
        ([{"CPU": 8}, {"CPU": 8}], 4, 3, 4),
    ],
)
def test_open_number_of_workers(nodes, concurrent, workers, at_once):
    found = plan(nodes, concurrent=concurrent)
    assert (found.workers, found.concurrent) == (workers, at_once)


def test_bundles_are_the_coordinator_and_its_workers():
    assert plan([{"CPU": 9}], num_workers=2).bundles == ({"CPU": 0.5}, {"CPU": 1.0}, {"CPU": 1.0})
    assert plan([{"CPU": 9}], num_workers=0).bundles == ({"CPU": 1.0},)
    gpu = plan([{"CPU": 9, "GPU": 2}], num_workers=2, num_gpus=0.5)
    assert gpu.bundles[1] == {"CPU": 1.0, "GPU": 0.5}
    assert gpu.concurrent == 2
    node = {"CPU": 9, "memory": 5e9}
    memory = plan([node], num_workers=None, memory="1GB")
    assert memory.bundles[1] == {"CPU": 1.0, "memory": 1e9}
    assert (memory.workers, memory.concurrent) == (4, 1)


def test_what_an_autoscaler_is_asked_for():
    worker = WorkerConfig(num_gpus=1)
    one = ({"CPU": 0.5}, *({"CPU": 1.0, "GPU": 1.0},) * 4)
    assert wanted_bundles(worker, 4, 0.5, None) == one
    assert wanted_bundles(worker, 4, 0.5, 3) == one * 3
    assert wanted_bundles(WorkerConfig(num_workers=0), 4, 0.5, 2) == ({"CPU": 1.0},) * 2


@pytest.mark.parametrize(
    ("nodes", "worker", "words"),
    [
        ([{"CPU": 2}], {"num_workers": 2}, "one trial wants 2.5 CPU .* has 2 CPU on 1 machine,"),
        ([{"CPU": 4}], {"num_workers": 1, "num_gpus": 1}, "1 GPU .* has 4 CPU"),
        ([{"CPU": 2}] * 3, {"num_workers": 1, "num_cpus": 4}, "has 6 CPU on 3 machines"),
    ],
)
def test_too_small_is_said(nodes, worker, words):
    with pytest.raises(ExecutionError, match=words):
        plan(nodes, **worker)


def test_bundles_are_not_cut_across_machines():
    assert how_many_fit([{"CPU": 3}], [{"CPU": 4}, {"CPU": 4}]) == 2
    assert how_many_fit([{"CPU": 3}, {"CPU": 1}], [{"CPU": 4}, {"CPU": 4}]) == 2
    assert how_many_fit([{"CPU": 3}, {"CPU": 3}], [{"CPU": 5}]) == 0
